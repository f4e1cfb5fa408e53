"""Records side by side."""

import numpy as np
from jaxtyping import Bool, Shaped

Batch = dict[str, Shaped[np.ndarray, "_ ..."]]
"""Feature name -> its values over the records of a batch."""


def pad(batch: Batch, batch_size: int) -> tuple[Batch, Bool[np.ndarray, " b"]]:
  """Fills a batch up with zeros, so that a compiled function sees one shape only.

  Returns:
    The batch with `batch_size` records, and a mask (bool) that is true for those it had.
  """
  size = len(next(iter(batch.values())))
  padded = {
    key: np.pad(values, [(0, batch_size - size)] + [(0, 0)] * (values.ndim - 1))
    for key, values in batch.items()
  }
  return padded, np.arange(batch_size) < size
