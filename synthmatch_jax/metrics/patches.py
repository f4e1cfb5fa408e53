"""Errors of patches: of all their controls, and of those that can be heard."""

import numpy as np
from jaxtyping import Float

from synthmatch_jax.spaces.space import ParameterSpace

METRICS = {
  "mse": "mean squared error of the controls in [0, 1] (paper, section 3.2)",
  "mae": "mean absolute error of the controls in [0, 1]",
  "mse_heard": (
    "mean squared error of the controls that can be heard in the target: not those of an oscillator"
    " that is turned down, nor the times of an envelope without depth"
  ),
}
"""The name and the definition of every metric of controls; lower is better."""


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
    `mse`, `mae` and `mse_heard`, each over all controls, and for each one as "metric/control".
    `mse_heard` covers the controls that can be heard in the target; it is NaN for a control that
    cannot.
  """
  plain = space.errors(target, estimate)
  errors = {
    "mse": plain**2,
    "mae": plain,
    "mse_heard": np.where(space.heard(target), plain**2, np.nan),
  }
  totals = {metric: np.nanmean(values, axis=1) for metric, values in errors.items()}
  return totals | {
    f"{metric}/{name}": values[:, i]
    for metric, values in errors.items()
    for i, name in enumerate(space.names)
  }
