"""Parallel work on engines: many jobs, some workers, one progress bar."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Literal, TypeVar

from tqdm import tqdm

from synthmatch_jax import cores
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.pool import Pool
from synthmatch_jax.synths.registry import Engine

Job = TypeVar("Job")
Result = TypeVar("Result")
Tick = Callable[[], None]


class Cancelled(Exception):  # noqa: N818 - not an error: raised in workers to end them.
  """The work was called off."""


def run(
  work: Callable[[Job, Host, Tick], Result],
  jobs: Iterable[Job],
  *,
  engine: Engine,
  workers: int,
  total: int,
  label: str,
  report: Callable[[str], None] | None = None,
  bar: Literal["shown", "hidden"] = "shown",
) -> Iterator[Result]:
  """Does the jobs on some engines and yields their results as they are ready.

  Every worker is a thread with a host of its own. Vital lives in that thread, as it releases
  Python's lock while it renders; a plugin lives in a process, and the thread waits for it.

  Args:
    work: A function, called as `work(job, host, tick)` with an engine as good as new. It calls
      `tick()` after every sound, which moves the progress bar and, once the work is called off,
      raises `Cancelled`.
    jobs: The jobs, in the order in which they are begun.
    engine: The engine that the jobs are done on.
    workers: The number of jobs that are under way at once.
    total: The number of sounds in all the jobs together.
    label: The label of the progress bar.
    report: Gets a sentence for every process that had to be replaced.
    bar: Whether progress is shown.

  Raises:
    Exception: The first one that a job raises. The jobs under way are called off, and those not
      begun are dropped. The same happens when the caller stops iterating, e.g. at Ctrl-C.
  """
  stopped = threading.Event()
  with (
    Pool(engine, size=workers, report=report) as pool,
    cores.one_each(),
    tqdm(
      total=total, desc=label, unit="sound", smoothing=0.05, disable=bar == "hidden"
    ) as progress,
    ThreadPoolExecutor(workers) as threads,
  ):

    def tick() -> None:
      if stopped.is_set():
        raise Cancelled
      progress.update()

    def do(job: Job) -> Result:
      with pool.lend() as host:
        host.renew()
        return work(job, host, tick)

    try:
      futures = [threads.submit(do, job) for job in jobs]
      for future in as_completed(futures):
        yield future.result()
    finally:
      stopped.set()
      pool.close()
      threads.shutdown(wait=True, cancel_futures=True)
