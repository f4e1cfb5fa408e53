"""Errors of patches: of all parameters, of those that can be heard, and by scale and group."""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from synthmatch_jax.spaces.scales import MEASURES
from synthmatch_jax.spaces.space import ParameterSpace

_TOP = 3


class PatchMetric(NamedTuple):
  """What is to be known of a metric of controls.

  Attributes:
    definition: What it measures, in one phrase.
    better: Whether a lower or a higher value is better.
  """

  definition: str
  better: Literal["lower", "higher"] = "lower"


METRICS = {
  "mse": PatchMetric("mean squared error of the controls in [0, 1] (paper, section 3.2)"),
  "mae": PatchMetric("mean absolute error of the controls in [0, 1]"),
  "mse_heard": PatchMetric(
    "mean squared error of the controls that can be heard in the target: not those of an oscillator"
    " that is turned down, nor the times of an envelope without depth"
  ),
}
"""The metrics of every space, over all parameters and for each of them."""

_BY_SCALE = {
  "numerical_mae": PatchMetric(
    "mean absolute error of the numbers in [0, 1] that can be heard in the target"
  ),
  "binary_accuracy": PatchMetric(
    "share of the switches that can be heard in the target and are right", "higher"
  ),
  "categorical_accuracy": PatchMetric(
    "share of the choices that can be heard in the target and are right", "higher"
  ),
}
_TOP_3 = PatchMetric(
  "share of the choices that can be heard in the target, of more than three options each, where the"
  " true option is among the three most probable ones of the answer; one that names a single"
  " option, as the patch of a neighbour, has no second",
  "higher",
)


def metrics(space: ParameterSpace) -> dict[str, PatchMetric]:
  """Returns the metrics of a space by name.

  A space with switches and choices has metrics for each scale, beside those of every space: there
  a switch or a choice that is wrong is an error of 1, or of the share of the way between the two
  options where these have an order. A space with groups has a metric for each group.
  """
  found = dict(METRICS)
  if not space.is_numerical:
    found |= {name: _BY_SCALE[name] for name in _measures(space)}
    if _ranked(space):
      found["categorical_top3"] = _TOP_3
  for group in space.groups:
    text = f"mean error of the parameters of the group {group} that can be heard in the target"
    found[f"error_{group}"] = PatchMetric(text)
  return found


def measure(
  target: Float[np.ndarray, "i d"],
  estimate: Float[np.ndarray, "i d"],
  space: ParameterSpace,
) -> dict[str, Float[np.ndarray, " i"]]:
  """Computes every metric of controls for every item, over all parameters and for each of them.

  Args:
    target: The true controls.
    estimate: The predicted controls; probabilities for choices, of which the largest counts.
    space: The space of the controls.

  Returns:
    `mse`, `mae` and `mse_heard`, each over all parameters, and for each one as
    "metric/parameter"; and the other `metrics` of the space. What cannot be heard in the target
    does not count, except in the first two; where nothing is left, the value is NaN.
  """
  plain = space.errors(target, estimate)
  heard = space.heard(target)
  errors = {"mse": plain**2, "mae": plain, "mse_heard": np.where(heard, plain**2, np.nan)}
  found = {metric: _mean(values) for metric, values in errors.items()}
  if not space.is_numerical:
    for name, places in _measures(space).items():
      values = plain if name == "numerical_mae" else (plain == 0).astype(np.float64)
      found[name] = _mean(np.where(heard, values, np.nan)[:, places])
    if ranked := _ranked(space):
      found["categorical_top3"] = _mean(
        np.where(heard[:, ranked], _hits_among_first(target, estimate, space, ranked), np.nan)
      )
  for group, places in space.groups.items():
    found[f"error_{group}"] = _mean(np.where(heard, plain, np.nan)[:, places])
  return found | {
    f"{metric}/{name}": values[:, i]
    for metric, values in errors.items()
    for i, name in enumerate(space.names)
  }


def _measures(space: ParameterSpace) -> dict[str, list[int]]:
  """Returns the measure of every scale that there is -> the places of its parameters."""
  found: dict[str, list[int]] = {}
  for i, (scale, _) in enumerate(space.layout):
    found.setdefault(MEASURES[scale], []).append(i)
  return {name: found[name] for name in _BY_SCALE if name in found}


def _ranked(space: ParameterSpace) -> list[int]:
  """Returns the places of the choices for which it says something to be among the first three."""
  return [i for i, (_, width) in enumerate(space.layout) if width > _TOP]


def _hits_among_first(
  target: Float[np.ndarray, "i d"],
  estimate: Float[np.ndarray, "i d"],
  space: ParameterSpace,
  places: list[int],
) -> Float[np.ndarray, "i p"]:
  """Returns 1 where fewer than three options are as probable as the true one, or more, else 0."""
  columns = []
  for part in (space.slices[space.names[i]] for i in places):
    true, given = target[:, part].argmax(axis=1)[:, None], estimate[:, part]
    rivals = given >= np.take_along_axis(given, true, axis=1)
    first = given.argmax(axis=1)[:, None] == true
    columns.append(first[:, 0] | (rivals.sum(axis=1) <= _TOP))
  return np.stack(columns, axis=1).astype(np.float64)


def _mean(values: Float[np.ndarray, "i p"]) -> Float[np.ndarray, " i"]:
  """Returns the mean of each row without NaN; NaN where there is nothing else."""
  totals, counts = np.nansum(values, axis=1), (~np.isnan(values)).sum(axis=1)
  return np.divide(totals, counts, out=np.full(len(values), np.nan), where=counts > 0)
