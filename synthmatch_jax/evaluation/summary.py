"""Summarises one number per sound as mean, median and interval."""

from typing import Literal, TypedDict

import numpy as np
import scipy.stats
from jaxtyping import Float

_RESAMPLES = 2_000
_BATCH = 100  # Resamples held in memory at once: 8 MB for 10,000 sounds.


class Summary(TypedDict):
  """Summary of a metric over the sounds where it has a meaning; None if there are no such sounds.

  Attributes:
    mean: The mean of the values.
    median: The median of the values.
    low: The lower end of the 95 % interval of the mean.
    high: The upper end of this interval.
    count: The number of sounds where the metric has a meaning.
  """

  mean: float | None
  median: float | None
  low: float | None
  high: float | None
  count: int


def summarise(
  values: Float[np.ndarray, " i"], *, interval: Literal["bootstrap", "normal"] = "bootstrap"
) -> Summary:
  """Computes mean and median, and the 95 % interval of the mean.

  Args:
    values: One value per sound; NaN where the metric has no meaning (e.g. for a silent target).
    interval: Whether the interval is by `interval_of_mean` or by the normal approximation, which
      costs next to nothing and so suits the errors of a hundred controls.
  """
  finite = values[np.isfinite(values)].astype(np.float64)
  if not finite.size:
    return {"mean": None, "median": None, "low": None, "high": None, "count": 0}
  low, high = (interval_of_mean if interval == "bootstrap" else _normal_interval)(finite)
  return {
    "mean": float(finite.mean()),
    "median": float(np.median(finite)),
    "low": low,
    "high": high,
    "count": int(finite.size),
  }


def interval_of_mean(values: Float[np.ndarray, " i"]) -> tuple[float, float]:
  """Computes the 95 % interval of the mean by scipy's percentile bootstrap, with a fixed seed."""
  if values.size < 2 or np.ptp(values) == 0:
    return float(values.mean()), float(values.mean())
  interval = scipy.stats.bootstrap(
    (values,), np.mean, n_resamples=_RESAMPLES, batch=_BATCH, method="percentile", rng=0
  ).confidence_interval
  return float(interval.low), float(interval.high)


def _normal_interval(values: Float[np.ndarray, " i"]) -> tuple[float, float]:
  """Computes the 95 % interval of the mean as 1.96 standard errors each way."""
  error = 1.96 * values.std(ddof=1) / np.sqrt(values.size) if values.size > 1 else 0.0
  return float(values.mean() - error), float(values.mean() + error)
