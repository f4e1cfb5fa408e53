"""How much of an engine's speed a build keeps: building data sets beside bare rendering.

    python -m benchmarks.build [FILE.json ...] [--plugin=PATH] [--seconds=20] [--workers=2]

The engines are Vital, the test instrument, and the test instrument made as slow as a large synth,
or those that the descriptions FILE.json define. For each, the same patches, 4 s each, go through
the same farm twice:

* bare: they are rendered, and the sounds are dropped;
* build: loudness and spectrogram are computed too, and records are written, synced and put in
  place.

Both are run three times, alternately; the table has the medians.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tensorflow_datasets.core.file_adapters import FileFormat

from synthmatch_jax import cores
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.generation import shards
from synthmatch_jax.generation.plan import Plan, Shard
from synthmatch_jax.generation.record import draw
from synthmatch_jax.generation.store import Store
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths import farm, registry
from synthmatch_jax.synths.base import Synth
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.play import fingerprint, play
from synthmatch_jax.synths.registry import Engine

ROUNDS = 3
# How many times the slow test instrument computes its sound, to take about as long as Vital.
SLOW = 50


def rendered(synth: Synth, recipe: Recipe, index: int) -> None:
  """Renders one sound: the farm's task for bare rendering."""
  play(synth, recipe, draw(recipe, index, 1))


def bare(planned: list[Shard], recipe: Recipe, *, engine: Engine, workers: int) -> int:
  """Renders the sounds of some shards; returns how many."""

  def work(shard: Shard, host: Host, tick: Callable[[], None]) -> int:
    for _ in host.steadily(lambda index: host.call(rendered, recipe, index), shard.indices):
      tick()
    return len(shard.indices)

  total = sum(len(shard.indices) for shard in planned)
  options = {"engine": engine, "workers": workers, "total": total, "label": "bare"}
  return sum(farm.run(work, planned, **options))


def built(planned: list[Shard], recipe: Recipe, *, engine: Engine, workers: int) -> int:
  """Builds some shards; returns how many sounds were rendered, rejected ones included."""
  with tempfile.TemporaryDirectory() as root:
    store = Store(
      root=root, dataset="massive16", recipe=recipe, file_format=FileFormat.ARRAY_RECORD
    )
    with store.building():
      shards.render(planned, store, engine=engine, workers=workers)
    rejected = len(list(shards.rejections(planned, store)))
  return rejected + sum(len(shard.indices) for shard in planned)


def rates(engine: Engine, *, workers: int, seconds: float) -> tuple[float, float]:
  """Measures sounds per second, bare and built."""
  recipe = Recipe(
    engine=engine.name,
    fingerprint=fingerprint(engine),
    space=engine.space,
    prior=prior.load(engine.prior, engine.space),
    plugin=engine.plugin.essentials() if engine.plugin else None,
  )

  def rate(way: Callable[..., int], count: int) -> float:
    planned = list(Plan(seed=0, num_examples=count * 10 // 8, shard_size=count // workers))
    start = time.perf_counter()
    sounds = way(planned[:workers], recipe, engine=engine, workers=workers)  # Shards of "train".
    return sounds / (time.perf_counter() - start)

  count = 16 * workers
  count = max(count, round(rate(bare, count) * seconds) // workers * workers)
  pairs = [(rate(bare, count), rate(built, count)) for _ in range(ROUNDS)]
  return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def engines(descriptions: list[str], plugin: str) -> dict[str, tuple[Engine, str]]:
  """Returns label -> engine and setting of the test instrument."""
  if descriptions:
    return {file: (registry.engine(file, path=plugin), "") for file in descriptions}
  from tests.plugin import build
  from tests.synths.remote import CANARY, instrument

  bundle = build.build(Path(tempfile.gettempdir()) / "synthmatch_testbed")
  described = instrument(care=registry.Care(canary=CANARY))
  testbed = Engine(name="testbed", plugin=described, path=str(bundle))
  return {
    "Vital": (Engine(name="vital"), ""),
    "test instrument": (testbed, ""),
    f"test instrument, {SLOW} times slower": (testbed, f"work@{SLOW}"),
  }


def main() -> None:
  """Measures and prints the table."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("descriptions", nargs="*", help="FILE.json that the probe wrote")
  parser.add_argument("--plugin", default="", help="path of the plugin, if it is not found")
  parser.add_argument("--seconds", type=float, default=20.0, help="length of each measurement")
  parser.add_argument("--workers", type=int, default=cores.available())
  options = parser.parse_args()
  rows = {}
  for label, (engine, told) in engines(options.descriptions, options.plugin).items():
    os.environ["TESTBED"] = told
    rows[label] = rates(engine, workers=options.workers, seconds=options.seconds)
  print(
    f"\nsounds of 4 s, {options.workers} workers; {platform.machine()}, {cores.available()} cores"
  )
  print("| engine | bare, sounds/s | build, sounds/s | share |")
  print("|---|---:|---:|---:|")
  for label, (raw, build) in rows.items():
    print(f"| {label} | {raw:.2f} | {build:.2f} | {build / raw:.3f} |")


if __name__ == "__main__":
  # Not `main()`: the farm's processes can import modules, but not the script that was started.
  from benchmarks import build

  build.main()
