"""One process with an engine: from its start, over its calls, to its end."""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from synthmatch_jax.errors import UserError
from synthmatch_jax.synths import worker
from synthmatch_jax.synths.base import RenderError, Synth
from synthmatch_jax.synths.description import Care
from synthmatch_jax.synths.registry import Engine

# A process that loaded JAX or a plugin must not be forked. Linux forks a clean one that has our
# modules but no plugin, in a hundredth of the time that importing them takes.
_METHOD = "forkserver" if sys.platform == "linux" else "spawn"
_CONTEXT: Any = multiprocessing.get_context(_METHOD)
if _METHOD == "forkserver":
  modules = ("audio.loudness", "audio.mel", "data.recipe", "spaces.prior", "synths.worker")
  _CONTEXT.set_forkserver_preload([f"synthmatch_jax.{name}" for name in modules])
_PATIENCE_SECONDS = 0.5  # Between two looks at whether the work was called off.
_STARTING = threading.Lock()


class Lost(Exception):  # noqa: N818 - an event more than an error.
  """The process is gone or must go; with the reason, as in "it crashed in a render"."""


class Life:
  """A process with an engine that is ready.

  Args:
    engine: to be made there.
    cancelled: whether the work was called off: a process that does not answer is then lost.

  Every method raises `Lost` where the process ended or did not answer in time.

  Attributes:
    calls: how many it was asked.
    memory: bytes that it occupied after the last of them.

  Raises:
    UserError: the engine cannot be made; what it says.
  """

  def __init__(self, engine: Engine, *, cancelled: Callable[[], bool]):
    self._cancelled = cancelled
    care = engine.care
    here, there = _CONTEXT.Pipe()
    self._connection = here
    arguments = (there, engine, care.render_seconds, dict(os.environ))
    self._process = _CONTEXT.Process(target=worker.serve, args=arguments, daemon=True)
    self._load_seconds = care.load_seconds
    self._prepared: list[Callable[..., Any]] = []
    self.calls = 0
    with _STARTING, _NoMain():
      self._process.start()
    there.close()
    self.memory = 0
    try:
      self._answer(care.load_seconds, doing="while it was loaded")
    except BaseException:
      self.end()
      raise
    self._memory_at_start = self.memory

  def worn(self, care: Care) -> bool:
    """Whether it has served, or grown, as much as it may."""
    grown = (self.memory - self._memory_at_start) / 1e6
    return self.calls >= care.renders or grown > care.megabytes

  def ask(self, call: bytes, seconds: float) -> Any:
    """The result of a pickled `(task, args)`, called as `task(synth, *args)`.

    Raises:
      RenderError: the engine failed on it.
      UserError: as the task raised it.
      RuntimeError: the task raised anything else: a bug, with its traceback.
    """
    self.calls += 1
    self._send(call)
    return self._answer(seconds, doing="in a render")

  def prepare(self, task: Callable[..., Any]) -> None:
    """Has the task's module imported there, which is not the plugin's time."""
    if task not in self._prepared:
      self._send(pickle.dumps((_nothing, (task,))))
      self._answer(self._load_seconds, doing="before a render")
      self._prepared.append(task)

  def _send(self, call: bytes) -> None:
    try:
      self._connection.send_bytes(call)
    except OSError:  # It died between two calls.
      raise Lost(self._last_words("between two sounds")) from None

  def kill(self) -> None:
    """Ends the process at once, from whatever thread."""
    self._process.kill()

  def end(self) -> None:
    """Ends the process and lets go of all that it holds."""
    self._process.kill()
    self._process.join()
    self._connection.close()

  def _answer(self, seconds: float, *, doing: str) -> Any:
    try:
      if not self._poll(seconds):
        raise Lost(f"gave no answer for {seconds:g} s {doing}")
      verdict, value, self.memory = self._connection.recv()
    except (EOFError, OSError):
      raise Lost(self._last_words(doing)) from None
    if verdict == "failed":
      raise RenderError(value)
    if verdict == "refused":
      raise UserError(value)
    if verdict == "broken":
      raise RuntimeError(f"in the engine's process:\n{value}")
    return value

  def _poll(self, seconds: float) -> bool:
    """Waits for an answer, but not after the work was called off."""
    deadline = time.monotonic() + seconds
    while not self._connection.poll(_PATIENCE_SECONDS):
      if self._cancelled() or time.monotonic() > deadline:
        return False
    return True

  def _last_words(self, doing: str) -> str:
    self._process.join(5)
    code = self._process.exitcode or 0
    name = signal.Signals(-code).name if code < 0 else f"exit status {code}"
    return f"crashed {doing} ({name})"


def _nothing(synth: Synth, task: Callable[..., Any]) -> None:
  del synth, task


class _NoMain:
  """Hides the main script: new processes would import it again, with all that it imports."""

  def __enter__(self):
    main = vars(sys.modules["__main__"])
    self._kept = {name: main[name] for name in ("__file__", "__spec__") if name in main}
    main.update(dict.fromkeys(self._kept, None))

  def __exit__(self, *_):
    vars(sys.modules["__main__"]).update(self._kept)
