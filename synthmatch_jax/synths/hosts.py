"""Where engines live: in this thread, or in a process that a plugin may take down with it."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar, runtime_checkable

from synthmatch_jax.synths.base import Closed, Synth
from synthmatch_jax.synths.process import ProcessHost
from synthmatch_jax.synths.registry import Engine

Item = TypeVar("Item")
Result = TypeVar("Result")


@runtime_checkable
class Host(Protocol):
  """One engine and the place it lives in. Not thread-safe: one per worker."""

  def renew(self) -> None:
    """Puts a new engine in place, unless a used one gives the same sounds to the last bit."""
    ...

  def call(self, task: Callable[..., Result], *args: Any) -> Result:
    """`task(synth, *args)`, where the engine is; all of it must be picklable.

    Raises:
      RenderError: it failed again and again; with the reason.
    """
    ...

  def steadily(self, do: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yields `do(item)` in order, once the engine is known to have been sound all along.

    `do` gets its sounds from `call` and depends on nothing else: it may be done again.
    """
    ...

  def close(self) -> None:
    """Ends the engine, at once and for good; a call under way raises `Closed`."""
    ...


class ThreadHost:
  """An engine in this process, for engines that neither crash nor drift (see `Host`)."""

  def __init__(self, engine: Engine):
    self._engine = engine
    self._synth: Synth | None = None
    self._closed = False

  def renew(self) -> None:
    """See `Host`."""
    self._synth = None

  def call(self, task: Callable[..., Result], *args: Any) -> Result:
    """See `Host`."""
    if self._closed:
      raise Closed
    synth = self._synth = self._synth or self._engine.make()
    return task(synth, *args)

  def steadily(self, do: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """See `Host`."""
    return map(do, items)

  def close(self) -> None:
    """See `Host`. The engine goes with the host: one that outlives Python aborts its exit."""
    self._closed = True
    self._synth = None


def host(engine: Engine, *, report: Callable[[str], None] | None = None) -> Host:
  """A host of the kind that the engine needs.

  Args:
    engine: what it hosts.
    report: gets a sentence for every process that had to be replaced, and why.
  """
  if engine.parallelism == "thread":
    return ThreadHost(engine)
  return ProcessHost(engine, report=report)
