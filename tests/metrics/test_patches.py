"""Errors of controls against closed forms and plain loops."""

import numpy as np
import pytest

from synthmatch_jax.metrics.patches import measure
from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.spaces.space import ParameterSpace

NAMES = ("amp1", "position1", "amp2", "position2", "pitch2", "cutoff")
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
