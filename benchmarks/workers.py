"""Records a second by workers of one process, and by processes of one worker each.

    python -m benchmarks.workers [--engine=vital_wide] [--records=200] [--workers=2]

An instance of Vital is made while Python's lock is held (docs/vital.md), so that the workers of one
process wait for each other; processes do not, and cost their start and their memory. Both make the
same records, after one each that is not counted. It is to be run on a machine that does nothing
else: only a clear gain there is worth another way to build.
"""

import argparse
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context

from synthmatch_jax import cores
from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.generation.record import make_record
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths import registry
from synthmatch_jax.synths.hosts import ThreadHost


def make(engine_name: str, indices: range) -> int:
  """Makes records of a data set with an engine of its own; returns their number."""
  engine = registry.engine(engine_name)
  recipe = Recipe(
    engine=engine.name,
    fingerprint=engine.expected(""),
    space=engine.space,
    prior=prior.load(engine.prior, engine.space),
    note=Note(),
  )
  host = ThreadHost(engine)
  for index in indices:
    make_record(recipe, index, host)
  return len(indices)


def rate(pool: Executor, engine: str, *, records: int, workers: int) -> float:
  """Returns the records a second of all workers together."""
  task = partial(make, engine)
  list(pool.map(task, [range(i, i + 1) for i in range(workers)]))
  started = time.perf_counter()
  made = sum(pool.map(task, [range(i, records, workers) for i in range(workers)]))
  return made / (time.perf_counter() - started)


def main() -> None:
  """Prints both rates, each of them twice, in turn."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--engine", default="vital_wide", help="engine, no plugin")
  parser.add_argument("--records", type=int, default=200, help="number of records")
  parser.add_argument("--workers", type=int, default=cores.available(), help="workers at once")
  options = parser.parse_args()
  told = {"records": options.records, "workers": options.workers}
  with (
    ThreadPoolExecutor(options.workers) as threads,
    ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as processes,
    cores.one_each(),
  ):
    for name, pool in (("threads", threads), ("processes", processes)) * 2:
      print(f"{name}: {rate(pool, options.engine, **told):.2f} records/s", flush=True)


if __name__ == "__main__":
  main()
