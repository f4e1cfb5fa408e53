"""Where engines live: in this thread, or in a process that a plugin may take down with it."""

import contextlib
import ctypes
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar, runtime_checkable

from synthmatch_jax.synths.base import Closed, Synth
from synthmatch_jax.synths.process import ProcessHost
from synthmatch_jax.synths.registry import Engine

Item = TypeVar("Item")
Result = TypeVar("Result")


@runtime_checkable
class Host(Protocol):
  """One engine and the place where it lives. It is not thread-safe: every worker has its own."""

  def renew(self) -> None:
    """Puts a new engine in place, unless a used one gives the same sounds to the last bit."""
    ...

  def prepare(self) -> None:
    """Begins to make the engine that `renew` is to put in place next, if it ever has put one."""
    ...

  def call(self, task: Callable[..., Result], *args: Any) -> Result:
    """Returns `task(synth, *args)`, computed where the engine is; all must be picklable.

    Raises:
      RenderError: The call failed again and again; the sentence says why.
    """
    ...

  def steadily(self, do: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yields `do(item)` in order, once it is known that the engine was in order all along.

    `do` gets its sounds from `call` and depends on nothing else, as it may be repeated.
    """
    ...

  def close(self) -> None:
    """Ends the engine, at once and for good; a call under way raises `Closed`."""
    ...


class Spare:
  """A new engine that is made ahead, one for all hosts of a pool: each takes some 100 MB."""

  def __init__(self, engine: Engine):
    self._engine = engine
    self._making: Future[Synth] | None = None
    self._threads = ThreadPoolExecutor(1)
    self._lock = threading.Lock()
    self._closed = False

  def take(self) -> Synth:
    """Returns a new engine: the one that was made ahead, or one that is made now."""
    with self._lock:
      making, self._making = self._making, None
    return making.result() if making else self._engine.make()

  def make(self) -> None:
    """Begins to make one, unless there is one, and returns at once."""
    with self._lock:
      if self._making is None and not self._closed:
        self._making = self._threads.submit(self._engine.make)

  def close(self) -> None:
    """Ends it: an engine that outlives Python would abort its exit."""
    with self._lock:
      self._closed = True
    self._threads.shutdown(wait=True)
    self._making = None


class ThreadHost:
  """The host of an engine in this process, for one that neither crashes nor drifts."""

  def __init__(self, spare: Spare):
    self._spare = spare
    self._synth: Synth | None = None
    self._was_renewed = self._closed = False

  def renew(self) -> None:
    """See `Host`."""
    if self._synth is not None:
      self._synth, self._was_renewed = None, True
      _give_memory_back()

  def prepare(self) -> None:
    """See `Host`."""
    if self._was_renewed:
      self._spare.make()

  def call(self, task: Callable[..., Result], *args: Any) -> Result:
    """See `Host`."""
    if self._closed:
      raise Closed
    synth = self._synth = self._synth or self._spare.take()
    return task(synth, *args)

  def steadily(self, do: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """See `Host`."""
    return map(do, items)

  def close(self) -> None:
    """See `Host`. The engines go with it."""
    self._closed = True
    self.renew()
    self._spare.close()


def _give_memory_back() -> None:
  """Gives what engines have freed back to the system, where the C library is glibc.

  glibc keeps it for the thread that had it, and a pool has threads of its own: four engines of
  Vital after four would take 500 MB each time (seen with glibc 2.36).
  """
  with contextlib.suppress(AttributeError, OSError, TypeError):
    ctypes.CDLL(None).malloc_trim(0)


def host(
  engine: Engine, *, report: Callable[[str], None] | None = None, spare: Spare | None = None
) -> Host:
  """Returns a host of the kind that the engine needs.

  Args:
    engine: The engine.
    report: Gets a sentence for every process that had to be replaced, and why.
    spare: The engine that is made ahead for this and other hosts, where they are threads.
  """
  if engine.parallelism == "thread":
    return ThreadHost(spare or Spare(engine))
  return ProcessHost(engine, report=report)
