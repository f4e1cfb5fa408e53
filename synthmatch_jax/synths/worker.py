"""What runs in the process of a plugin: it makes the engine, then answers one call at a time."""

import contextlib
import faulthandler
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Mapping
from multiprocessing.connection import Connection, wait
from typing import Any, Literal

import psutil
from threadpoolctl import threadpool_limits

from synthmatch_jax.errors import UserError
from synthmatch_jax.synths.base import RenderError, Synth
from synthmatch_jax.synths.registry import Engine

Verdict = Literal["done", "failed", "refused", "broken"]
"""Of a call: its result follows; the engine failed; a `UserError`; a bug, with its traceback."""


def serve(
  connection: Connection, engine: Engine, limit_seconds: float, environment: Mapping[str, str]
) -> None:
  """Loads the engine on this thread, the process's main one, and answers until the pipe closes.

  Args:
    connection: takes pickled `(task, args)`; gives `(verdict, value, bytes of memory)`, the first
      time when the engine is ready.
    engine: to be made here.
    limit_seconds: a call that takes longer ends the process, should the parent not do so.
    environment: of the parent, now: a forked process has that of the moment of the first fork.
  """
  os.environ.update(environment)
  signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle.
  threading.Thread(target=_end_with_parent, daemon=True).start()
  quiet = os.open(os.devnull, os.O_WRONLY)
  for stream in (1, 2):  # Plugins chatter; it would tear the progress bar apart.
    os.dup2(quiet, stream)
  process = psutil.Process()

  def answer(verdict: Verdict, value: Any) -> None:
    connection.send((verdict, value, process.memory_info().rss))

  try:
    synth = engine.make()
  except UserError as error:
    answer("refused", str(error))
    return
  except Exception:  # A bug: the parent raises it with this traceback.
    answer("broken", traceback.format_exc())
    return
  answer("done", None)
  threadpool_limits(1, user_api="blas")  # As in the farm.
  nowhere = os.fdopen(quiet, "w")
  with contextlib.suppress(EOFError, BrokenPipeError):
    while True:
      call = connection.recv_bytes()
      # A C thread of its own: it works even where a hung plugin holds Python's lock.
      faulthandler.dump_traceback_later(2 * limit_seconds, exit=True, file=nowhere)
      answer(*_answer(synth, call))
      faulthandler.cancel_dump_traceback_later()


def _answer(synth: Synth, call: bytes) -> tuple[Verdict, Any]:
  try:
    task, args = pickle.loads(call)
    return "done", task(synth, *args)
  except RenderError as error:
    return "failed", str(error)
  except UserError as error:
    return "refused", str(error)
  except Exception:  # As above.
    return "broken", traceback.format_exc()


def _end_with_parent() -> None:
  parent = multiprocessing.parent_process()
  if parent is not None:
    wait([parent.sentinel])
    os._exit(1)
