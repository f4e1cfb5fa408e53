"""Renders shards with Apache Beam, on as many machines as its runner has.

Only the numbers of shards travel: each worker renders a shard and puts it into the store, which all
of them reach. The runner tries again what fails; what a lost worker has finished stays.
"""

import contextlib
import pickle
import threading
from collections.abc import Iterator, Sequence
from queue import SimpleQueue

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from tqdm import tqdm

from synthmatch_jax.generation.plan import Plan, Shard, Split
from synthmatch_jax.generation.shards import render_shard
from synthmatch_jax.generation.store import Store
from synthmatch_jax.synths import hosts, play
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.registry import Engine

_LOOK_SECONDS = 5.0  # Time between two looks at the store for the progress bar.

# The engines of this process; Beam may use several threads and makes a new DoFn for every bundle.
_TEAMS: dict[bytes, SimpleQueue[Host]] = {}
_MAKING = threading.Lock()


def render(
  plan: Plan, store: Store, *, engine: Engine, workers: int, options: PipelineOptions
) -> None:
  """Renders the shards that are not in the store yet on a Beam runner.

  It must be called within `store.building()`.

  Args:
    plan: The plan of the data set.
    store: The store that every worker reaches under the same address.
    engine: The engine of the workers, which each of them finds as this process does.
    workers: The number of engines in a process of a worker, e.g. as many as the machine has
      licences.
    options: The options of the pipeline, which include the runner.
  """
  shards = list(plan)
  missing = store.missing(shards)
  if there := len(shards) - len(missing):
    print(f"{there} of {len(shards)} shards are there already; going on from them")
  if not missing:
    return
  keys = [(shard.split, shard.number) for shard in missing]
  with _progress(store, missing), beam.Pipeline(options=options) as pipeline:
    _ = (
      pipeline
      | "Shards" >> beam.Create(keys)
      | "Render" >> beam.ParDo(RenderShard(plan, store, engine, workers))
    )


class RenderShard(beam.DoFn):
  """Passes (split, number) of a shard on once the shard is in the store."""

  def __init__(self, plan: Plan, store: Store, engine: Engine, workers: int):
    self._plan, self._store = plan, store
    self._engine, self._workers = engine, workers

  def process(self, element: tuple[Split, int]) -> Iterator[tuple[Split, int]]:
    """See `beam.DoFn`."""
    shard = self._plan.shard(*element)
    if not self._store.is_finished(shard):
      free = self._team()
      host = free.get()
      try:
        host.renew()
        render_shard(self._store, shard, host, tick=lambda: None)
      finally:
        free.put(host)
    yield element

  def _team(self) -> SimpleQueue[Host]:
    """Returns the queue of this process's idle engines."""
    key = pickle.dumps((self._engine, self._workers, self._store.recipe.fingerprint))
    with _MAKING:
      if key not in _TEAMS:
        play.engine(self._store.recipe, path=self._engine.path)  # Here it may be another version.
        _TEAMS[key] = SimpleQueue()
        for _ in range(self._workers):
          _TEAMS[key].put(hosts.host(self._engine))
      return _TEAMS[key]


@contextlib.contextmanager
def _progress(store: Store, shards: Sequence[Shard]) -> Iterator[None]:
  """Shows a progress bar of the shards that arrive in the store, whichever worker brings them."""
  awaited = {store.ledger_path(shard).name for shard in shards}
  over = threading.Event()
  with tqdm(total=len(awaited), desc=store.recipe.engine, unit="shard") as bar:

    def look() -> None:
      arrived = awaited & store.names()
      bar.update(len(arrived) - bar.n)

    def watch() -> None:
      while not over.wait(_LOOK_SECONDS):
        look()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
      yield
      look()
    finally:
      over.set()
      watcher.join()
