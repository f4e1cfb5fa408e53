"""Renders shards on this machine, on all its cores, into a store that survives a kill."""

import collections
import functools
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tensorflow_datasets.core import example_serializer, file_adapters

from synthmatch_jax import checksums, files
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.data.records import features
from synthmatch_jax.generation.ledger import Ledger
from synthmatch_jax.generation.plan import Shard
from synthmatch_jax.generation.record import Rejection, make_record
from synthmatch_jax.generation.store import Store
from synthmatch_jax.synths import farm
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.registry import Engine

_MOST_TOLD = 5  # Failed patches that are named at the end of a build.


def render(shards: Sequence[Shard], store: Store, *, engine: Engine, workers: int) -> None:
  """Renders the shards that are not in the store yet, `workers` at a time.

  It must be called within `store.building()`. The bytes are the same for any number of workers and
  even if the engine crashes on the way, provided that the engine is repeatable.
  """
  missing = store.missing(shards)
  total = sum(len(shard.indices) for shard in missing)
  if there := sum(len(shard.indices) for shard in shards) - total:
    print(f"{there} sounds are there already; going on from them")
  troubles: collections.Counter[str] = collections.Counter()
  for _ in farm.run(
    functools.partial(render_shard, store),
    missing,
    engine=engine,
    workers=workers,
    total=total,
    label=store.recipe.engine,
    report=lambda trouble: troubles.update([trouble]),
  ):
    pass
  _tell(troubles, rejections(shards, store), store)


def render_shard(store: Store, shard: Shard, host: Host, tick: farm.Tick) -> None:
  """Renders a shard and puts it into the store when it is whole, and then its ledger."""
  rejected: list[Rejection] = []
  started = time.monotonic()
  with store.writing(store.path(shard)) as partial:
    adapter = file_adapters.ADAPTER_FOR_FORMAT[store.file_format]
    with files.disk_errors():
      adapter.write_examples(partial, _serialized(shard, store.recipe, host, tick, rejected))
    ledger = Ledger(
      split=shard.split,
      number=shard.number,
      records=len(shard.indices),
      sha256=checksums.sha256(partial),
      seconds=round(time.monotonic() - started, 3),
      rejections=tuple(rejected),
    )
  with store.writing(store.ledger_path(shard)) as partial:
    partial.write_text(ledger.to_json() + "\n", encoding="utf-8")


def rejections(shards: Iterable[Shard], store: Store) -> Iterator[Rejection]:
  """Yields all patches that were drawn for finished shards and rejected."""
  for shard in shards:
    if ledger := store.ledger(shard):
      yield from ledger.rejections or ()


def _serialized(
  shard: Shard, recipe: Recipe, host: Host, tick: farm.Tick, rejected: list[Rejection]
) -> Iterator[tuple[int, bytes]]:
  """Yields the index and the bytes of a shard's records; adds rejections to `rejected`."""
  spec = features(recipe)
  info: Any = spec.get_serialized_info()  # TFDS declares another type below.
  serializer = example_serializer.ExampleSerializer(info)
  make = functools.partial(make_record, recipe, host=host)
  for record, why in host.steadily(make, shard.indices):
    example = spec.encode_example(record)
    # Equal records must give equal bytes; by default, protocol buffers leave a map's order open.
    yield record["index"], serializer.get_tf_example(example).SerializeToString(deterministic=True)
    rejected += why
    tick()


def _tell(troubles: collections.Counter[str], rejected: Iterable[Rejection], store: Store) -> None:
  """Prints what went wrong on the way; nothing of it is in the data set."""
  for trouble, times in troubles.most_common():
    print(f"{times} times a process was replaced: it {trouble}")
  failed = [r for r in rejected if r.failed]
  for rejection in failed[:_MOST_TOLD]:
    print(f"record {rejection.index}, draw {rejection.attempt} failed: {rejection.reason}")
  if failed:
    print(f"{len(failed)} patches failed and were drawn again; {store.folder}/*.json lists them")
