"""Errors of controls against closed forms and plain loops."""

import itertools

import numpy as np
import pytest

from synthmatch_jax.metrics.patches import measure, nearest_assignment
from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.spaces.space import ParameterSpace, Swap

NAMES = ("amp1", "position1", "amp2", "position2", "pitch2", "cutoff")
SWAP = Swap(pairs=(("amp1", "amp2"), ("position1", "position2")))
DEPENDS = {"position1": "amp1", "position2": "amp2", "pitch2": "amp2"}
RNG = np.random.default_rng(0)


def space_of(*names, depends=None):
  gates = depends or {}
  return ParameterSpace(
    "test", tuple(Continuous(name=n, meaning="", heard_with=gates.get(n, "")) for n in names)
  )


def test_errors_have_their_closed_form():
  target, estimate = np.array([[0.0, 0.5, 1.0]] * 2), np.array([[1.0, 0.5, 0.9]] * 2)
  found = measure(target, estimate, space_of("a", "b", "c"))
  np.testing.assert_allclose(found["mse"], [1.01 / 3] * 2)
  np.testing.assert_allclose(found["mae"], [1.1 / 3] * 2)
  np.testing.assert_allclose(found["mse/c"], [0.01] * 2)


def test_a_constant_at_the_mean_scores_a_twelfth_on_uniform_controls():
  target = RNG.random((100_000, 1))
  found = measure(target, np.full_like(target, 0.5), space_of("a"))
  assert found["mse"].mean() == pytest.approx(1 / 12, rel=0.01)
  assert found["mae"].mean() == pytest.approx(1 / 4, rel=0.01)


def test_errors_of_float32_controls_are_float64():
  target = np.array([[0.1]], np.float32)
  for values in measure(target, target + np.float32(1e-4), space_of("a")).values():
    assert values.dtype == np.float64


def test_a_swapped_prediction_is_right():
  target = RNG.random((20, 6))
  estimate = target[:, [2, 3, 0, 1, 4, 5]]
  assert ((target - estimate) ** 2).mean() > 0.01
  nearest = nearest_assignment(target, estimate, names=NAMES, swaps=[SWAP])
  np.testing.assert_array_equal(nearest, estimate)


def test_the_better_of_both_assignments_is_taken_item_by_item():
  target, estimate = RNG.random((200, 6)), RNG.random((200, 6))
  nearest = nearest_assignment(target, estimate, names=NAMES, swaps=[SWAP])
  for t, e, n in zip(target, estimate, nearest, strict=True):
    both = [t, t[[2, 3, 0, 1, 4, 5]]]
    np.testing.assert_array_equal(n, min(both, key=lambda x: ((x - e) ** 2).sum()))


def test_three_groups_go_through_all_their_orders():
  names = ("a", "b", "c", "d")
  swaps = [Swap(pairs=(pair,)) for pair in (("a", "b"), ("c", "d"))]
  target, estimate = RNG.random((50, 4)), RNG.random((50, 4))
  nearest = nearest_assignment(target, estimate, names=names, swaps=swaps)
  orders = [x + y for x, y in itertools.product(([0, 1], [1, 0]), ([2, 3], [3, 2]))]
  for t, e, n in zip(target, estimate, nearest, strict=True):
    best = min(((t[order] - e) ** 2).sum() for order in orders)
    assert ((n - e) ** 2).sum() == pytest.approx(best)


def test_a_swap_holds_only_where_its_condition_is_met():
  swap = Swap(pairs=SWAP.pairs, where={"pitch2": 0.5}, tolerance=0.01)
  target = np.array([[0.9, 0.1, 0.2, 0.8, pitch, 0.3] for pitch in (0.5, 0.505, 0.52, 1.0)])
  estimate = target[:, [2, 3, 0, 1, 4, 5]]
  nearest = nearest_assignment(target, estimate, names=NAMES, swaps=[swap])
  np.testing.assert_array_equal((nearest == estimate).all(1), [True, True, False, False])
  np.testing.assert_array_equal(nearest[2:], target[2:])


def test_without_swaps_and_at_a_tie_the_target_stays():
  target, estimate = RNG.random((9, 6)), RNG.random((9, 6))
  for swaps in ([], [Swap(pairs=())]):
    nearest = nearest_assignment(target, estimate, names=NAMES, swaps=swaps)
    np.testing.assert_array_equal(nearest, target)


def test_symmetric_errors_never_exceed_the_plain_ones():
  target, estimate = RNG.random((500, 6)), RNG.random((500, 6))
  nearest = nearest_assignment(target, estimate, names=NAMES, swaps=[SWAP])
  plain, symmetric = (((t - estimate) ** 2).mean(1) for t in (target, nearest))
  assert (symmetric <= plain).all()
  assert (symmetric < plain).any()


def test_what_cannot_be_heard_in_the_target_is_left_out():
  target = np.array(
    [
      [0.5, 0.1, 0.5, 0.1, 0.1, 0.1],
      [0.0, 0.1, 0.5, 0.1, 0.1, 0.1],
      [0.5, 0.1, 0.0, 0.1, 0.1, 0.1],
    ]
  )
  # An estimate with an amplitude at zero is an error of that amplitude, and of nothing else.
  estimate = np.full_like(target, 0.4) * [0, 1, 1, 1, 1, 1]
  found = measure(target, estimate, space_of(*NAMES, depends=DEPENDS))
  heard = np.stack([found[f"mse_heard/{name}"] for name in NAMES], axis=1)
  expected = (target - estimate) ** 2
  expected[1, 1] = expected[2, 3] = expected[2, 4] = np.nan
  np.testing.assert_allclose(heard, expected)
  np.testing.assert_allclose(found["mse_heard"], np.nanmean(expected, axis=1))


def test_unknown_controls_are_named():
  controls = np.zeros((2, 6))
  with pytest.raises(ValueError, match="no control 'amp9'; known: amp1, "):
    swap = Swap(pairs=(("amp1", "amp9"),))
    nearest_assignment(controls, controls, names=NAMES, swaps=[swap])


def test_symmetry_is_measured_where_a_space_has_it():
  parameters = tuple(Continuous(name=name, meaning="test") for name in NAMES)
  plain = ParameterSpace("plain", parameters)
  space = ParameterSpace("symmetric", parameters, (SWAP,))
  assert ParameterSpace.from_dict(space.to_dict()) == space
  assert "swaps" not in plain.to_dict()
  target = np.array([[0.9, 0.1, 0.3, 0.7, 0.5, 0.5]])
  swapped = target[:, [2, 3, 0, 1, 4, 5]]
  found = measure(target, swapped, space)
  assert found["mse"] == pytest.approx(4 * 0.6**2 / 6)
  assert found["mse_symmetric"] == found["mse_heard"] == 0
  assert "mse_symmetric" not in measure(target, swapped, plain)
