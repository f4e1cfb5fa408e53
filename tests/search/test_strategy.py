"""Ask and tell, on functions whose minimum is known."""

import numpy as np
import pytest

from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.search.quantiles import Quantiles
from synthmatch_jax.search.strategy import (
  STEP,
  STRATEGIES,
  AtRandom,
  CmaEs,
  Sieve,
  free,
  one_off,
  step_from,
)
from synthmatch_jax.spaces import prior
from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.spaces.space import ParameterSpace
from tests.search.test_locks import MIXED, VITAL

START = np.array([0.5, 0.1, 0.9, 0.4], np.float32)
FREE = np.array([True, False, True, True])


@pytest.fixture(scope="module")
def scale():
  """A scale on which all values are alike."""
  space = ParameterSpace("four", tuple(Continuous(name=n, meaning="") for n in "abcd"))
  uniform = prior.load("uniform", space)
  return Quantiles(Recipe(engine="", fingerprint="", space=space, prior=uniform))


def run(strategy, minimum, rounds):
  best = np.inf
  for _ in range(rounds):
    asked = strategy.ask()
    values = np.square(asked - minimum).sum(1)
    values[0] = np.inf  # The engine has failed on one.
    strategy.tell(values)
    best = min(best, values.min())
  return best


def test_cma_es_finds_a_minimum_inside_and_at_a_bound(scale):
  for place in (0.3, 1.0):
    minimum = np.array([place, 0.1, place, place])
    assert run(CmaEs(START, FREE, scale, lanes=4), minimum, 40) < 1e-4


@pytest.mark.parametrize("name", STRATEGIES)
def test_candidates_are_whole_in_range_and_repeatable(name, scale):
  strategies = [STRATEGIES[name](START, FREE, scale, seed=seed, lanes=4) for seed in (3, 3, 4)]
  asked = [strategy.ask() for strategy in strategies]
  assert asked[0].shape[1] == START.size
  assert asked[0].dtype == np.float32
  assert len(asked[0]) % 4 == 0
  assert ((asked[0] >= 0) & (asked[0] <= 1)).all()
  np.testing.assert_array_equal(asked[0], asked[1])
  assert (asked[0][:, FREE] != asked[2][:, FREE]).all()
  np.testing.assert_array_equal(asked[0][:, 1], np.full(len(asked[0]), START[1]))
  around = np.concatenate([strategies[0].ask()[:, 0] for _ in range(100)])
  assert around.std() == pytest.approx(STEP, rel=0.3)


def test_the_nearer_the_start_the_smaller_the_steps():
  steps = [step_from(farness) for farness in (0.0, 5.0, 10.0, 20.0, np.inf)]
  assert steps == [0.025, 0.025, 0.05, STEP, STEP]


def test_one_control_is_enough(scale):
  alone = np.array([True, False, False, False])
  assert run(CmaEs(START, alone, scale), np.array([0.2, 0.1, 0.9, 0.4]), 40) < 1e-4


def test_a_flat_landscape_ends_the_strategy(scale):
  strategy = CmaEs(START, FREE, scale)
  for _ in range(200):
    strategy.tell(np.full(len(strategy.ask()), np.inf))
    if strategy.done:
      break
  assert strategy.done
  assert not AtRandom(START, FREE, scale).done


def test_a_step_on_the_scale_of_a_prior_is_as_wide_as_its_values_are_rare(recipe):
  scale, place = Quantiles(recipe), VITAL.names.index("osc2_pitch")
  start = np.full(VITAL.width, 0.5, np.float32)
  np.testing.assert_allclose(scale.back(scale.there(start)[None])[0], start, atol=1e-3)
  ends = scale.back(np.stack([np.full(16, -0.05), np.full(16, 1.05)]))
  assert (ends[0] <= 1e-3).all()
  assert (ends[1] >= 1 - 1e-3).all()
  asked = AtRandom(start, np.ones(16, bool), scale, lanes=50).ask()
  in_unison = np.abs(asked[:, place] - 0.5) < 0.01
  assert 0.2 < in_unison.mean() < 1
  other = VITAL.names.index("osc1_position")
  assert (np.abs(asked[:, other] - 0.5) < 0.01).mean() < 0.2


def test_only_what_is_heard_and_not_locked_is_free():
  controls = np.full(VITAL.width, 0.5, np.float32)
  assert free(VITAL, controls).all()
  controls[VITAL.names.index("osc2_amp")] = 0
  moved = dict(zip(VITAL.names, free(VITAL, controls, {"noise_amp"}), strict=True))
  assert [name for name, is_free in moved.items() if not is_free] == [
    "osc2_pitch",
    "osc2_position",
    "noise_amp",
  ]


def test_small_controls_that_are_free_are_turned_off_one_by_one():
  controls = np.array([0.1, 0.5, 0.0, 0.02, 0.1], np.float32)
  found = one_off(controls, np.array([True, True, True, True, False]))
  np.testing.assert_array_equal(
    found, np.array([[0.1, 0.5, 0, 0, 0.1], [0, 0.5, 0, 0.02, 0.1]], np.float32)
  )
  assert one_off(controls, np.zeros(5, bool)).shape == (0, 5)


@pytest.mark.parametrize("name", STRATEGIES)
def test_switches_and_choices_stay_and_whole_numbers_are_all_tried(name):
  start = np.array([0.5, 0.25, 0.6, 0.2, 0.5, 0.3], np.float32)  # As a model answers.
  moved = free(MIXED, start)
  assert moved.tolist() == [True, True] + 4 * [False]
  uniform = prior.load("uniform", MIXED)
  scale = Quantiles(Recipe(engine="", fingerprint="", space=MIXED, prior=uniform))
  strategy = STRATEGIES[name](start, moved, scale, step=0.5, lanes=100)
  asked = strategy.ask()
  np.testing.assert_array_equal(asked[:, 2:], np.broadcast_to(start[2:], (len(asked), 4)))
  patches = [MIXED.decode(one) for one in asked]
  assert {patch["voices"] for patch in patches} == {1, 2, 3, 4, 5}
  assert {(patch["sync"], patch["shape"]) for patch in patches} == {(1, "pulse")}


def test_a_sieve_lets_the_nearest_pass_in_their_order():
  candidates = np.array([[4.0], [1.0], [2.00001], [2.0], [0.5], [9.0]])
  sieve = Sieve(times=2, distances=lambda found: found[:, 0])
  assert sieve.passed(candidates).tolist() == [1, 2, 4]  # Last bits decide nothing.


@pytest.mark.parametrize("name", STRATEGIES)
def test_with_a_sieve_a_strategy_asks_for_as_many_and_finds_more(name, scale):
  minimum = np.array([0.3, 0.1, 0.3, 0.3])
  sieve = Sieve(times=8, distances=lambda found: np.abs(found - minimum).sum(axis=1))
  plain, sifted = (STRATEGIES[name](START, FREE, scale, sieve=one) for one in (None, sieve))
  assert plain.ask().shape == sifted.ask().shape
  plain, sifted = (
    run(STRATEGIES[name](START, FREE, scale, step=0.3, sieve=one), minimum, 5)
    for one in (None, sieve)
  )
  assert sifted < plain
