"""Reading a data set: shuffled endless batches for training, ordered ones for measuring.

Neither TensorFlow nor the builder's code is needed: TFDS reads its own description of the data
set, array_record gives random access to the records, grain shuffles and batches them.
"""

import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grain
import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Float, Int
from tensorflow_datasets.proto import tf_example_pb2

from synthmatch_jax.data.batch import Batch, Columns
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError

# What training reads; decoding only these reads twice as fast as decoding whole records.
EXAMPLE = ("mel", "controls")

# One thread: more are slower, since decoding holds Python's lock (measured with grain 0.2.18).
_READING = grain.ReadOptions(num_threads=1, prefetch_buffer_size=8)

# Four million records in shards of 256.
_OPEN_FILES = 16_384

# Made when its module is imported: type checkers do not see it.
_Example = tf_example_pb2.Example  # pyright: ignore[reportAttributeAccessIssue]


@dataclass(frozen=True, kw_only=True)
class Dataset:
  """A data set on disk, open for reading.

  Attributes:
    name: e.g. "massive16/standard".
    version: e.g. "2.0.0".
    path: its folder.
    recipe: everything that shaped its records.
    sources: split -> its records, serialised, in the order of their indices.
    features: of a record, a tfds.features.FeaturesDict (see records.py).
  """

  name: str
  version: str
  path: Path
  recipe: Recipe
  sources: Mapping[str, Sequence[bytes]]
  features: Any

  def num_examples(self, split: str) -> int:
    """Records in a split."""
    return len(self.sources[split])

  def with_first(self, train_examples: int) -> "Dataset":
    """The same with only the first records of its training split: what a smaller one would hold.

    Raises:
      UserError: it has fewer.
    """
    there = self.num_examples("train")
    if train_examples > there:
      raise UserError(
        f"{self.name} has {there} training sounds, not {train_examples}; lower"
        " data.train_examples or build a larger data set"
      )
    first = _First(self.sources["train"], train_examples)
    return dataclasses.replace(self, sources={**self.sources, "train": first})

  def decode(self, record: bytes, keys: Sequence[str]) -> dict[str, np.ndarray]:
    """The named features of a serialised record; names are those of `records.features`."""
    stored = _Example.FromString(record).features.feature
    return {key: _decode(stored[key], self.features[key]) for key in keys}

  def read(
    self, split: str, *, limit: int | None = None
  ) -> tuple[Float[np.ndarray, "i t f"], Float[np.ndarray, "i d"]]:
    """Mels and controls of a split in its order, or of its first `limit` records."""
    size = min(len(self.sources[split]), limit or sys.maxsize)
    (batch,) = ordered_batches(self, split, batch_size=size, indices=range(size))
    return batch["mel"], batch["controls"]


class _First(Sequence[bytes]):
  """The first records of a source, none of which is read for it."""

  def __init__(self, source: Sequence[bytes], count: int):
    self._source, self._count = source, count

  def __len__(self) -> int:
    return self._count

  def __getitem__(self, index: Any) -> Any:
    return self._source[range(self._count)[index]]


def open_dataset(name: str, *, dir: str | Path) -> Dataset:
  """Opens a data set that `tfds build` has made.

  Args:
    name: "massive16/NAME" for the newest version there is, or "massive16/NAME/VERSION".
    dir: TFDS's `data_dir`; "~" is the home folder.

  Raises:
    UserError: there is no such data set, or it is none of synthmatch_jax.
  """
  root = Path(dir).expanduser()
  path = _find(name, root)
  builder: Any = tfds.builder_from_directory(path)  # Its decorators hide its arguments.
  info = builder.info
  metadata = info.metadata or {}
  if "recipe" not in metadata:
    raise UserError(f"the data set in {path} has no recipe; it was not built by synthmatch_jax")
  _allow_many_files()
  raw = tfds.decode.DeserializeMethod.RAW_BYTES
  try:
    sources = {
      split: builder.as_data_source(split, deserialize_method=raw) for split in info.splits
    }
  except NotImplementedError:
    raise UserError(
      f"{path} is in a format that is not read at random; convert it: `tfds convert_format"
      f" --dataset_version_dir={path} --out_file_format=array_record`"
    ) from None
  return Dataset(
    name=path.parent.relative_to(root).as_posix(),
    version=path.name,
    path=path,
    recipe=Recipe.from_dict(metadata["recipe"]),
    sources=sources,
    features=info.features,
  )


def training_batches(
  dataset: Dataset,
  *,
  batch_size: int,
  seed: int,
  start: int = 0,
  part: tuple[int, int] = (0, 1),
  workers: int = 0,
) -> Iterator[Batch]:
  """Endless shuffled batches of the training split: mel (b, t, f) and controls (b, d), float32.

  Every record comes once an epoch, in an order that is a function of seed and epoch; a batch
  may hold the end of one epoch and the beginning of the next.

  Args:
    dataset: to read.
    batch_size: records in a batch, of all processes together.
    seed: of the order.
    start: the batch to begin with: batches are numbered, and a run that goes on from its step n
      begins with batch n.
    part: (which, of how many): each process reads the part of every batch that is its own; the
      batches of all parts, one after the other, are those of a single process.
    workers: processes that read, for devices that are faster than one thread; 0 for none. They
      change no batch. The program must have parsed absl's flags.
  """
  which, count = part
  size = batch_size // count
  records = dataset.sources["train"]

  def read(indices: Int[np.ndarray, " b"]) -> Batch:
    own = indices[which * size : (which + 1) * size]
    examples = [dataset.decode(records[int(index)], EXAMPLE) for index in own]
    return Batch(
      mel=np.stack([example["mel"] for example in examples]),
      controls=np.stack([example["controls"] for example in examples]),
    )

  indices = grain.MapDataset.source(range(len(records))).seed(seed).shuffle().repeat()
  batches = indices.batch(batch_size, drop_remainder=True)
  ready = batches[start:].map(read).to_iter_dataset(_READING)
  return iter(ready.mp_prefetch(grain.MultiprocessingOptions(workers)) if workers else ready)


def ordered_batches(
  dataset: Dataset,
  split: str,
  *,
  batch_size: int,
  keys: Sequence[str] = EXAMPLE,
  indices: Sequence[int] | None = None,
) -> Iterator[Columns]:
  """Batches of a split in its order, each record once; the last one may be smaller.

  Args:
    dataset: to read.
    split: "train", "validation" or "test".
    batch_size: records in a batch.
    keys: features to read.
    indices: positions within the split, to read only those; all by default.
  """
  records = dataset.sources[split]
  chosen = range(len(records)) if indices is None else indices
  return iter(
    grain.MapDataset.source(chosen)
    .map(lambda index: dataset.decode(records[int(index)], keys))
    .batch(batch_size, drop_remainder=False)
    .to_iter_dataset(_READING)
  )


def _decode(stored: Any, feature: Any) -> np.ndarray:
  """Value of a protocol buffer `Feature` that holds a TFDS feature."""
  kind = stored.WhichOneof("kind")
  (value,) = getattr(stored, kind).value
  if kind == "bytes_list":  # A tensor; see records.py.
    return np.frombuffer(value, feature.np_dtype).reshape(feature.shape)
  return np.asarray(value, feature.np_dtype)


def _find(name: str, root: Path) -> Path:
  """Folder of a data set, with its version."""
  parts = name.split("/")
  if len(parts) not in (2, 3) or not all(parts) or ".." in parts:
    raise UserError(
      f"{name!r} is no name of a data set; it has the form massive16/NAME or massive16/NAME/VERSION"
    )
  versions = _versions(root / parts[0] / parts[1])
  found = [v for v in versions if parts[2:] in ([], [v.name])]
  if found:
    return max(found, key=lambda path: tfds.core.Version(path.name))
  there = [
    p.relative_to(root).as_posix() for p in sorted(root.glob(f"{parts[0]}/*/*")) if _whole(p)
  ]
  raise UserError(
    f"there is no data set {name} in {root}"
    f" ({'there are ' + ', '.join(there) if there else 'there is none at all'}); build it with"
    f" `tfds build datasets/{parts[0]} --data_dir={root}"
    f""" --config='{{"name": "{parts[1]}", "num_examples": 10000}}'`, or set --config.data.dir"""
    " and --config.data.name"
  )


def _allow_many_files() -> None:
  """array_record keeps every file open: a million records are 4,000, systems start at 1,024."""
  if sys.platform == "win32":
    return
  import resource

  soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
  wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
  if soft < wanted:
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _versions(folder: Path) -> list[Path]:
  return [path for path in folder.glob("*.*.*") if _whole(path)]


def _whole(path: Path) -> bool:
  """Whether a folder holds a finished data set: TFDS writes its description last."""
  return (path / "dataset_info.json").exists() and tfds.core.Version.is_valid(path.name)
