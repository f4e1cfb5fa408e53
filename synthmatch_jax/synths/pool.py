"""Engines that stay: many sounds rendered in parallel, without a new engine for each."""

import contextlib
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any

from synthmatch_jax import cores
from synthmatch_jax.synths import hosts
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.registry import Engine


class Pool:
  """Some engines of one kind, each in a host of its own; a context manager.

  The engines are lent one at a time (`lend`), or all work on one list of items (`map`). Item k of
  a list is always done on engine k modulo `size`, and each engine does its items in their order.
  Since the last bits of a sound depend on what its engine played before, the results of `map` thus
  depend on `size` and on the lists since `renew`, but not on how many threads do the work. Lists
  that are given `lanes` have the same results in any pool, whoever else uses it. Other lists are
  steady work (see `Host`): an engine that crashes or drifts costs time only.

  Attributes:
    engine: The engine of which there are several.
    size: The number of engines.
    workers: The number of items that are worked on at once.
  """

  def __init__(
    self,
    engine: Engine,
    *,
    size: int,
    workers: int | None = None,
    report: Callable[[str], None] | None = None,
  ):
    """Makes the hosts; an engine starts when it is used first.

    Args:
      engine: The engine of which there are several.
      size: The number of engines.
      workers: The number of threads; by default there are as many as engines.
      report: Gets a sentence for every process that had to be replaced.
    """
    self.engine, self.size = engine, size
    self.workers = min(workers or size, size)
    self._spare = hosts.Spare(engine)
    self._hosts = [hosts.host(engine, report=report, spare=self._spare) for _ in range(size)]
    self._free = set(range(size))
    self._changed = threading.Condition()
    self._threads = ThreadPoolExecutor(self.workers)
    self._stopped = threading.Event()

  def __enter__(self) -> "Pool":
    return self

  def __exit__(self, *_: object) -> None:
    self.close()

  @contextlib.contextmanager
  def lend(self, lane: int | None = None) -> Iterator[Host]:
    """Lends an engine that nobody else uses meanwhile: that of a lane, or any, once it is free."""
    with self._changed:
      self._changed.wait_for(lambda: self._free if lane is None else lane in self._free)
      taken = min(self._free) if lane is None else lane
      self._free.remove(taken)
    try:
      yield self._hosts[taken]
    finally:
      with self._changed:
        self._free.add(taken)
        self._changed.notify_all()

  def map(
    self,
    task: Callable[..., Any],
    items: Sequence[tuple[Any, ...]],
    *,
    lanes: int | None = None,
    finish: Callable[[int, Any], Any] = lambda place, result: result,
  ) -> Generator[Any, None, None]:
    """Yields `task(synth, *item)` for each item, in order; all of it must be picklable.

    Where the engine fails, the error takes the place of the result. Where the caller stops
    iterating, what is under way is finished and the rest dropped.

    Args:
      task: The work on an item.
      items: The arguments of the task for each item.
      lanes: The number of parts of the list, if each is to be done by an engine as good as new,
        whichever is free: item k belongs to part k modulo `lanes`. The results then depend on
        `lanes` alone: not on `size`, nor on what the engines do before or meanwhile.
      finish: Makes what is yielded of an item's place and its result, or its RenderError. It is
        called in this process, by the thread that has asked the engine.

    Raises:
      Exception: Any other error of a task.
    """
    stopped = threading.Event()
    results: list[Future[Any]] = [Future() for _ in items]
    step = lanes or self.size
    count = min(step, len(items))

    def do(lane: int) -> None:
      places = range(lane, len(items), step)
      with (
        self.lend(None if lanes else lane) as host,
        cores.one_each() if count > 1 else contextlib.nullcontext(),
      ):

        def one(k: int) -> Any:
          if stopped.is_set() or self._stopped.is_set():
            raise CancelledError
          return finish(k, _call(host, task, items[k]))

        try:
          if lanes:
            host.renew()
          done = map(one, places) if lanes else host.steadily(one, places)
          for k, result in zip(places, done, strict=True):
            results[k].set_result(result)
          if lanes:
            host.prepare()
        except BaseException as error:
          for k in places:
            if not results[k].done():
              results[k].set_exception(error)

    working = [self._threads.submit(do, lane) for lane in range(count)]
    try:
      for result in results:
        yield result.result()
    finally:
      stopped.set()
      for lane in working:
        lane.exception()  # Waits for it.

  def prepare(self) -> None:
    """Begins to make the first engine, where engines are threads, and returns at once."""
    if self.engine.parallelism == "thread":
      self._spare.make()

  def renew(self) -> None:
    """Makes all engines as good as new: what follows does not depend on what came before."""
    for lane in range(self.size):
      with self.lend(lane) as host:
        host.renew()

  def close(self) -> None:
    """Ends the engines, at once and for good."""
    self._stopped.set()
    for host in self._hosts:
      host.close()
    self._threads.shutdown(wait=True)  # A lane that has not begun cancels its results.


def _call(host: Host, task: Callable[..., Any], item: tuple[Any, ...]) -> Any:
  try:
    return host.call(task, *item)
  except RenderError as error:
    return error
