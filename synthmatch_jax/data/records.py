"""The features of a record."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Float

from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.batch import Batch, Columns
from synthmatch_jax.data.recipe import Recipe

DESCRIPTIONS = {
  "mel": "log-mel power spectrogram in dB, frames x bins",
  "controls": "the controls in [0, 1], in the order of the recipe's space",
  "read_back": "the controls as the engine says it has them after the render",
  "index": "number of the record; with the seed it gives the patch",
  "attempts": "draws until the sound was loud enough (1: the first)",
  "level_db": "integrated loudness of the sound in LUFS (ITU-R BS.1770)",
  "note_pitch": "the MIDI note number that was played",
  "note_velocity": "the MIDI velocity that it was played with",
  "note_hold_seconds": "time from note-on to note-off",
}

_NOTE: dict[str, Any] = {
  "note_pitch": np.int32,
  "note_velocity": np.int32,
  "note_hold_seconds": np.float32,
}


def features(recipe: Recipe) -> tfds.features.FeaturesDict:
  """Returns the features of a record; tensors are stored as bytes (3 to 5 times faster to read)."""

  def tensor(name: str, shape: tuple[int, ...]) -> tfds.features.Tensor:
    return tfds.features.Tensor(
      shape=shape, dtype=np.float32, encoding="bytes", doc=DESCRIPTIONS[name]
    )

  def scalar(name: str, dtype: type[np.generic]) -> tfds.features.Scalar:
    return tfds.features.Scalar(dtype=dtype, doc=DESCRIPTIONS[name])

  return tfds.features.FeaturesDict(
    {
      "mel": tensor("mel", (recipe.num_frames, recipe.mel.n_mels)),
      "controls": tensor("controls", (recipe.space.width,)),
      "read_back": tensor("read_back", (recipe.space.width,)),
      "index": scalar("index", np.int64),
      "attempts": scalar("attempts", np.int32),
      "level_db": scalar("level_db", np.float32),
    }
    | ({} if recipe.notes is None else {n: scalar(n, kind) for n, kind in _NOTE.items()})
  )


def note_columns(note: Note) -> dict[str, np.generic]:
  """Returns a note as features; a record has them where the notes of its recipe vary."""
  values = (note.pitch, note.velocity, note.hold_seconds)
  return {name: kind(v) for (name, kind), v in zip(_NOTE.items(), values, strict=True)}


def note_of(record: Mapping[str, Any], recipe: Recipe) -> Note:
  """Returns the note of a record.

  Args:
    record: Its decoded features, those of `note_keys` among them.
    recipe: The recipe of its data set.
  """
  if recipe.notes is None:
    return recipe.note
  pitch, velocity, hold = (record[name].item() for name in _NOTE)
  # Stored in single precision: rounded as it was drawn, to a tenth of a millisecond.
  return Note(pitch=pitch, velocity=velocity, hold_seconds=round(hold, 4))


def note_keys(recipe: Recipe) -> tuple[str, ...]:
  """Returns the features that say the note of a record; none where all have one note."""
  return () if recipe.notes is None else tuple(_NOTE)


def batch_keys(recipe: Recipe) -> tuple[str, ...]:
  """Returns the features that a `Batch` needs, which are read twice as fast as all of them."""
  return ("mel", "controls", *note_keys(recipe))


def batch_of(columns: Columns, recipe: Recipe) -> Batch:
  """Makes a `Batch` of some records, from the features `batch_keys`."""
  batch = Batch(mel=columns["mel"], controls=columns["controls"])
  if recipe.notes is not None:
    batch["note"] = note_array(columns)
  if not recipe.space.is_numerical:
    batch["heard"] = recipe.space.heard(columns["controls"])
  return batch


def note_array(columns: Columns) -> Float[np.ndarray, "b 3"]:
  """Returns the notes of some records as a `Batch` has them."""
  return np.stack([columns[key] for key in _NOTE], axis=-1).astype(np.float32)
