"""Parallel work on engines: many jobs, some workers, one progress bar."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from tqdm import tqdm

Job = TypeVar("Job")
Result = TypeVar("Result")
Tick = Callable[[], None]


class Cancelled(Exception):  # noqa: N818 - not an error: raised in workers to end them.
  """The work was called off."""


def run(
  work: Callable[[Job, Tick], Result],
  jobs: Iterable[Job],
  *,
  workers: int,
  total: int,
  label: str,
) -> Iterator[Result]:
  """Does the jobs in threads and yields their results as they are ready.

  Threads suit engines that let go of Python's lock while they render, as Vital does; each job
  makes its own engine.

  Args:
    work: called as `work(job, tick)`; it calls `tick()` after every sound, which moves the
      progress bar and, once the work is called off, raises `Cancelled`.
    jobs: in the order in which they are begun.
    workers: how many jobs are under way at once.
    total: sounds in all the jobs together.
    label: of the progress bar.

  Raises:
    Exception: the first that a job raises; the jobs under way are called off, those not begun
      are dropped. The same happens when the caller stops iterating, e.g. at Ctrl-C.
  """
  stopped = threading.Event()
  with (
    tqdm(total=total, desc=label, unit="sound", smoothing=0.05) as bar,
    ThreadPoolExecutor(workers) as pool,
  ):

    def tick() -> None:
      if stopped.is_set():
        raise Cancelled
      bar.update()

    try:
      futures = [pool.submit(work, job, tick) for job in jobs]
      for future in as_completed(futures):
        yield future.result()
    finally:
      stopped.set()
      pool.shutdown(wait=True, cancel_futures=True)
