"""Keeps what Orbax prints about a failed save from the user, to whom it is raised as well."""

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

# What is still being written when a save has failed, fails within this time.
_LAST_SECONDS = 0.5


@contextlib.contextmanager
def quiet() -> Iterator[None]:
  """Within it nothing is printed of what fails in Orbax's threads.

  Each of them logs its error with a traceback, and leaves callbacks and coroutines whose own
  errors are printed when nobody awaits them any more. All that counts is raised by the next call
  of the checkpoint manager. Errors of others are printed as ever.
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
      with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # That coroutines were never awaited.
        gc.collect()
        time.sleep(_LAST_SECONDS)
        gc.collect()
      raise


def _not_of_orbax(record: logging.LogRecord) -> bool:
  return "orbax" not in record.pathname or record.levelno < logging.ERROR


def _filtered(usual: Any) -> Any:
  """A hook that leaves errors out that come from Orbax: takes what all three kinds take."""

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
    return True  # TensorStore tells asyncio of a write that nobody waits for.
  return any("orbax" in frame.filename for frame in traceback.extract_tb(trace))
