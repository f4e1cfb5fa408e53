"""Estimates drawn to the values that a prior prefers.

Who regresses to the mean of the squared error answers between the peaks of a prior: an oscillator
that patches have in tune, or an octave off, comes out a quarter tone beside it. Taken as a
measurement with noise, such an estimate has an expected value under the prior, which lies on the
peak that is near, and hardly moves where there is none.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from synthmatch_jax.spaces import prior as priors
from synthmatch_jax.spaces.prior import Prior
from synthmatch_jax.spaces.space import ParameterSpace

Curves = Mapping[str, Sequence[float]]
"""Name of a control -> what becomes of estimates that lie evenly in [0, 1]; others are left."""

_DRAWS = 20_000
_POINTS = 501
_SEED = 0
# The median of a normal distribution's absolute deviations, as a share of its standard deviation.
_MEDIAN_DEVIATION = 0.6745
# The median error has to fall to this share of itself, for at most this share of the mean squared
# error: chance moves both by a few per mille.
_WORTH, _COST = 0.8, 1.01


def fit(
  prior: Prior,
  space: ParameterSpace,
  *,
  true: Float[np.ndarray, "i d"],
  estimates: Float[np.ndarray, "i d"],
) -> dict[str, list[float]]:
  """Curves of the controls that gain by them, from sounds that were not trained on.

  The noise of an estimate is taken as normal, as wide as half of its errors say. A control gains
  where its median error falls by a fifth and its mean squared error rises by a hundredth at most.
  Where a prior is smooth the median does not fall: the estimate holds that prior already.

  Args:
    prior: of the patches.
    space: its controls.
    true: the controls of the sounds.
    estimates: a model's answers.
  """
  rng = np.random.default_rng(_SEED)
  draws = np.stack([priors.sample(prior, space, rng) for _ in range(_DRAWS)])
  curves = {}
  for i, name in enumerate(space.names):
    errors = np.abs(estimates[:, i] - true[:, i])
    curve = _expected(draws[:, i], noise=float(np.median(errors)) / _MEDIAN_DEVIATION)
    left = np.abs(_along(curve, estimates[:, i]) - true[:, i])
    if (
      np.median(left) < _WORTH * np.median(errors)
      and np.square(left).mean() < _COST * np.square(errors).mean()
    ):
      curves[name] = [round(float(value), 5) for value in curve]
  return curves


def apply(
  curves: Curves, space: ParameterSpace, estimates: Float[np.ndarray, "b d"]
) -> Float[np.ndarray, "b d"]:
  """The estimates, those of controls with a curve along it."""
  snapped = estimates.copy()
  for name, curve in curves.items():
    i = space.names.index(name)
    snapped[:, i] = _along(curve, estimates[:, i])
  return snapped


def _expected(draws: Float[np.ndarray, " i"], *, noise: float) -> Float[np.ndarray, " p"]:
  """Expected value under a prior, given its draws, for estimates that lie evenly in [0, 1]."""
  points = np.linspace(0.0, 1.0, _POINTS)
  # In bins, far narrower than the noise: the draws themselves would be ten million pairs.
  counts, edges = np.histogram(draws, bins=2 * _POINTS, range=(0.0, 1.0))
  sums = np.histogram(draws, bins=edges, weights=draws)[0]
  counts, middles = counts[counts > 0], sums[counts > 0] / counts[counts > 0]
  distance = np.square((points[:, None] - middles) / max(noise, 1 / _POINTS))
  # Relative to the nearest, so that a point far from every draw goes to that one.
  weights = counts * np.exp((distance.min(axis=1, keepdims=True) - distance) / 2)
  return (weights * middles).sum(axis=1) / weights.sum(axis=1)


def _along(curve: Sequence[float] | np.ndarray, values: np.ndarray) -> np.ndarray:
  return np.interp(values, np.linspace(0.0, 1.0, len(curve)), curve).astype(np.float32)
