"""From one number per sound to mean, median and interval."""

from typing import TypedDict

import numpy as np
import scipy.stats
from jaxtyping import Float

_RESAMPLES = 2_000
_BATCH = 100  # Resamples held in memory at once: 8 MB for 10,000 sounds.


class Summary(TypedDict):
  """Of the values of a metric over some sounds; all but the count are None where there are none.

  Attributes:
    mean: over the sounds where the metric has a meaning.
    median: over the same.
    low: end of the 95 % interval of the mean.
    high: its other end.
    count: sounds where the metric has a meaning.
  """

  mean: float | None
  median: float | None
  low: float | None
  high: float | None
  count: int


def summarise(values: Float[np.ndarray, " i"]) -> Summary:
  """Mean and median with the 95 % interval of the mean.

  Args:
    values: one per sound; NaN where the metric has no meaning (a silent target).
  """
  finite = values[np.isfinite(values)].astype(np.float64)
  if not finite.size:
    return {"mean": None, "median": None, "low": None, "high": None, "count": 0}
  low, high = interval_of_mean(finite)
  return {
    "mean": float(finite.mean()),
    "median": float(np.median(finite)),
    "low": low,
    "high": high,
    "count": int(finite.size),
  }


def interval_of_mean(values: Float[np.ndarray, " i"]) -> tuple[float, float]:
  """The 95 % interval of the mean: a percentile bootstrap by scipy, with a seed."""
  if values.size < 2 or np.ptp(values) == 0:
    return float(values.mean()), float(values.mean())
  interval = scipy.stats.bootstrap(
    (values,), np.mean, n_resamples=_RESAMPLES, batch=_BATCH, method="percentile", rng=0
  ).confidence_interval
  return float(interval.low), float(interval.high)
