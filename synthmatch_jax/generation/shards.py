"""Finished shards survive: rendered one by one, written atomically, found again after a kill.

TFDS alone starts an interrupted build over. Here every shard is first a file in a cache beside
the data set, under a name that says all that shapes it; TFDS then only links the files.
"""

import functools
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from tensorflow_datasets.core import example_serializer, file_adapters

from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.data.records import features
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation.plan import Shard
from synthmatch_jax.generation.record import make_record
from synthmatch_jax.synths import farm, registry

_PARTIAL = ".partial"


def cache_folder(data_dir: Path, dataset: str, recipe: Recipe) -> Path:
  """Where the shards of a recipe are kept: a folder of their own for every recipe."""
  return data_dir / ".shards" / dataset / recipe.digest()


def shard_path(cache: Path, shard: Shard, file_format: file_adapters.FileFormat) -> Path:
  """File of a shard. Its length is in its name: a split's last shard may be part of another."""
  name = f"{shard.split}-{shard.number:06d}-{len(shard.indices)}.{file_format.file_suffix}"
  return cache / name


def render(
  shards: Sequence[Shard],
  recipe: Recipe,
  *,
  cache: Path,
  file_format: file_adapters.FileFormat,
  workers: int,
) -> None:
  """Renders the shards that are not in the cache yet, `workers` at a time.

  Raises:
    UserError: another build is at work in the cache, or it cannot be written.
  """
  try:
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / ".lock", timeout=0):
      for leftover in cache.glob(f"*{_PARTIAL}"):
        leftover.unlink()
      paths = {shard: shard_path(cache, shard, file_format) for shard in shards}
      missing = [shard for shard in shards if not paths[shard].exists()]
      done = sum(len(s.indices) for s in shards) - sum(len(s.indices) for s in missing)
      if done:
        print(f"{done} sounds are there already; going on from them")
      work = functools.partial(_write, recipe=recipe, cache=cache, file_format=file_format)
      total = sum(len(shard.indices) for shard in missing)
      for _ in farm.run(work, missing, workers=workers, total=total, label=recipe.engine):
        pass
  except Timeout:
    raise UserError(f"another build is writing to {cache}; wait for it or end it") from None
  except OSError as error:
    raise UserError(
      f"cannot write shards to {cache}: {error.strerror or error}; finished shards are kept,"
      " the same command goes on from them"
    ) from error


def _write(
  shard: Shard,
  tick: farm.Tick,
  *,
  recipe: Recipe,
  cache: Path,
  file_format: file_adapters.FileFormat,
) -> None:
  """Renders a shard on an engine of its own and puts it in place when it is whole."""
  path = shard_path(cache, shard, file_format)
  partial = path.with_name(path.name + _PARTIAL)
  adapter = file_adapters.ADAPTER_FOR_FORMAT[file_format]
  adapter.write_examples(partial, _serialized(shard, recipe, tick))
  with partial.open("rb+") as file:
    os.fsync(file.fileno())
  partial.replace(path)


def _serialized(shard: Shard, recipe: Recipe, tick: farm.Tick) -> Iterator[tuple[int, bytes]]:
  spec = features(recipe)
  info: Any = spec.get_serialized_info()  # Of the type that TFDS asks for below, but for its name.
  serializer = example_serializer.ExampleSerializer(info)
  synth = registry.factory(recipe.engine)()
  for index in shard.indices:
    example = spec.encode_example(make_record(recipe, index, synth))
    # Protocol buffers keep a map's order open unless asked: equal records, equal bytes.
    data = serializer.get_tf_example(example).SerializeToString(deterministic=True)
    yield index, data
    tick()


def link(source: Path, target: Path) -> None:
  """Puts a finished shard under a second name: no copy, where the file system can."""
  try:
    target.hardlink_to(source)
  except OSError:
    shutil.copyfile(source, target)
