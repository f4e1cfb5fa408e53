"""Several records as arrays with a batch axis."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import numpy as np
from jaxtyping import Array, Bool, Float, Shaped

from synthmatch_jax.audio.note import KnownNote, Note

Columns = dict[str, Shaped[np.ndarray, "_ ..."]]
"""Features of some records: the name of a feature -> its value for each record."""


class Batch(TypedDict):
  """The records that a model learns from: their sounds, and the examples that made them.

  Attributes:
    mel: Log-mel spectrograms in dB, as `audio.mel.log_mel` gives them.
    controls: The true controls, in [0, 1].
    note: MIDI number, velocity and hold in seconds; left out where all records have one note.
    heard: Whether each parameter can be heard; left out where all parameters are numbers.
    told: Whether a model is told each of these three while it learns; left out if it is told all.
  """

  mel: Float[Array, "b t f"] | Float[np.ndarray, "b t f"]
  controls: Float[Array, "b d"] | Float[np.ndarray, "b d"]
  note: NotRequired[Float[Array, "b 3"] | Float[np.ndarray, "b 3"]]
  heard: NotRequired[Bool[Array, "b p"] | Bool[np.ndarray, "b p"]]
  told: NotRequired[Bool[Array, "b 3"]]


def note_rows(notes: Sequence[Note | KnownNote]) -> Float[np.ndarray, "b 3"]:
  """Returns notes as a `Batch` has them; NaN stands for what is not known."""
  rows = [(note.pitch, note.velocity, note.hold_seconds) for note in notes]
  return np.asarray(rows, np.float32).reshape(-1, 3)


def pad(
  columns: Mapping[str, Shaped[np.ndarray, "_ ..."]], batch_size: int
) -> tuple[Columns, Bool[np.ndarray, " b"]]:
  """Fills a batch up with zeros, so that a compiled function sees one shape only.

  Returns:
    The batch with `batch_size` records, and a mask that is true for those that it had.
  """
  size = len(next(iter(columns.values())))
  padded = {
    key: np.pad(values, [(0, batch_size - size)] + [(0, 0)] * (values.ndim - 1))
    for key, values in columns.items()
  }
  return padded, np.arange(batch_size) < size
