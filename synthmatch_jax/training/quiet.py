"""Hides what Orbax prints about a failed save, whose error is raised as well."""

import contextlib
import gc
import logging
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from types import TracebackType
from typing import Any

# Writes that are under way when a save has failed fail within this time.
_LAST_SECONDS = 0.5


@contextlib.contextmanager
def quiet() -> Iterator[None]:
  """Hides, while it is entered, what is printed about errors in Orbax's threads.

  Each thread logs its error with a traceback, and leaves callbacks and coroutines whose own errors
  are printed when nothing awaits them any more. The next call of the checkpoint manager raises all
  that counts. Errors of others are printed as usual.
  """
  with contextlib.ExitStack() as stack:
    logger = logging.getLogger("absl")
    logger.addFilter(_not_of_orbax)
    stack.callback(logger.removeFilter, _not_of_orbax)
    for owner, name in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
      usual = getattr(owner, name)
      stack.callback(setattr, owner, name, usual)
      setattr(owner, name, _filtered(usual))
    try:
      yield
    except Exception:
      # Its futures may live as long as the process, whose errors asyncio logs when they go.
      logging.getLogger("asyncio").addFilter(_not_an_error_of_orbax)
      # Python warns about coroutines that nothing awaited, some of which go when it ends.
      warnings.filterwarnings("ignore", "coroutine '.*(serialize|write).*' was never awaited")
      gc.collect()
      time.sleep(_LAST_SECONDS)
      gc.collect()
      raise


def _not_of_orbax(record: logging.LogRecord) -> bool:
  return "orbax" not in record.pathname or record.levelno < logging.ERROR


def _not_an_error_of_orbax(record: logging.LogRecord) -> bool:
  return not record.exc_info or not _is_of_orbax(*record.exc_info[1:])


def _filtered(usual: Any) -> Any:
  """Returns a hook that drops errors of Orbax; it takes the arguments of all three kinds."""

  def hook(*arguments: Any) -> None:
    if len(arguments) == 3:
      _, error, trace = arguments
    else:
      error, trace = arguments[0].exc_value, arguments[0].exc_traceback
    if not _is_of_orbax(error, trace):
      usual(*arguments)

  return hook


def _is_of_orbax(error: BaseException | None, trace: TracebackType | None) -> bool:
  if threading.current_thread() is not threading.main_thread() and "loop is closed" in str(error):
    return True  # TensorStore reports a write that nothing waits for.
  return any("orbax" in frame.filename for frame in traceback.extract_tb(trace))
