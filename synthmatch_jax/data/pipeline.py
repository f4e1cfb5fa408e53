"""Reading a data set: shuffled endless batches for training, ordered ones for measuring.

Neither TensorFlow nor the builder's code is needed: TFDS reads its own description of the data
set, array_record gives random access to the records, grain shuffles and batches them.
"""

import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grain
import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Int

from synthmatch_jax import checksums, files, untrusted
from synthmatch_jax.data import growing, records
from synthmatch_jax.data.batch import Batch, Columns
from synthmatch_jax.data.dataset import DESCRIPTIONS, EXAMPLE, REBUILD, Dataset
from synthmatch_jax.data.growing import Passes
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError, first_line

# One thread: more are slower, since decoding holds Python's lock (measured with grain 0.2.18).
_READING = grain.ReadOptions(num_threads=1, prefetch_buffer_size=8)

# The keys by which a data set names the Python classes of its features, in all forms of TFDS.
_CLASS_KEYS = ("pythonClassName", "python_class_name", "type", "proto_cls")

# Four million records are so many shards of 256.
_OPEN_FILES = 16_384


def open_dataset(name: str, *, dir: str | Path, advice: str = "") -> Dataset:
  """Opens a data set that `tfds build` has made.

  Args:
    name: "massive16/NAME" for the newest version there is, or "massive16/NAME/VERSION".
    dir: TFDS's `data_dir`; "~" is the home folder.
    advice: What to do where there is no such data set; the default is to build one.

  Raises:
    UserError: There is no such data set, synthmatch_jax did not build it, or its description is
      damaged.
  """
  root = files.expanded(dir)
  path = _find(name, root, advice)
  _allow_many_files()
  try:
    contents = _read(path)
  except (UserError, MemoryError):
    raise
  except Exception as error:  # TFDS and protobuf raise of every kind.
    raise UserError(
      f"what describes the data set in {path} is damaged or cannot be read"
      f" ({first_line(error)}); {REBUILD}"
    ) from None
  return Dataset(
    name=path.parent.relative_to(root).as_posix(), version=path.name, path=path, **contents
  )


def _read(path: Path) -> dict[str, Any]:
  """Reads recipe, records, features and files of a data set, by the names of `Dataset`."""
  # Each is read before TFDS does so, which would wait for a pipe. A missing one is found below.
  there = [name for name in DESCRIPTIONS if (path / name).exists()]
  described = {name: untrusted.read_json(path / name) for name in there}
  _refuse_code(described.get("features.json"), path)
  if checksums.exist(path):
    for name, what in checksums.damages(path, ours=DESCRIPTIONS.__contains__).items():
      raise UserError(f"{path / name} {what}; {REBUILD}")
  builder: Any = tfds.builder_from_directory(path)  # Its decorators hide its arguments.
  info = builder.info
  metadata = info.metadata or {}
  if "recipe" not in metadata:
    raise UserError(f"the data set in {path} has no recipe; it was not built by synthmatch_jax")
  shards = {
    name: list(zip(sorted(split.filenames), split.shard_lengths, strict=True))
    for name, split in info.splits.items()
  }
  for file, _ in itertools.chain(*shards.values()):
    if not (path / file).is_file():  # A pipe would be waited for.
      raise UserError(f"{path / file} is missing or is no file; {REBUILD}")
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
  recipe = Recipe.from_dict(metadata["recipe"])
  _require_agreement(info, recipe, path)
  return {"recipe": recipe, "sources": sources, "features": info.features, "files": shards}


def _require_agreement(info: Any, recipe: Recipe, path: Path) -> None:
  """Raises a UserError where a data set does not hold what its recipe says."""
  if missing := sorted({"train", "validation", "test"} - set(info.splits)):
    raise UserError(f"the data set in {path} has no {missing[0]} split; {REBUILD}")
  wanted: Any  # Its type says less than it is.
  for name, wanted in records.features(recipe).items():
    dtype = getattr(wanted.np_dtype, "__name__", wanted.np_dtype)
    found = dict(info.features.items()).get(name)
    form = None if found is None else (found.shape, found.np_dtype)
    if form != (wanted.shape, wanted.np_dtype):
      raise UserError(
        f"the data set in {path} does not agree with its recipe: {name} must be of the shape"
        f" {wanted.shape} and the type {dtype}; {REBUILD}"
      )


def _refuse_code(features: Any, path: Path) -> None:
  """Raises a UserError where a data set names classes that are not TFDS's own.

  TFDS imports whatever module a data set's features.json names: with the data set in the working
  directory, that could be a file of the data set.
  """
  left = [features]
  while left:
    found = left.pop()
    if isinstance(found, dict):
      named = [found[key] for key in _CLASS_KEYS if isinstance(found.get(key), str)]
      if odd := [name for name in named if not name.startswith("tensorflow_datasets.core.")]:
        raise UserError(
          f"the data set in {path} asks for the class {odd[0]:.80} in features.json, which is not"
          " one of TFDS's: it was not built by synthmatch_jax and is not read"
        )
      left += found.values()
    elif isinstance(found, list):
      left += found


def training_batches(
  dataset: Dataset,
  *,
  batch_size: int,
  seed: int,
  start: int = 0,
  part: tuple[int, int] = (0, 1),
  workers: int = 0,
  passes: Passes | None = None,
) -> Iterator[Batch]:
  """Endless shuffled batches of the training split, float32.

  Every record comes once an epoch, in an order that is a function of seed and epoch; a batch
  may hold the end of one epoch and the beginning of the next. While sounds are still being
  rendered, passes take the place of epochs.

  Args:
    dataset: The data set.
    batch_size: Number of records in a batch, of all processes together.
    seed: The seed of the order.
    start: The number of the batch to begin with; a run that goes on from its step n begins with
      batch n.
    part: (which, of how many): each process reads the part of every batch that is its own; the
      batches of all parts, one after the other, are those of a single process.
    workers: Number of processes that read, for devices that are faster than one thread. They
      change no batch. The program must have parsed absl's flags.
    passes: The passes over the training split, if it is growing.
  """
  which, count = part
  size = batch_size // count
  keys = records.batch_keys(dataset.recipe)

  def read(indices: Int[np.ndarray, " b"]) -> Batch:
    own = indices[which * size : (which + 1) * size]
    examples = [dataset.example("train", int(index), keys) for index in own]
    columns = {key: np.stack([example[key] for example in examples]) for key in keys}
    return records.batch_of(columns, dataset.recipe)

  if passes is None:
    indices = growing.order(dataset.num_examples("train"), seed)
    batches = indices.batch(batch_size, drop_remainder=True)
  else:
    batches = grain.MapDataset.source(passes)
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
    dataset: The data set.
    split: "train", "validation" or "test".
    batch_size: Records in a batch.
    keys: Features to read.
    indices: Positions within the split, to read only those; all by default.
  """
  chosen = range(dataset.num_examples(split)) if indices is None else indices
  return iter(
    grain.MapDataset.source(chosen)
    .map(lambda index: dataset.example(split, int(index), keys))
    .batch(batch_size, drop_remainder=False)
    .to_iter_dataset(_READING)
  )


def _find(name: str, root: Path, advice: str) -> Path:
  """Returns the folder of a data set, which ends in its version."""
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
    f" ({'there are ' + ', '.join(there) if there else 'there is none at all'}); "
    + (
      advice
      or f"{building(name, 10_000, dir=root)}, or set --config.data.dir and --config.data.name"
    )
  )


def building(name: str, num_examples: int, *, dir: str | Path) -> str:
  """Returns the words that say how to build a data set."""
  builder, config = name.split("/")[:2]
  return (
    f"build it with `synthmatch build {builder} --data_dir={dir}"
    f""" --config='{{"name": "{config}", "num_examples": {num_examples}}}'`"""
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
