"""Errors of controls against closed forms and plain loops."""

import numpy as np
import pytest

from synthmatch_jax.metrics.patches import METRICS, measure, metrics
from synthmatch_jax.spaces.discrete import Choice, Integer, Switch
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
  found = measure(target, estimate, space := space_of("a", "b", "c"))
  np.testing.assert_allclose(found["mse"], [1.01 / 3] * 2)
  np.testing.assert_allclose(found["mae"], [1.1 / 3] * 2)
  np.testing.assert_allclose(found["mse/c"], [0.01] * 2)
  assert metrics(space) == METRICS and {name for name in found if "/" not in name} == {*METRICS}


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


def test_kinds_have_metrics_of_their_own_over_what_is_heard():
  letters = tuple("abcde")
  space = ParameterSpace(
    "kinds",
    (
      Switch(name="on", meaning="", group="oscillators"),
      Choice(name="wave", meaning="", options=letters, heard_when="on", group="oscillators"),
      Choice(name="foot", meaning="", options=letters, ordered=True, group="oscillators"),
      Integer(name="octave", meaning="", low=-2, high=2, heard_when="on", group="oscillators"),
      Continuous(name="cutoff", meaning="", group="filters"),
      Choice(name="mode", meaning="", options=("x", "y"), heard_when="on and cutoff > 2"),
    ),
  )
  true = {"on": 1, "wave": "a", "foot": "b", "octave": 0, "cutoff": 0.5, "mode": "x"}
  target = np.stack([space.encode(true), space.encode(true | {"on": 0})]).repeat(2, axis=0)
  estimate = np.stack([space.encode(true | {"foot": "d", "octave": 2, "cutoff": 0.25})] * 4)
  estimate[::2, space.slices["wave"]] = [0.2, 0.3, 0.4, 0.1, 0.0]  # The third of five.
  estimate[1::2, space.slices["wave"]] = [0.0, 0.0, 1.0, 0.0, 0.0]  # A neighbour's.
  found = measure(target, estimate, space)
  expected = {
    "numerical_mae": [(0.5 + 0.25) / 2] * 2 + [0.25] * 2,
    "binary_accuracy": [1, 1, 0, 0],
    "categorical_accuracy": [0, 0, 0, 0],
    "categorical_top3": [0.5, 0, 0, 0],
    "error_oscillators": [(0 + 1 + 0.5 + 0.5) / 4] * 2 + [(1 + 0.5) / 2] * 2,
    "error_filters": [0.25] * 4,
    "mae": [(0 + 1 + 0.5 + 0.5 + 0.25 + 0) / 6] * 2 + [(1 + 1 + 0.5 + 0.5 + 0.25 + 0) / 6] * 2,
  }
  for name, values in expected.items():
    np.testing.assert_allclose(found[name], values, err_msg=name)
  assert list(metrics(space)) == ["mse", "mae", "mse_heard", *list(expected)[:-1]]
  assert {name for name, m in metrics(space).items() if m.better == "higher"} == {
    "binary_accuracy",
    "categorical_accuracy",
    "categorical_top3",
  }


def test_what_is_never_heard_has_no_value():
  space = ParameterSpace(
    "gated",
    (
      Switch(name="on", meaning=""),
      Continuous(name="level", meaning="", heard_when="on", group="oscillators"),
    ),
  )
  found = measure(np.zeros((1, 2)), np.ones((1, 2)), space)
  assert np.isnan([found["numerical_mae"], found["error_oscillators"]]).all()
  assert found["mse_heard"] == found["mse"] == 1
