"""The pool against plain loops over its engines."""

import itertools
import os
import sys
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from synthmatch_jax.audio.note import Note
from synthmatch_jax.synths import hosts, registry
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.pool import Pool
from synthmatch_jax.synths.registry import Engine

SPACE = registry.engine("vital").space

VITAL = Engine(name="vital")


def sound(synth, number):
  controls = np.random.default_rng(number).random(SPACE.width)
  note = Note(hold_seconds=0.2)
  return synth.render(SPACE.decode(controls), note=note, seconds=0.3, sample_rate=44_100)


def failing(synth, number):
  if number == 2:
    raise RenderError("not this one")
  return number, id(synth)


ITEMS = [(number,) for number in range(7)]


def test_results_come_in_order_and_do_not_depend_on_the_number_of_threads():
  wanted = {}
  for lane in range(3):
    host = hosts.host(VITAL)
    wanted |= {k: host.call(sound, k) for k in range(lane, 7, 3)}
  for workers in (1, 2, 3):
    with Pool(VITAL, size=3, workers=workers) as pool:
      found = list(pool.map(sound, ITEMS))
      for k in range(7):
        np.testing.assert_array_equal(found[k], wanted[k])
      pool.renew()
      np.testing.assert_array_equal(next(pool.map(sound, ITEMS)), wanted[0])


@pytest.mark.parametrize("lanes", [1, 2, 5])
def test_lanes_have_the_same_results_in_any_pool_whatever_it_plays_meanwhile(lanes):
  wanted = {}
  for lane in range(lanes):
    host = hosts.host(VITAL)
    wanted |= {k: host.call(sound, k) for k in range(lane, 7, lanes)}
  for size in (1, 3):
    with Pool(VITAL, size=size) as pool, ThreadPoolExecutor(2) as threads:
      noise = threads.submit(lambda: list(pool.map(sound, ITEMS)))
      for found in threads.map(lambda _: list(pool.map(sound, ITEMS, lanes=lanes)), range(2)):
        for k in range(7):
          np.testing.assert_array_equal(found[k], wanted[k])
      assert len(noise.result()) == 7


def test_an_engine_that_is_made_ahead_plays_what_a_new_one_plays(monkeypatch):
  makers, make = [], Engine.make

  def noting(engine):
    makers.append(threading.current_thread().name)
    return make(engine)

  monkeypatch.setattr(Engine, "make", noting)
  with Pool(VITAL, size=1) as pool:
    first, *others = [list(pool.map(sound, ITEMS[:2], lanes=1)) for _ in range(4)]
  for found in others:
    np.testing.assert_array_equal(found, first)
  # From the second list on, which renews the engine first, the next one is made meanwhile.
  assert makers[0] == makers[1] != makers[2] == makers[3] == makers[4]


def test_closing_calls_off_a_list_whose_turn_has_not_come():
  begun, go = threading.Event(), threading.Event()

  def wait(synth):
    begun.set()
    assert synth and go.wait(60)

  pool = Pool(VITAL, size=1)
  with ThreadPoolExecutor(3) as threads:
    first = threads.submit(lambda: list(pool.map(wait, [()])))
    assert begun.wait(60)
    second = threads.submit(lambda: list(pool.map(sound, ITEMS)))
    closing = threads.submit(pool.close)
    go.set()
    assert first.result(60) == [None]
    closing.result(60)
    with pytest.raises((CancelledError, RuntimeError)):  # Queued, or too late for that.
      second.result(60)


def test_what_the_engine_fails_on_is_an_error_in_its_place():
  with Pool(VITAL, size=2) as pool:
    found = list(pool.map(failing, ITEMS))
  assert isinstance(found[2], RenderError)
  kept = [one for k, one in enumerate(found) if k != 2]
  assert [number for number, _ in kept] == [0, 1, 3, 4, 5, 6]
  assert len({engine for _, engine in kept}) == 2
  assert len({engine for number, engine in kept if number % 2}) == 1


def test_an_engine_is_lent_to_one_at_a_time():
  with Pool(VITAL, size=2) as pool:
    with pool.lend() as one, pool.lend() as other:
      assert one is not other
      third = threading.Thread(target=lambda: pool.lend().__enter__(), daemon=True)
      third.start()
      third.join(0.2)
      assert third.is_alive()
    third.join(5)
    assert not third.is_alive()


def test_whoever_stops_early_drops_the_rest():
  done = []

  def noting(synth, number):
    del synth
    done.append(number)
    return number

  with Pool(VITAL, size=1) as pool:
    found = pool.map(noting, [(k,) for k in range(10_000)])
    assert next(found) == 0
    found.close()
    assert len(done) < 10_000
    assert list(itertools.islice(pool.map(noting, ITEMS), 2)) == [0, 1]


def test_a_mistake_of_a_task_is_raised():
  with Pool(VITAL, size=2) as pool, pytest.raises(ZeroDivisionError):
    list(pool.map(lambda synth, number: 1 / (number - 3), ITEMS))


def test_an_engine_that_cannot_be_renewed_is_an_error_and_no_standstill(monkeypatch):
  def renew(self):
    raise OSError("too many open files")

  with (
    Pool(VITAL, size=2) as pool,
    monkeypatch.context() as patch,
    pytest.raises(OSError, match="too many"),
  ):
    patch.setattr(hosts.ThreadHost, "renew", renew)
    list(pool.map(sound, ITEMS, lanes=2))


@pytest.mark.skipif(sys.platform != "linux", reason="the memory is that of Linux's /proc")
def test_the_memory_of_a_pool_is_given_back():
  def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

  sizes = []
  for _ in range(4):
    with Pool(VITAL, size=2) as pool:
      list(pool.map(sound, ITEMS[:2]))
    sizes.append(resident())
  assert max(sizes[2:]) - sizes[1] < 100e6  # One pool of two engines takes 250 MB.
