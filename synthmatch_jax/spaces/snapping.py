"""Snapping draws estimates to the values that patches prefer.

A model that was trained on the squared error answers with the mean of what may have been, which
lies between the peaks of a prior: an oscillator in unison comes out slightly detuned. Taken as a
measurement with normal noise, an answer has an expected value under the prior: a peak that is near,
or about the answer itself where none is. The answer already holds the prior, so this counts it
twice. Controls without narrow peaks do not gain by it, and `fit` leaves them alone.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax.spaces.space import ParameterSpace

Snapping = Mapping[str, Sequence[float]]
"""The curve of each control that is snapped: what becomes of estimates evenly spaced in [0, 1]."""

_POINTS = 501
_MOST_POINTS = 10_000
# The median of a normal distribution's absolute deviations, as a share of its standard deviation.
_MEDIAN_DEVIATION = 0.6745
# A control gains if its median error falls to at most the first share of what it was, and its mean
# squared error does not rise above the second. On Vital only the pitch of oscillator 2 gains, with
# 0.33 and 1.001 (`python -m synthmatch_jax.snap` on the study's AST, docs/results.md).
_WORTH, _COST = 0.8, 1.02


@dataclass(frozen=True, kw_only=True)
class Fitted:
  """What a control gains.

  Attributes:
    curve: The curve of the control (see `Snapping`).
    median: The median of its absolute errors, before and after.
    mse: Its mean squared error, before and after.
  """

  curve: Sequence[float]
  median: tuple[float, float]
  mse: tuple[float, float]


def fit(
  space: ParameterSpace,
  *,
  patches: Float[np.ndarray, "n d"],
  true: Float[np.ndarray, "i d"],
  estimates: Float[np.ndarray, "i d"],
) -> dict[str, Fitted]:
  """Returns the controls that gain, judged by sounds that the model was not trained on.

  Only numbers are snapped: the controls of switches and choices are probabilities.

  One half of the sounds tells the noise: its standard deviation is the median absolute error
  over 0.6745. The other half tells whether there is a gain.

  Args:
    space: The space of the controls.
    patches: The controls of many patches, which stand for the prior.
    true: The controls of the sounds.
    estimates: The answers of a model to the sounds.
  """
  found = {}
  for name in (p.name for p in space.parameters if p.scale == "numerical"):
    i = space.slices[name].start
    errors = np.abs(estimates[:, i] - true[:, i])
    noise = float(np.median(errors[::2])) / _MEDIAN_DEVIATION
    curve = [round(float(value), 5) for value in _expected(patches[:, i], noise=noise)]
    before, after = errors[1::2], np.abs(_along(curve, estimates[1::2, i]) - true[1::2, i])
    medians = float(np.median(before)), float(np.median(after))
    squares = float(np.square(before).mean()), float(np.square(after).mean())
    if medians[1] < _WORTH * medians[0] and squares[1] < _COST * squares[0]:
      found[name] = Fitted(curve=curve, median=medians, mse=squares)
  return found


def apply(
  snapping: Snapping, space: ParameterSpace, estimates: Float[np.ndarray, "b d"]
) -> Float[np.ndarray, "b d"]:
  """Returns the estimates, after each control with a curve has been moved along it."""
  snapped = estimates.copy()
  for name, curve in snapping.items():
    i = space.outputs.index(name)
    snapped[:, i] = _along(curve, estimates[:, i])
  return snapped


def check(stored: Any, space: ParameterSpace) -> Snapping:
  """Returns what was stored as JSON.

  Raises:
    ValueError: It cannot be applied to the controls of the space.
  """
  if not isinstance(stored, Mapping):
    raise ValueError("snapping has no names of controls")
  for name, curve in stored.items():
    if name not in space.outputs:
      raise ValueError(f"snapping of {name!r}, which is no control")
    if not isinstance(curve, list) or not 2 <= len(curve) <= _MOST_POINTS:
      raise ValueError(f"snapping of {name!r} is no curve")
    if not all(isinstance(v, float | int) and 0 <= v <= 1 for v in curve):
      raise ValueError(f"snapping of {name!r} has values that are no controls (0 to 1)")
  return stored


def digest(snapping: Snapping) -> str:
  """Returns 16 hexadecimal digits that stand for a snapping; none for an empty one."""
  said = json.dumps({name: list(curve) for name, curve in sorted(snapping.items())})
  return hashlib.sha256(said.encode()).hexdigest()[:16] if snapping else ""


def _expected(patches: Float[np.ndarray, " n"], *, noise: float) -> Float[np.ndarray, " p"]:
  """Returns the expected values under a prior for estimates that lie evenly in [0, 1]."""
  points = np.linspace(0.0, 1.0, _POINTS)
  # The draws are counted in bins far narrower than the noise: they would be ten million pairs.
  counts, edges = np.histogram(patches, bins=2 * _POINTS, range=(0.0, 1.0))
  sums = np.histogram(patches, bins=edges, weights=patches)[0]
  counts, middles = counts[counts > 0], sums[counts > 0] / counts[counts > 0]
  distance = np.square((points[:, None] - middles) / max(noise, 1 / _POINTS))
  # Distances are relative to the nearest draw, so that a point far from all goes to that one.
  weights = counts * np.exp((distance.min(axis=1, keepdims=True) - distance) / 2)
  return (weights * middles).sum(axis=1) / weights.sum(axis=1)


def _along(curve: Sequence[float], values: Float[np.ndarray, " b"]) -> Float[np.ndarray, " b"]:
  return np.interp(values, np.linspace(0.0, 1.0, len(curve)), curve).astype(np.float32)
