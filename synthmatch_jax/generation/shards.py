"""Finished shards survive: rendered one by one, written atomically, found again after a kill.

TFDS alone starts an interrupted build over. Here every shard is first a file in a cache beside
the data set, under a name that says all that shapes it; TFDS then only links the files.
"""

import collections
import dataclasses
import functools
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from tensorflow_datasets.core import example_serializer, file_adapters

from synthmatch_jax import files
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.data.records import features
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation.plan import Shard
from synthmatch_jax.generation.record import Rejection, make_record
from synthmatch_jax.synths import farm
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.registry import Engine

_PARTIAL = ".partial"
_MOST_TOLD = 5  # Failed patches named at the end of a build.


def cache_folder(data_dir: Path, dataset: str, recipe: Recipe) -> Path:
  """Where the shards of a recipe are kept: a folder of their own for every recipe."""
  return data_dir / ".shards" / dataset / recipe.digest()


def shard_path(cache: Path, shard: Shard, file_format: file_adapters.FileFormat) -> Path:
  """File of a shard. Its length is in its name: a split's last shard may be part of another."""
  name = f"{shard.split}-{shard.number:06d}-{len(shard.indices)}.{file_format.file_suffix}"
  return cache / name


def ledger_path(cache: Path, shard: Shard) -> Path:
  """File beside a shard: its checksum, and the patches that were rejected on the way."""
  return cache / f"{shard.split}-{shard.number:06d}-{len(shard.indices)}.json"


def render(
  shards: Sequence[Shard],
  recipe: Recipe,
  *,
  engine: Engine,
  cache: Path,
  file_format: file_adapters.FileFormat,
  workers: int,
) -> None:
  """Renders the shards that are not in the cache yet, `workers` at a time.

  The bytes are the same for any number of workers, and whatever the engine does on the way, if
  it is repeatable.

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
      troubles: collections.Counter[str] = collections.Counter()
      for _ in farm.run(
        work,
        missing,
        engine=engine,
        workers=workers,
        total=total,
        label=recipe.engine,
        report=lambda trouble: troubles.update([trouble]),
      ):
        pass
      _tell(troubles, shards, cache)
  except Timeout:
    raise UserError(f"another build is writing to {cache}; wait for it or end it") from None
  except OSError as error:
    raise UserError(
      f"cannot write shards to {cache}: {error.strerror or error}; finished shards are kept,"
      " the same command goes on from them"
    ) from error


def _write(
  shard: Shard,
  host: Host,
  tick: farm.Tick,
  *,
  recipe: Recipe,
  cache: Path,
  file_format: file_adapters.FileFormat,
) -> None:
  """Renders a shard and puts it in place when it is whole, after its ledger."""
  path = shard_path(cache, shard, file_format)
  partial = path.with_name(path.name + _PARTIAL)
  adapter = file_adapters.ADAPTER_FOR_FORMAT[file_format]
  rejections: list[Rejection] = []
  adapter.write_examples(partial, _serialized(shard, recipe, host, tick, rejections))
  with partial.open("rb+") as file:
    os.fsync(file.fileno())
  ledger = {
    "sha256": hashlib.sha256(partial.read_bytes()).hexdigest(),
    "rejections": [dataclasses.asdict(r) for r in rejections],
  }
  files.write_text(ledger_path(cache, shard), json.dumps(ledger, indent=1) + "\n")
  partial.replace(path)


def _serialized(
  shard: Shard, recipe: Recipe, host: Host, tick: farm.Tick, rejections: list[Rejection]
) -> Iterator[tuple[int, bytes]]:
  """The shard's records; what was rejected on the way is added to `rejections`."""
  spec = features(recipe)
  info: Any = spec.get_serialized_info()  # Of the type that TFDS asks for below, but for its name.
  serializer = example_serializer.ExampleSerializer(info)
  make = functools.partial(make_record, recipe, host=host)
  for record, rejected in host.steadily(make, shard.indices):
    example = spec.encode_example(record)
    # Protocol buffers keep a map's order open unless asked: equal records, equal bytes.
    yield record["index"], serializer.get_tf_example(example).SerializeToString(deterministic=True)
    rejections += rejected
    tick()


def _tell(troubles: collections.Counter[str], shards: Sequence[Shard], cache: Path) -> None:
  """Says what went wrong on the way: nothing of it is in the data set, all of it is of interest."""
  for trouble, times in troubles.most_common():
    print(f"{times} times a process was replaced: it {trouble}")
  failed = [r for r in rejections(shards, cache) if r.failed]
  for rejection in failed[:_MOST_TOLD]:
    print(f"record {rejection.index}, draw {rejection.attempt} failed: {rejection.reason}")
  if failed:
    print(f"{len(failed)} patches failed and were drawn again; {cache}/*.json lists them")


def rejections(shards: Sequence[Shard], cache: Path) -> Iterator[Rejection]:
  """Every patch that was drawn for finished shards and did not become a record."""
  for shard in shards:
    ledger = ledger_path(cache, shard)
    if ledger.exists():
      yield from (Rejection(**r) for r in json.loads(ledger.read_text())["rejections"])


def link(source: Path, target: Path) -> None:
  """Puts a finished shard under a second name: no copy, where the file system can."""
  try:
    target.hardlink_to(source)
  except OSError:
    shutil.copyfile(source, target)
