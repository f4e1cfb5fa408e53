"""Searches on real engines: what they find, what they spend, and that they can be repeated."""

import itertools

import numpy as np
import pytest

from synthmatch_jax.search.budget import Budget
from synthmatch_jax.search.locks import Locks
from synthmatch_jax.search.search import LANES
from synthmatch_jax.search.seeds import Seed
from synthmatch_jax.search.strategy import Sieve
from synthmatch_jax.synths.description import Care
from synthmatch_jax.synths.play import hosting
from synthmatch_jax.synths.registry import Engine
from tests.search.conftest import Task
from tests.synths.remote import CANARY, instrument


def found(search):
  """All that a search has found, but for the time that it took."""
  steps = [(s.controls.tobytes(), s.sound.tobytes(), s.value, s.renders) for s in search]
  tried = [(one.controls.tobytes(), one.value) for one in search.tried]
  return steps, tried, [one.renders for one in search.chosen(3)]


def test_a_search_gets_nearer_within_its_budget(vital):
  search = vital.search()
  steps = list(search)
  values = [step.value for step in steps]
  assert len(steps) > 1
  assert values == sorted(values, reverse=True)
  assert values[-1] < 0.9 * values[0]
  assert search.trace == [(step.renders, step.value) for step in steps]
  assert search.renders == len(search.tried) == 20
  assert not search.was_stopped
  assert (search.start, search.best) == (steps[0], steps[-1])
  assert steps[0].is_seed
  assert not steps[-1].is_seed
  assert search.expected_seconds == pytest.approx(search.seconds)
  assert search.trouble is None


def test_a_trace_of_noise_and_reverb_is_turned_off_at_the_end(vital):
  traces = np.isin(vital.recipe.space.names, ["noise_amp", "master_fx2_dry_wet"])
  beside = np.where(traces, 0.004, vital.controls).astype(np.float32)
  seed = Seed(controls=beside, name="with traces")
  search = vital.search(seeds=[seed], step=1e-4, budget=Budget(renders=40))
  list(search)
  off = [one for one in search.tried if (one.controls[traces] == 0).all()]
  assert off
  assert min(one.renders for one in off) > 20


def test_the_number_of_threads_changes_nothing(vital):
  alone, together = (found(vital.search(workers=workers)) for workers in (1, 2))
  assert alone == together
  assert found(vital.search(seed=1)) != alone


def test_a_sieve_lets_pass_what_is_near_and_the_number_of_threads_changes_nothing_either(vital):
  """The sieve knows the target's controls."""
  near = Sieve(times=4, distances=lambda some: np.abs(some - vital.controls).sum(axis=1))
  locks = Locks.parse(["noise_amp"], vital.recipe.space)
  alone, together = (vital.search(workers=n, sieve=near, locks=locks) for n in (1, 2))
  assert found(alone) == found(together)
  plain = vital.search(locks=locks)
  list(plain)
  place = vital.recipe.space.names.index("noise_amp")
  assert {float(one.controls[place]) for one in alone.tried} == {0.5}
  assert alone.renders == plain.renders == 20
  far = [
    np.mean([near.distances(one.controls[None]) for one in search.tried[1:] if not one.is_seed])
    for search in (alone, plain)
  ]
  assert far[0] < 0.9 * far[1]


def test_an_engine_that_is_there_already_can_be_searched_on(vital):
  with hosting(vital.engine) as host:
    host.renew()
    once = found(vital.search(engine=host))
    host.renew()
    assert found(vital.search(engine=host)) == once
  assert len(once[1]) == 20


def test_whatever_it_is_stopped_by_keeps_what_was_found(vital):
  whole = vital.search()
  steps = list(whole)
  left = vital.search()
  kept = list(itertools.islice(left, 2))
  assert [step.value for step in kept] == [step.value for step in steps[:2]]
  assert left.best == kept[-1]
  assert left.chosen(1)[0].value == kept[-1].value
  stopped = vital.search(stopped=lambda: len(stopped.tried) >= 9)
  assert [step.value for step in stopped] == [s.value for s in steps if s.renders <= 9]
  assert stopped.was_stopped
  assert stopped.renders == 9


def test_ctrl_c_keeps_what_was_found(vital):
  search = vital.search()
  with pytest.raises(KeyboardInterrupt):
    for step in search:
      if not step.is_seed:
        raise KeyboardInterrupt
  assert search.best is not None
  assert search.chosen(1)[0].renders == search.best.renders


def test_a_budget_in_seconds_ends_it(vital):
  search = vital.search(budget=Budget(seconds=0.3))
  assert list(search)
  assert search.seconds >= 0.3
  assert search.expected_seconds == 0.3


def test_seeds_are_ranked_and_the_best_is_where_it_begins(vital):
  good = vital.controls + np.float32(0.01)
  seeds = [np.full(16, value, np.float32) for value in (0.5, 0.2)] + [good, good]
  search = vital.search(
    seeds=[Seed(controls=one, name=str(k)) for k, one in enumerate(seeds)],
    budget=Budget(renders=12),
  )
  steps = list(search)
  assert steps[0].seed == 0
  assert {one.seed for one in search.tried if not one.is_seed} == {2}
  begun = [one.controls for one in search.tried if not one.is_seed]
  assert np.abs(np.mean(begun, axis=0) - good).max() < 0.15
  few = vital.search(seeds=[Seed(controls=one, name="") for one in seeds], budget=Budget(renders=2))
  list(few)
  assert [one.seed for one in few.tried] == [0, 1]


def test_what_is_locked_stays(vital):
  texts = [*vital.recipe.space.names[3:], "osc1_position=64"]
  locks = Locks.parse(texts, vital.recipe.space)
  search = vital.search(locks=locks)
  list(search)
  tried = np.stack([one.controls for one in search.tried])
  assert (tried[:, 0] == np.float32(0.25)).all()
  assert (tried[:, 3:] == 0.5).all()
  assert len(np.unique(tried[:, 1])) > 10
  all_locked = vital.search(locks=Locks.parse(vital.recipe.space.names, vital.recipe.space))
  assert len(list(all_locked)) == all_locked.renders == 1


def test_where_nothing_sounds_the_first_seed_is_the_answer(vital):
  silent = Seed(controls=np.zeros(16, np.float32), name="silent")
  locks = Locks.parse(["osc1_amp", "osc2_amp", "noise_amp"], vital.recipe.space)
  search = vital.search(seeds=[silent], locks=locks)
  assert list(search) == []
  assert search.best is None
  assert np.isinf([one.value for one in search.tried]).all()
  (answer,) = search.chosen(1)
  assert answer.is_seed


def test_a_plugin_is_searched_as_vital_is(plugin):
  alone, together = (found(plugin.search(workers=workers)) for workers in (1, LANES))
  assert alone == together
  assert len(alone[0]) > 1


@pytest.mark.parametrize("variant", ["crash@7", pytest.param("drift@4", marks=pytest.mark.slow)])
def test_a_plugin_that_crashes_or_drifts_costs_time_only(variant, plugin, testbed, monkeypatch):
  wanted = found(plugin.search())
  monkeypatch.setenv("TESTBED", variant)
  assert found(plugin.search()) == wanted


def test_what_the_engine_fails_on_has_no_value(plugin, testbed, monkeypatch):
  monkeypatch.setenv("TESTBED", "crash>osc1_position=0.55")
  care = Care(tries=1, render_seconds=5.0, load_seconds=30.0, canary=CANARY)
  engine = Engine(name="testbed", plugin=instrument(care=care), path=str(testbed))
  search = Task(plugin.recipe, engine, plugin.controls, plugin.target).search()
  assert len(list(search)) > 1
  place = plugin.recipe.space.names.index("osc1_position")
  failed = [one for one in search.tried if one.controls[place] > 0.55]
  assert failed
  assert all(np.isinf(one.value) for one in failed)
  assert "crashed" in str(search.trouble)
  assert search.renders == 20
