"""Ask and tell, on functions whose minimum is known."""

import numpy as np
import pytest

from synthmatch_jax.search.quantiles import Quantiles
from synthmatch_jax.search.strategy import STEP, STRATEGIES, AtRandom, CmaEs, free
from synthmatch_jax.spaces.massive16 import VITAL
from tests.search.test_locks import MIXED

START = np.array([0.5, 0.1, 0.9, 0.4], np.float32)
FREE = np.array([True, False, True, True])
EVEN = Quantiles(np.tile([0.0, 1.0], (4, 1)))


def run(strategy, minimum, rounds):
  best = np.inf
  for _ in range(rounds):
    asked = strategy.ask()
    values = np.square(asked - minimum).sum(1)
    values[0] = np.inf  # The engine has failed on one.
    strategy.tell(values)
    best = min(best, values.min())
  return best


def test_cma_es_finds_a_minimum_inside_and_at_a_bound():
  for place in (0.3, 1.0):
    minimum = np.array([place, 0.1, place, place])
    assert run(CmaEs(START, FREE, EVEN, lanes=4), minimum, 40) < 1e-4


@pytest.mark.parametrize("name", STRATEGIES)
def test_candidates_are_whole_in_range_and_repeatable(name):
  strategies = [STRATEGIES[name](START, FREE, EVEN, seed=seed, lanes=4) for seed in (3, 3, 4)]
  asked = [strategy.ask() for strategy in strategies]
  assert asked[0].shape[1] == START.size
  assert asked[0].dtype == np.float32
  assert len(asked[0]) % 4 == 0
  assert ((asked[0] >= 0) & (asked[0] <= 1)).all()
  np.testing.assert_array_equal(asked[0], asked[1])
  assert (asked[0][:, FREE] != asked[2][:, FREE]).all()
  np.testing.assert_array_equal(asked[0][:, 1], np.full(len(asked[0]), START[1]))
  around = np.concatenate([strategies[0].ask()[:, 0] for _ in range(100)])
  assert around.std() == pytest.approx(STEP, rel=0.2)


@pytest.mark.parametrize("name", STRATEGIES)
def test_steps_are_even_in_the_quantiles(name):
  scale = Quantiles(np.tile([0.0, 0.5, 0.51, 1.0], (4, 1)))  # A third lies between 0.5 and 0.51.
  strategy = STRATEGIES[name](np.full(4, 0.505, np.float32), FREE, scale)
  asked = np.concatenate([strategy.ask() for _ in range(100)])[:, FREE]
  near = np.mean((asked > 0.5) & (asked < 0.51))
  assert near == pytest.approx(0.90, abs=0.04)  # Within 1.67 standard deviations.
  assert (asked[:, 0] != asked[:, 1]).any()


def test_one_control_is_enough():
  alone = np.array([True, False, False, False])
  assert run(CmaEs(START, alone, EVEN), np.array([0.2, 0.1, 0.9, 0.4]), 40) < 1e-4


def test_a_flat_landscape_ends_the_strategy():
  strategy = CmaEs(START, FREE, EVEN)
  for _ in range(200):
    strategy.tell(np.full(len(strategy.ask()), np.inf))
    if strategy.done:
      break
  assert strategy.done
  assert not AtRandom(START, FREE, EVEN).done


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


def test_switches_and_choices_stay():
  assert free(MIXED, np.zeros(MIXED.width, np.float32)).tolist() == [True, True] + 4 * [False]
