"""Estimates are drawn to the peaks of a prior, and only there."""

import dataclasses

import numpy as np
import pytest

from synthmatch_jax.spaces import prior as priors
from synthmatch_jax.spaces import snapping
from synthmatch_jax.spaces.discrete import Choice
from synthmatch_jax.spaces.space import ParameterSpace
from synthmatch_jax.synths import registry

VITAL = registry.engine("vital").space

PEAKS = "osc2_pitch"
FEW = tuple(one for one in VITAL.parameters if one.name in (PEAKS, "osc1_amp", "noise_amp"))
SPACE = ParameterSpace("few", FEW)
NOISE = 0.03


def few(prior):
  """The same prior of few controls, from which it is quicker to draw."""
  controls = {name: prior.controls[name] for name in SPACE.names}
  return dataclasses.replace(prior, space=SPACE.name, controls=controls)


@pytest.fixture(scope="module")
def presets():
  return few(priors.load("presets", VITAL))


def draws(prior, *, seed=0, count=6_000):
  rng = np.random.default_rng(seed)
  return np.stack([priors.sample(prior, SPACE, rng) for _ in range(count)])


def measured(prior, *, seed):
  """True controls, and estimates of them with noise, as a model's are: shrunk to their mean."""
  true = draws(prior, seed=seed, count=3_000)
  noisy = true + np.random.default_rng(seed).normal(0.0, NOISE, true.shape)
  spread, middle = true.var(axis=0), true.mean(axis=0)
  shrunk = middle + (noisy - middle) * spread / (spread + NOISE**2)
  return true, np.clip(shrunk, 0.0, 1.0).astype(np.float32)


def test_a_control_with_peaks_gains_and_others_are_left(presets):
  true, estimates = measured(presets, seed=1)
  fitted = snapping.fit(SPACE, patches=draws(presets), true=true, estimates=estimates)
  assert set(fitted) == {PEAKS}

  true, estimates = measured(presets, seed=2)  # Not those that it was fitted to.
  snapped = snapping.apply({PEAKS: fitted[PEAKS].curve}, SPACE, estimates)
  i = SPACE.names.index(PEAKS)
  before, after = (np.abs(e[:, i] - true[:, i]) for e in (estimates, snapped))
  assert np.median(after) < 0.5 * np.median(before)
  assert np.square(after).mean() < 1.01 * np.square(before).mean()
  assert fitted[PEAKS].median == pytest.approx((np.median(before), np.median(after)), rel=0.1)
  mse = np.square(before).mean(), np.square(after).mean()
  assert fitted[PEAKS].mse == pytest.approx(mse, rel=0.1)
  np.testing.assert_array_equal(np.delete(snapped, i, 1), np.delete(estimates, i, 1))
  assert snapped.dtype == np.float32


def test_a_curve_is_the_expected_value(presets):
  """Bayes' rule by counting: the mean of what was true where such an estimate was made."""
  i = SPACE.names.index(PEAKS)
  one = priors.Prior(
    name="one",
    space=SPACE.name,
    source="a test",
    controls={name: {"kind": "normal", "mean": 0.5, "std": 0.0} for name in SPACE.names}
    | {PEAKS: presets.controls[PEAKS]},
  )
  true = draws(one, count=16_000)
  noise = np.random.default_rng(3).normal(0.0, NOISE, true.shape)
  estimates = true + noise.astype(np.float32)
  curve = snapping.fit(SPACE, patches=draws(one), true=true, estimates=estimates)[PEAKS].curve
  for at in (0.02, 0.2, 0.47, 0.5, 0.55, 0.79, 0.98):
    near = np.abs(estimates[:, i] - at) < 0.004
    expected = true[near, i].mean()
    found = np.interp(at, np.linspace(0.0, 1.0, len(curve)), curve)
    assert found == pytest.approx(expected, abs=0.01), at


def test_a_uniform_prior_has_no_peaks():
  uniform = few(priors.load("uniform", VITAL))
  true, estimates = measured(uniform, seed=4)
  assert snapping.fit(SPACE, patches=draws(uniform), true=true, estimates=estimates) == {}


def test_probabilities_are_not_snapped():
  """An estimate of a choice that leans to the mean would gain by it, output by output."""
  space = ParameterSpace("a choice", (Choice(name="x", meaning="", options=("a", "b")),))
  rng = np.random.default_rng(6)
  patches = np.eye(2, dtype=np.float32)[rng.integers(0, 2, 1000)]
  estimates = 0.9 * patches + 0.05 + rng.normal(0, 0.01, patches.shape)
  assert snapping.fit(space, patches=patches, true=patches, estimates=np.float32(estimates)) == {}


def test_without_curves_nothing_moves():
  estimates = np.random.default_rng(5).random((4, SPACE.width), np.float32)
  np.testing.assert_array_equal(snapping.apply({}, SPACE, estimates), estimates)


@pytest.mark.parametrize(
  "stored",
  [
    {"no_control": [0.0, 1.0]},
    {PEAKS: [0.5]},
    {PEAKS: [0.0, "one"]},
    {PEAKS: [0.0, float("nan")]},
  ],
)
def test_what_cannot_be_applied_is_refused(stored):
  with pytest.raises(ValueError, match="snapping of"):
    snapping.check(stored, SPACE)


def test_a_digest_tells_snappings_apart():
  one, other = {PEAKS: [0.0, 1.0]}, {PEAKS: [0.1, 1.0]}
  assert len({snapping.digest(s) for s in ({}, one, other)}) == 3
  assert snapping.digest({}) == ""
