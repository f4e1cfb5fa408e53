"""Whatever a plugin does to its process: one sentence, and the work goes on."""

import gc
import multiprocessing
import os
import pickle
import re
import signal
import struct
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.synths import hosts, life
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.description import Care
from synthmatch_jax.synths.play import hosting
from tests.synths.remote import Puppet


@pytest.fixture
def host():
  made = []

  def make(**care):
    told = []
    limits = Care(**{"load_seconds": 60.0, "render_seconds": 2.0} | care)
    made.append(hosts.host(Puppet(limits=limits), report=told.append))
    made[-1].told = told
    return made[-1]

  yield make
  for one in made:
    one.close()


def pipe():
  """The connection of the process that this runs in."""
  frame = sys._getframe()
  while "_connection" not in vars(frame.f_locals.get("self", frame.f_builtins.__class__)):
    frame = frame.f_back
  return frame.f_locals["self"]._connection


def half(length):
  """Begins an answer of that many bytes, and no more."""
  os.write(pipe().fileno(), struct.pack("!i", length) + b"half")


def stop():
  os.kill(os.getpid(), signal.SIGSTOP)


def leave_a_helper():
  if os.fork() == 0:
    time.sleep(20)  # Holds the pipe open.
    os._exit(0)


WAYS = {
  "chatter": (lambda: [os.write(n, b"garbage" * 100_000) for n in (1, 2)], None),
  "no pickle": (lambda: pipe().send_bytes(b"garbage"), "gave an answer that cannot be read"),
  "empty": (lambda: pipe().send_bytes(b""), "gave an answer that cannot be read"),
  "no answer": (lambda: pipe().send_bytes(pickle.dumps(3)), "gave an answer that cannot be read"),
  "negative": (lambda: os.write(pipe().fileno(), struct.pack("!i", -7)), "cannot be read"),
  "enormous": (
    lambda: os.write(pipe().fileno(), struct.pack("!iQ", -1, 2**40)),
    "gave an answer of over 1 GiB in a render",
  ),
  "dies at half": (lambda: (half(100), os._exit(3)), r"crashed in a render \(exit status 3\)"),
  "hangs at half": (lambda: (half(100), time.sleep(60)), "gave no answer for 2 s in a render"),
  "stops at half": (lambda: (half(10**8), stop()), "gave no answer for 2 s in a render"),
  "stopped": (stop, "gave no answer for 2 s in a render"),
  "closed": (lambda: (pipe().close(), time.sleep(60)), "closed its connection in a render"),
  "exits": (lambda: os._exit(0), r"crashed in a render \(exit status 0\)"),
  "killed": (
    lambda: os.kill(os.getpid(), signal.SIGKILL),
    r"was killed in a render \(SIGKILL\), as by a system that is out of memory",
  ),
  "out of memory": (lambda: bytearray(2**62), "ran out of memory"),
  "helper": (lambda: (leave_a_helper(), os._exit(0)), "gave no answer for 2 s in a render"),
}


def once(synth, way, folder):
  """Misbehaves the first time; then gives an answer."""
  try:
    (folder / "done").touch(exist_ok=False)
  except FileExistsError:
    return "an answer"
  WAYS[way][0]()
  return "an answer"


@pytest.mark.parametrize("way", WAYS)
def test_whatever_a_process_does_costs_a_sentence_and_some_time(host, way, tmp_path):
  one, says = host(), WAYS[way][1]
  one.call(once, "chatter", tmp_path)
  (tmp_path / "done").unlink()
  start = time.monotonic()
  assert one.call(once, way, tmp_path) == "an answer"
  assert time.monotonic() - start < 15
  if says is None:
    assert one.told == []
  else:
    (sentence,) = one.told
    assert re.search(says, sentence)


def give(synth, value=None):
  return value


def ids(synth):
  return os.getpid(), os.getppid()


def test_a_large_call_to_a_stopped_process_does_not_wait_for_ever(host):
  one = host(load_seconds=5.0)
  os.kill(one.call(ids)[0], signal.SIGSTOP)
  large = np.arange(10**6)  # More than any pipe holds.
  np.testing.assert_array_equal(one.call(give, large), large)
  assert one.told == ["gave no answer for 5 s before a render"]


def test_the_fork_server_may_die(host):
  one = host()
  os.kill(one.call(ids)[1], signal.SIGKILL)
  assert one.call(give, 3) == 3


def test_what_cannot_travel_is_a_bug_that_is_told(host):
  with pytest.raises(RuntimeError, match="cannot pickle"):
    host().call(give_lock)


def give_lock(synth):
  return threading.Lock()


def slowly(synth, value, seconds):
  time.sleep(seconds)
  return value


def test_an_answer_that_nobody_waited_for_is_not_the_next_one(host):
  one = host()
  one.call(give)
  main = threading.main_thread().ident
  threading.Timer(1.0, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
  with pytest.raises(KeyboardInterrupt):
    one.call(slowly, "old", 30.0)
  assert one.call(slowly, "new", 0.0) == "new"


def test_no_process_gets_a_sentence(host, monkeypatch):
  def refuse(*_):
    raise OSError(24, "Too many open files")

  one = host()
  monkeypatch.setattr(life._CONTEXT.Process, "start", refuse)
  with pytest.raises(UserError, match="no process can be started for puppet: Too many open files"):
    one.call(give)


def sounds(synth, count, wait, hang_at=-1, after=0.0):
  for i in range(count):
    synth.render({"wait": 60.0 if i == hang_at else wait})
  time.sleep(after)
  return len(synth.played)


def test_a_deleted_working_directory_is_told(host, tmp_path, monkeypatch):
  (tmp_path / "gone").mkdir()
  monkeypatch.chdir(tmp_path / "gone")
  (tmp_path / "gone").rmdir()
  try:
    with pytest.raises(UserError, match=r"puppet: the working directory was deleted; change to"):
      host().call(give)
  finally:
    monkeypatch.undo()


def test_limits_are_of_a_sound_however_many_a_call_makes(host):
  one = host()
  assert one.call(sounds, 18, 0.2, -1, 4.0) == 18  # 7.6 s, where a sound has 2.
  assert one.told == []


def test_a_hang_among_many_sounds_is_found_as_soon_as_in_one(host):
  one = host(tries=1)
  one.call(sounds, 1, 0.0)
  start = time.monotonic()
  with pytest.raises(RenderError, match=r"gave no answer for 2 s in a render"):
    one.call(sounds, 18, 0.0, 12)
  assert 1.9 < time.monotonic() - start < 6


def test_a_process_is_replaced_after_so_many_sounds_in_whatever_calls(host):
  one = host(renders=7)
  assert [one.call(sounds, 3, 0.0) for _ in range(5)] == [3, 6, 9, 3, 6]


def test_canaries_come_after_so_many_sounds(host):
  one = host(canary_every=8, canary={"canary": 1.0})
  heard = list(one.steadily(lambda i: one.call(listing, i), range(6)))[-1]
  # The second process that learns the canary stays; then eight sounds, a canary, ...
  assert heard == "c" + 2 * "ssssssssc" + "ssssssss"


def listing(synth, i):
  sounds(synth, 4, 0.0)
  return "".join("c" if "canary" in patch else "s" for patch in synth.played)


@pytest.mark.skipif(sys.platform != "linux", reason="counts files as Linux lists them")
def test_a_closed_host_leaves_no_thread_and_no_file_behind():
  others = set(multiprocessing.active_children())

  def left():
    # An engine's process that was killed needs a moment to end.
    deadline = time.monotonic() + 30
    while set(multiprocessing.active_children()) - others:
      assert time.monotonic() < deadline
      time.sleep(0.01)
    gc.collect()
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

  with hosting(Puppet()) as first:  # Starts the fork server, which stays.
    first.call(give)
  del first
  before = left()
  for value in range(3):
    with hosting(Puppet()) as one:
      one.call(give, value)
  del one
  deadline = time.monotonic() + 30
  while any(now > then for now, then in zip(left(), before, strict=True)):
    assert time.monotonic() < deadline  # Fewer are right: those of other tests may end meanwhile.
    time.sleep(0.1)
