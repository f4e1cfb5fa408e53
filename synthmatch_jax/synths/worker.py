"""The process of a plugin: it makes the engine, then answers one call at a time."""

import contextlib
import faulthandler
import functools
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any, Literal

import psutil
from threadpoolctl import threadpool_limits

from synthmatch_jax.errors import UserError
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.registry import Engine
from synthmatch_jax.synths.surroundings import Surroundings

Verdict = Literal["busy", "done", "failed", "refused", "broken"]
"""The kind of an answer, which says what its value is.

busy: There is no result yet; the next answer takes at most that many seconds.
done: The result of the call.
failed: The reason why the engine failed.
refused: The sentence of a `UserError`.
broken: The traceback of any other error, which is a bug.
"""

Answer = tuple[Verdict, Any, int, int]
"""The verdict, its value, the number of sounds that the call has made, the memory in bytes."""


def serve(connection: Connection, engine: Engine, surroundings: Surroundings | None) -> None:
  """Loads the engine on this thread, the process's main one, and answers until the pipe closes.

  Args:
    connection: The pipe that brings pickled `(task, args)` and takes pickled `Answer`s, the first
      one when the engine is ready.
    engine: The engine to be made here.
    surroundings: The surroundings of the parent; None where this process has them already.
  """
  if surroundings is not None:
    surroundings.enter()
  signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle.
  _end_with_parent()
  quiet = os.open(os.devnull, os.O_WRONLY)
  for stream in (1, 2):  # Plugins chatter; it would tear the progress bar apart.
    os.dup2(quiet, stream)
  _Worker(connection, engine, quiet).work()


class _Worker:
  """Answers calls; an alarm ends the process where one takes far too long."""

  def __init__(self, connection: Connection, engine: Engine, quiet: int):
    self._connection, self._engine = connection, engine
    self._nowhere = os.fdopen(quiet, "w")
    self._process = psutil.Process()
    self._synth: Any = None
    self._sounds = 0  # How many the call under way has made.

  def work(self) -> None:
    """Makes the engine and answers until the pipe closes."""
    with contextlib.suppress(EOFError, BrokenPipeError):
      self._alarm(self._engine.care.load_seconds)
      self._connection.send_bytes(self._answer(self._make))
      threadpool_limits(1, user_api="blas")  # As in the farm.
      while True:
        faulthandler.cancel_dump_traceback_later()
        call = self._connection.recv_bytes()
        self._sounds = 0
        self._alarm(self._engine.care.render_seconds)
        self._connection.send_bytes(self._answer(lambda call=call: self._do(*pickle.loads(call))))

  def _make(self) -> None:
    self._synth = self._engine.make()
    if render := getattr(self._synth, "render", None):  # The probe's first subject has none.
      self._synth.render = self._counted(render)

  def _do(self, task: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    return task(self._synth, *args)

  def _answer(self, do: Callable[[], Any]) -> bytes:
    try:
      return self._pickled("done", do())
    except RenderError as error:
      return self._pickled("failed", str(error))
    except MemoryError:
      return self._pickled("failed", "ran out of memory")
    except UserError as error:
      return self._pickled("refused", str(error))
    except Exception:  # Any other error is a bug, which the parent raises with this traceback.
      return self._pickled("broken", traceback.format_exc())

  def _pickled(self, verdict: Verdict, value: Any) -> bytes:
    return pickle.dumps((verdict, value, self._sounds, self._process.memory_info().rss))

  def _counted(self, render: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the engine's `render`, which tells the parent of every sound after the first.

    The limit is for one sound and what is done with it. A call that makes many gets as much time
    for each of them, and as much again for each when all of them are there.
    """
    seconds = self._engine.care.render_seconds

    @functools.wraps(render)
    def counted(*args: Any, **options: Any) -> Any:
      if self._sounds:
        self._busy(seconds)
      sound = render(*args, **options)
      self._sounds += 1
      if self._sounds > 1:
        self._busy(seconds * self._sounds)
      return sound

    return counted

  def _busy(self, seconds: float) -> None:
    self._alarm(seconds)
    self._connection.send_bytes(self._pickled("busy", seconds))

  def _alarm(self, seconds: float) -> None:
    """Has the process end if it is twice overdue and its parent has not ended it.

    A thread in C does so, even where a plugin that hangs holds Python's lock.
    """
    faulthandler.dump_traceback_later(2 * seconds, exit=True, file=self._nowhere)


def _end_with_parent() -> None:
  """Has this process end when its parent is gone, however that came about."""
  parent = multiprocessing.parent_process()
  assert parent is not None
  if sys.platform == "linux":
    import fcntl  # Windows has none.

    # The kernel kills it even where a plugin lets no Python run, or the process is stopped.
    fcntl.fcntl(parent.sentinel, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(parent.sentinel, fcntl.F_SETSIG, signal.SIGKILL)
    flags = fcntl.fcntl(parent.sentinel, fcntl.F_GETFL)
    fcntl.fcntl(parent.sentinel, fcntl.F_SETFL, flags | os.O_ASYNC)
  if wait([parent.sentinel], 0):  # The kernel does not tell of a parent that is gone already.
    os._exit(1)

  def watch() -> None:
    wait([parent.sentinel])
    os._exit(1)

  threading.Thread(target=watch, daemon=True).start()
