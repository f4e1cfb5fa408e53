"""Errors of patches: plain, up to symmetry, and of the parameters that can be heard."""

import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from synthmatch_jax.spaces.space import ParameterSpace, Swap

METRICS = {
  "mse": "mean squared error of the controls in [0, 1] (paper, section 3.2)",
  "mae": "mean absolute error of the controls in [0, 1]",
  "mse_heard": (
    "mean squared error of the controls that can be heard in the target: not those of an oscillator"
    " that is turned down, nor the times of an envelope without depth"
  ),
}
"""The name and the definition of every metric of controls; lower is better."""

SYMMETRIC = {
  "mse_symmetric": (
    "mean squared error of the controls against the nearest of all targets that sound the same"
    " (interchangeable oscillators)"
  ),
}
"""The same for metrics that are added where a space has symmetries."""


def measure(
  target: Float[np.ndarray, "i d"],
  estimate: Float[np.ndarray, "i d"],
  space: ParameterSpace,
) -> dict[str, Float[np.ndarray, " i"]]:
  """Computes every metric of controls for every item, over all controls and for each of them.

  Args:
    target: The true controls.
    estimate: The predicted controls.
    space: The space of the controls.

  Returns:
    `mse`, `mae` and `mse_heard`, and `mse_symmetric` where the space has symmetries, which
    `mse_heard` then takes into account. Each is given over all controls, and for each one as
    "metric/control". `mse_heard` covers the controls that can be heard in the target; it is NaN
    for a control that cannot.
  """
  nearest = nearest_assignment(target, estimate, names=space.outputs, swaps=space.swaps)
  plain = space.errors(target, estimate)
  fair = space.errors(nearest, estimate) ** 2
  errors = {
    "mse": plain**2,
    "mae": plain,
    "mse_heard": np.where(space.heard(nearest), fair, np.nan),
  }
  errors |= {"mse_symmetric": fair} if space.swaps else {}
  totals = {metric: np.nanmean(values, axis=1) for metric, values in errors.items()}
  return totals | {
    f"{metric}/{name}": values[:, i]
    for metric, values in errors.items()
    for i, name in enumerate(space.names)
  }


def nearest_assignment(
  target: Float[np.ndarray, "i d"],
  estimate: Float[np.ndarray, "i d"],
  *,
  names: Sequence[str],
  swaps: Sequence[Swap],
) -> Float[np.ndarray, "i d"]:
  """Swaps interchangeable controls of the target so that it comes nearest to the estimate.

  For each item, the combination of swaps with the least sum of squared errors is applied; a tie
  leaves the target as it is. A swap is not applied to a target that does not meet its condition.

  Args:
    target: The true controls.
    estimate: The predicted controls.
    names: The names of the controls, in their order.
    swaps: The symmetries of the synth.

  Raises:
    ValueError: A swap names an unknown control.
  """

  def distance_of(candidate: np.ndarray) -> np.ndarray:
    return ((estimate.astype(np.float64) - candidate) ** 2).sum(1)

  nearest, least = target, distance_of(target)
  for size in range(1, len(swaps) + 1):
    for chosen in itertools.combinations(swaps, size):
      candidate = target
      for swap in chosen:
        candidate = _swapped(candidate, names, swap)
      distance = distance_of(candidate)
      nearest = np.where((distance < least)[:, None], candidate, nearest)
      least = np.minimum(distance, least)
  return nearest


def _swapped(
  controls: Float[np.ndarray, "i d"], names: Sequence[str], swap: Swap
) -> Float[np.ndarray, "i d"]:
  """Applies a swap to the items that meet its condition."""
  order = np.arange(len(names))
  for pair in swap.pairs:
    a, b = (_index(names, name) for name in pair)
    order[[a, b]] = order[[b, a]]
  holds = np.ones(len(controls), bool)
  for name, value in swap.where.items():
    holds &= np.abs(controls[:, _index(names, name)] - value) <= swap.tolerance
  return np.where(holds[:, None], controls[:, order], controls)


def _index(names: Sequence[str], name: str) -> int:
  if name not in names:
    raise ValueError(f"no control {name!r}; known: {', '.join(names)}")
  return list(names).index(name)
