"""One process with an engine: from its start, over its calls, to its end."""

import atexit
import contextlib
import math
import multiprocessing
import os
import pickle
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from synthmatch_jax.errors import UserError
from synthmatch_jax.synths import worker
from synthmatch_jax.synths.base import RenderError, Synth
from synthmatch_jax.synths.registry import Engine
from synthmatch_jax.synths.surroundings import Surroundings

# A process that loaded JAX or a plugin must not be forked. Linux forks a clean one that has our
# modules but no plugin, in a hundredth of the time that importing them takes.
_METHOD = "forkserver" if sys.platform == "linux" else "spawn"
_CONTEXT: Any = multiprocessing.get_context(_METHOD)
if _METHOD == "forkserver":
  modules = ("audio.loudness", "audio.mel", "data.recipe", "spaces.prior", "synths.worker")
  _CONTEXT.set_forkserver_preload([f"synthmatch_jax.{name}" for name in modules])
_PATIENCE_SECONDS = 0.25  # From one look at whether an answer is overdue to the next.
_REAPING_SECONDS = 2.0  # From the end of a pipe to the news that its process has ended.
_STARTING = threading.Lock()
# The largest answer: sixty sounds of a minute, all at once, are a third of it.
_MOST_BYTES = 2**30


class Lost(Exception):  # noqa: N818 - an event more than an error.
  """The process is gone or must go; the reason reads as in "it crashed in a render"."""


class Life:
  """A process with an engine, which is ready after `load`.

  Args:
    engine: The engine to be made in the process.

  Every method raises `Lost` where the process ended, did not answer in time, or gave an answer that
  cannot be read: whatever a plugin does to its process, nobody waits for ever.

  Attributes:
    sounds: How many sounds the process was asked for; a call that makes none counts as one.
    memory: How many bytes the process occupied after the last call.
  """

  def __init__(self, engine: Engine):
    self._care = engine.care
    self._connection, there = _CONTEXT.Pipe()
    arguments = (there, engine, Surroundings.now())
    self._process = _CONTEXT.Process(target=worker.serve, args=arguments, daemon=True)
    self._prepared: list[Callable[..., Any]] = []
    self._deadline, self._overdue = math.inf, False
    self._ended = threading.Event()
    self._ending = threading.Lock()
    self.sounds = self.memory = 0
    try:
      with _STARTING, _NoMain(), _safe_path():
        self._process.start()
    except (EOFError, ConnectionError):  # The fork server died; the next start has a new one.
      raise Lost("could not be started") from None
    except OSError as error:
      raise UserError(f"no process can be started for {engine.name}: {_why(error)}") from None
    finally:
      there.close()
    atexit.register(self.kill)  # The program's end would wait for one that ignores SIGTERM.
    threading.Thread(target=self._watch, daemon=True).start()

  def load(self) -> None:
    """Waits until the engine is ready.

    Raises:
      UserError: The engine cannot be made; the sentence is the engine's.
    """
    self._exchange(None, self._care.load_seconds, doing="while it was loaded")
    self.sounds, self._memory_at_start = 0, self.memory

  @property
  def worn(self) -> bool:
    """Whether the process has made as many sounds, or grown as much, as it may."""
    grown = (self.memory - self._memory_at_start) / 1e6
    return self.sounds >= self._care.renders or grown > self._care.megabytes

  def ask(self, call: bytes) -> Any:
    """Returns the result of a pickled `(task, args)`, called as `task(synth, *args)`.

    Raises:
      RenderError: The engine failed on it.
      UserError: The task raised it.
      RuntimeError: The task raised anything else, which is a bug; the text is its traceback.
    """
    return self._exchange(call, self._care.render_seconds, doing="in a render")

  def prepare(self, task: Callable[..., Any]) -> None:
    """Imports the module of a task in the process, on time that is not the plugin's."""
    if task not in self._prepared:
      call = pickle.dumps((_nothing, (task,)))
      sounds = self.sounds
      self._exchange(call, self._care.load_seconds, doing="before a render")
      self.sounds = sounds
      self._prepared.append(task)

  def kill(self) -> None:
    """Ends the process at once, from any thread; whoever waits for it finds it gone."""
    self._process.kill()
    self._ended.set()
    atexit.unregister(self.kill)
    with self._ending:
      if sys.platform != "win32" and not self._connection.closed:
        # A helper that the plugin has forked may hold the pipe open.
        with socket.socket(fileno=os.dup(self._connection.fileno())) as pipe:
          pipe.shutdown(socket.SHUT_RDWR)

  def end(self) -> None:
    """Ends the process and releases all that it holds."""
    self.kill()
    self._process.join()
    with self._ending:
      self._connection.close()

  def _exchange(self, call: bytes | None, seconds: float, *, doing: str) -> Any:
    """Sends a call, if there is one, and returns the value of its answer."""
    self._deadline = time.monotonic() + seconds
    try:
      if call is not None:
        self._connection.send_bytes(call)
      verdict, value, sounds, self.memory = self._receive(doing)
      while verdict == "busy":
        seconds = value
        self._deadline = time.monotonic() + seconds
        verdict, value, sounds, self.memory = self._receive(doing)
    except (EOFError, OSError):
      self._deadline = math.inf  # What ended it is found out without a kill on the way.
      late = f"gave no answer for {seconds:g} s {doing}" if self._overdue else ""
      raise Lost(late or self._last_words(doing)) from None
    except BaseException:  # As by Ctrl-C: the next call must not get the answer to this one.
      self.kill()
      raise
    finally:
      self._deadline = math.inf
    self.sounds += max(1, sounds)
    if verdict == "failed":
      raise RenderError(value)
    if verdict == "refused":
      raise UserError(value)
    if verdict == "broken":
      raise RuntimeError(f"in the engine's process:\n{value}")
    return value

  def _receive(self, doing: str) -> worker.Answer:
    answer = self._connection.recv_bytes(_MOST_BYTES)
    try:
      verdict, value, sounds, memory = pickle.loads(answer)
    except Exception as error:  # Bytes that are no pickle raise almost anything.
      raise Lost(f"gave an answer that cannot be read {doing} ({type(error).__name__})") from None
    return verdict, value, sounds, memory

  def _watch(self) -> None:
    """Kills the process when an answer is overdue, on a thread of its own."""
    while not self._ended.wait(_PATIENCE_SECONDS):
      if time.monotonic() > self._deadline:
        self._overdue = True
        self.kill()
        return

  def _last_words(self, doing: str) -> str:
    if not self._connection.readable:
      return f"gave an answer of over {_MOST_BYTES / 2**30:g} GiB {doing}"
    self._process.join(_REAPING_SECONDS)
    code = self._process.exitcode
    if code is None:
      return f"closed its connection {doing}"
    if code == -signal.SIGKILL:
      return f"was killed {doing} (SIGKILL), as by a system that is out of memory"
    name = signal.Signals(-code).name if code < 0 else f"exit status {code}"
    return f"crashed {doing} ({name})"


def _nothing(synth: Synth, task: Callable[..., Any]) -> None:
  del synth, task


def _why(error: OSError) -> str:
  """Says why no process can be started, and what to do."""
  if _working_directory() is None:
    return "the working directory was deleted; change to one that is there"
  return f"{error.strerror}; see what this machine and its limits (`ulimit -a`) allow"


def _working_directory() -> Path | None:
  try:
    return Path.cwd()
  except OSError:  # It was deleted.
    return None


@contextlib.contextmanager
def _safe_path() -> Iterator[None]:
  """Keeps new processes from importing modules that lie in the working directory.

  Python would look there first, also for the fork server and its helper, and the folder may be a
  stranger's. The search path of the new processes is that of this one. The working directory stays
  on it only if this package lies there, as it may be found in no other way. The engine's process
  gets its environment from `Surroundings`, without this.
  """
  if (
    os.environ.get("PYTHONSAFEPATH") or _working_directory() == Path(__file__).resolve().parents[2]
  ):
    yield
    return
  os.environ["PYTHONSAFEPATH"] = "1"
  try:
    yield
  finally:
    del os.environ["PYTHONSAFEPATH"]


class _NoMain:
  """Hides the main script, which new processes would import again with all its imports."""

  def __enter__(self):
    main = vars(sys.modules["__main__"])
    self._kept = {name: main[name] for name in ("__file__", "__spec__") if name in main}
    main.update(dict.fromkeys(self._kept, None))

  def __exit__(self, *_):
    vars(sys.modules["__main__"]).update(self._kept)
