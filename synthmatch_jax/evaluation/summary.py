"""Summarises one number per sound as mean, median and interval."""

from typing import TypedDict

import numpy as np
import scipy.stats
from jaxtyping import Float

_RESAMPLES = 2_000
_BATCH = 100  # Resamples held in memory at once: 8 MB for 10,000 sounds.


class Summary(TypedDict):
  """Summary of a metric over the sounds where it has a meaning; None if there are no such sounds.

  Attributes:
    mean: mean of the values.
    median: median of the values.
    low: lower end of the 95 % interval of the mean.
    high: upper end of this interval.
    count: number of sounds where the metric has a meaning.
  """

  mean: float | None
  median: float | None
  low: float | None
  high: float | None
  count: int


def summarise(values: Float[np.ndarray, " i"]) -> Summary:
  """Computes mean and median, and the 95 % interval of the mean.

  Args:
    values: one value per sound; NaN where the metric has no meaning (e.g. for a silent target).
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
  """Computes the 95 % interval of the mean by scipy's percentile bootstrap, with a fixed seed."""
  if values.size < 2 or np.ptp(values) == 0:
    return float(values.mean()), float(values.mean())
  interval = scipy.stats.bootstrap(
    (values,), np.mean, n_resamples=_RESAMPLES, batch=_BATCH, method="percentile", rng=0
  ).confidence_interval
  return float(interval.low), float(interval.high)
