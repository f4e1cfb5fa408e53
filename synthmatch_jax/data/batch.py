"""Records side by side."""

from collections.abc import Mapping
from typing import TypedDict

import numpy as np
from jaxtyping import Array, Bool, Float, Shaped

Columns = dict[str, Shaped[np.ndarray, "_ ..."]]
"""Any features of some records: the name of a feature -> its value for each record."""


class Batch(TypedDict):
  """What a model learns from: the sounds of some records, and the patches that made them.

  Attributes:
    mel: log-mel spectrograms in dB, as `audio.mel.log_mel` gives them.
    controls: the true controls, in [0, 1].
  """

  mel: Float[Array, "b t f"] | Float[np.ndarray, "b t f"]
  controls: Float[Array, "b d"] | Float[np.ndarray, "b d"]


def pad(
  columns: Mapping[str, Shaped[np.ndarray, "_ ..."]], batch_size: int
) -> tuple[Columns, Bool[np.ndarray, " b"]]:
  """Fills a batch up with zeros, so that a compiled function sees one shape only.

  Returns:
    The batch with `batch_size` records, and a mask (bool) that is true for those it had.
  """
  size = len(next(iter(columns.values())))
  padded = {
    key: np.pad(values, [(0, batch_size - size)] + [(0, 0)] * (values.ndim - 1))
    for key, values in columns.items()
  }
  return padded, np.arange(batch_size) < size
