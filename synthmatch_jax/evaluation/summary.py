"""From one number per sound to mean, median and interval."""

from typing import Any

import numpy as np
import scipy.stats
from jaxtyping import Float

_RESAMPLES = 2_000
_BATCH = 100  # Resamples held in memory at once: 8 MB for 10,000 sounds.


def summarise(values: Float[np.ndarray, " i"]) -> dict[str, Any]:
  """Mean and median with the 95 % interval of the mean.

  Args:
    values: one per sound; NaN where the metric has no meaning (a silent target).

  Returns:
    `mean`, `median`, `low` and `high` (percentile bootstrap by scipy, seeded) and `count`, the
    number of values that are not NaN. Without any, all but the count are None.
  """
  finite = values[~np.isnan(values)].astype(np.float64)
  if not finite.size:
    return {"mean": None, "median": None, "low": None, "high": None, "count": 0}
  low = high = float(finite.mean())
  if finite.size > 1 and np.ptp(finite) > 0:
    interval = scipy.stats.bootstrap(
      (finite,), np.mean, n_resamples=_RESAMPLES, batch=_BATCH, method="percentile", rng=0
    ).confidence_interval
    low, high = float(interval.low), float(interval.high)
  return {
    "mean": float(finite.mean()),
    "median": float(np.median(finite)),
    "low": low,
    "high": high,
    "count": int(finite.size),
  }
