"""A data set on disk, open for reading."""

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from tensorflow_datasets.proto import tf_example_pb2

from synthmatch_jax.audio.note import Note
from synthmatch_jax.data import records
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError, first_line

# The features that most callers read.
EXAMPLE = ("mel", "controls")

DESCRIPTIONS = ("dataset_info.json", "features.json", "metadata.json")
"""The files that TFDS writes beside the records; the last one has the recipe."""

REBUILD = "the `tfds build` command that made it, given again, mends what is damaged"
_ANEW = (
  "it was built by a version that did not look: remove its finished shards (in .shards), and build"
  " it with --overwrite"
)

# Made when its module is imported: type checkers do not see it.
_Example = tf_example_pb2.Example  # pyright: ignore[reportAttributeAccessIssue]


@runtime_checkable
class Records(Protocol):
  """Serialised records. This is no `Sequence`, whose type check would read a record."""

  def __len__(self) -> int:
    """Returns the number of records."""
    ...

  def __getitem__(self, index: Any) -> Any:
    """Returns the record at a position, as bytes."""
    ...


@dataclass(frozen=True, kw_only=True)
class Dataset:
  """A data set on disk, open for reading.

  Attributes:
    name: E.g. "massive16/standard".
    version: E.g. "2.0.0".
    path: The folder of the data set.
    recipe: The recipe of its records.
    sources: Split -> its records, serialised, in the order of their indices.
    features: The features of a record, a tfds.features.FeaturesDict (see records.py).
    files: Split -> name and number of records of each of its shards, in their order.
  """

  name: str
  version: str
  path: Path
  recipe: Recipe
  sources: Mapping[str, Records]
  features: Any
  files: Mapping[str, Sequence[tuple[str, int]]] = dataclasses.field(default_factory=dict)

  def num_examples(self, split: str) -> int:
    """Returns the number of records in a split."""
    return len(self.sources[split])

  def with_first(self, train_examples: int) -> "Dataset":
    """Returns the data set with only the first records of its training split.

    Raises:
      UserError: It has fewer, or none is asked for.
    """
    if train_examples < 1:
      raise UserError(f"data.train_examples must be at least 1, not {train_examples}")
    there = self.num_examples("train")
    if train_examples > there:
      raise UserError(
        f"{self.name} has {there} training sounds, not {train_examples}; lower"
        " data.train_examples or build a larger data set"
      )
    return self.with_training(_First(self.sources["train"], train_examples))

  def with_training(self, source: Records) -> "Dataset":
    """Returns the data set with another source of its training records."""
    return dataclasses.replace(self, sources={**self.sources, "train": source})

  def decode(self, record: bytes, keys: Sequence[str]) -> dict[str, np.ndarray]:
    """Decodes the named features of a serialised record; for the names see `records.features`."""
    stored = _Example.FromString(record).features.feature
    return {key: _decode(stored[key], self.features[key]) for key in keys}

  def read(
    self, split: str, *, limit: int | None = None
  ) -> tuple[Float[np.ndarray, "i t f"], Float[np.ndarray, "i d"]]:
    """Reads the mels and controls of a split in its order, or of its first `limit` records.

    Raises:
      UserError: A record is damaged.
    """
    size = min(len(self.sources[split]), limit or sys.maxsize)
    examples = [self.example(split, position, EXAMPLE) for position in range(size)]
    mel, controls = (np.stack([example[key] for example in examples]) for key in EXAMPLE)
    return mel, controls

  def notes(self, split: str, *, limit: int | None = None) -> list[Note]:
    """Reads the notes of a split in its order, or of its first `limit` records.

    Raises:
      UserError: A record is damaged.
    """
    size = min(len(self.sources[split]), limit or sys.maxsize)
    keys = records.note_keys(self.recipe)
    if not keys:
      return [self.recipe.note] * size
    return [records.note_of(self.example(split, i, keys), self.recipe) for i in range(size)]

  def example(self, split: str, position: int, keys: Sequence[str]) -> dict[str, np.ndarray]:
    """Reads the named features of a record.

    Raises:
      UserError: The record is damaged, cannot be read, or has a number that is not finite; the
        sentence names it and its file.
    """
    advice = REBUILD
    try:
      found = self.decode(self.sources[split][position], keys)
    except Exception as error:  # array_record, protobuf and TFDS raise of every kind.
      reason = first_line(error)
    else:
      broken = [key for key, value in found.items() if not np.isfinite(value).all()]
      if not broken:
        return found
      reason, advice = f"its {broken[0]} is not finite", _ANEW
    file = self._file(split, position)
    raise UserError(
      f"record {position} of the {split} split{file} of {self.path} cannot be used ({reason});"
      f" {advice}"
    )

  def _file(self, split: str, position: int) -> str:
    """Returns a clause that names the file of a record, where it is known."""
    for name, count in self.files.get(split, ()):
      if position < count:
        return f", in {name}"
      position -= count
    return ""


class _First:
  """The first records of a source; none is read until it is asked for."""

  def __init__(self, source: Records, count: int):
    self._source, self._count = source, count

  def __len__(self) -> int:
    return self._count

  def __getitem__(self, index: Any) -> Any:
    return self._source[range(self._count)[index]]


def _decode(stored: Any, feature: Any) -> np.ndarray:
  """Returns the value of a protocol buffer `Feature` that holds a TFDS feature."""
  kind = stored.WhichOneof("kind")
  (value,) = getattr(stored, kind).value
  if kind == "bytes_list":  # A tensor; see records.py.
    return np.frombuffer(value, feature.np_dtype).reshape(feature.shape)
  return np.asarray(value, feature.np_dtype)
