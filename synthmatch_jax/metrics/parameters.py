"""Errors of controls: plain, aware of symmetry, and of what can be heard.

They compose. The plain errors of a prediction, those against the assignment of interchangeable
controls that it comes nearest to, and of these the ones that can be heard:

  plain = squared_errors(target, estimate)
  target = nearest_assignment(target, estimate, names=names, swaps=swaps)
  symmetric = squared_errors(target, estimate)
  heard = audible(symmetric, target, names=names, depends=depends)
"""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from synthmatch_jax.spaces.space import ParameterSpace, Swap

METRICS = {
  "mse": "mean squared error of the controls in [0, 1] (paper, section 3.2)",
  "mae": "mean absolute error of the controls in [0, 1]",
  "mse_heard": (
    "mean squared error of the controls that can be heard in the target: not of an oscillator"
    " that is turned down, nor the times of an envelope without depth"
  ),
}
"""What is measured of controls; lower is better."""

SYMMETRIC = {
  "mse_symmetric": (
    "mean squared error of the controls, against those of all that sound the same (interchangeable"
    " oscillators) which are nearest"
  ),
}
"""What is measured besides where a space has symmetries."""

SILENT_CONTROL = 0.03
"""Up to here an amplitude counts as zero: on Vital, whose gain is its square, -61 dB."""


def squared_errors(
  target: Float[np.ndarray, "*b d"], estimate: Float[np.ndarray, "*b d"]
) -> Float[np.ndarray, "*b d"]:
  """Squared error of each control, in [0, 1]; their mean is the paper's MSE (section 3.2)."""
  return (estimate.astype(np.float64) - target.astype(np.float64)) ** 2


def absolute_errors(
  target: Float[np.ndarray, "*b d"], estimate: Float[np.ndarray, "*b d"]
) -> Float[np.ndarray, "*b d"]:
  """Absolute error of each control, in [0, 1]."""
  return np.abs(estimate.astype(np.float64) - target.astype(np.float64))


def measure(
  target: Float[np.ndarray, "i d"],
  estimate: Float[np.ndarray, "i d"],
  space: ParameterSpace,
) -> dict[str, Float[np.ndarray, " i"]]:
  """Every metric of controls, for every item: over all controls, and as "metric/control".

  Args:
    target: true controls.
    estimate: predicted controls.
    space: of the controls.

  Returns:
    `mse`, `mae`, and `mse_heard`, over the controls that can be heard in the target; NaN where
    a control cannot. `mse_symmetric` too where the space has symmetries, of which `mse_heard`
    then takes account.
  """
  names = space.names
  nearest = nearest_assignment(target, estimate, names=names, swaps=space.swaps)
  fair = squared_errors(nearest, estimate)
  errors = {
    "mse": squared_errors(target, estimate),
    "mae": absolute_errors(target, estimate),
    "mse_heard": audible(fair, nearest, names=names, depends=space.gates, threshold=SILENT_CONTROL),
  }
  errors |= {"mse_symmetric": fair} if space.swaps else {}
  totals = {metric: np.nanmean(values, axis=1) for metric, values in errors.items()}
  return totals | {
    f"{metric}/{name}": values[:, i]
    for metric, values in errors.items()
    for i, name in enumerate(names)
  }


def nearest_assignment(
  target: Float[np.ndarray, "i d"],
  estimate: Float[np.ndarray, "i d"],
  *,
  names: Sequence[str],
  swaps: Sequence[Swap],
) -> Float[np.ndarray, "i d"]:
  """The target with interchangeable controls where the estimate has them.

  Of all ways to apply swaps or not, for each item the one with the least sum of squared errors;
  a tie leaves the target as it is. A target that does not meet a swap's condition keeps its
  place.

  Args:
    target: true controls.
    estimate: predicted controls.
    names: of the controls, in their order.
    swaps: the symmetries of the synth.

  Raises:
    ValueError: a swap names an unknown control.
  """
  nearest, least = target, squared_errors(target, estimate).sum(1)
  for size in range(1, len(swaps) + 1):
    for chosen in itertools.combinations(swaps, size):
      candidate = target
      for swap in chosen:
        candidate = _swapped(candidate, names, swap)
      distance = squared_errors(candidate, estimate).sum(1)
      nearest = np.where((distance < least)[:, None], candidate, nearest)
      least = np.minimum(distance, least)
  return nearest


def audible(
  errors: Float[np.ndarray, "i d"],
  target: Float[np.ndarray, "i d"],
  *,
  names: Sequence[str],
  depends: Mapping[str, str],
  threshold: float = 0.0,
) -> Float[np.ndarray, "i d"]:
  """Errors of the controls that can be heard; NaN for those that cannot, to be left out.

  A control cannot be heard in a sound whose target has the control that it depends on at zero:
  the position of an oscillator that is turned down, or, if that in turn depends on another, of
  one that cannot be heard. Whether the estimate has it at zero does not matter: that is an
  error of the amplitude, and counts there.

  Args:
    errors: of each control.
    target: true controls.
    names: of the controls, in their order.
    depends: control -> the control that makes it heard.
    threshold: up to here a control is at zero.

  Raises:
    ValueError: `depends` names an unknown control.
  """
  heard = np.ones(target.shape, bool)
  for control in depends:
    # The control's gate, that gate's gate and so on; each is met once, were they in a circle.
    met: list[str] = [control]
    while (gate := depends.get(met[-1])) is not None and gate not in met:
      heard[:, _index(names, control)] &= target[:, _index(names, gate)] > threshold
      met.append(gate)
  return np.where(heard, errors, np.nan)


def _swapped(
  controls: Float[np.ndarray, "i d"], names: Sequence[str], swap: Swap
) -> Float[np.ndarray, "i d"]:
  """The controls with a swap applied where its condition is met."""
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
    raise ValueError(f"no control {name!r}; known are {', '.join(names)}")
  return list(names).index(name)
