"""Detects the signal that a machine is about to be taken away."""

import signal
import threading
from types import FrameType

import jax
from jax.experimental import multihost_utils


class Preemption:
  """Detects SIGTERM; a context manager.

  Several processes, which may get the signal at different times, agree on the step after which
  they stop, through JAX's preemption service.
  """

  def __init__(self):
    self._came = False
    self._earlier = None

  def __enter__(self) -> "Preemption":
    # Signals reach the main thread only; JAX listens for several processes.
    if jax.process_count() == 1 and threading.current_thread() is threading.main_thread():
      self._earlier = signal.signal(signal.SIGTERM, self._note)
    return self

  def __exit__(self, *_: object) -> None:
    if self._earlier is not None:
      signal.signal(signal.SIGTERM, self._earlier)

  def reached(self, step: int) -> bool:
    """Whether to save and stop after this step; must be called after every step."""
    if jax.process_count() > 1:
      return multihost_utils.reached_preemption_sync_point(step)
    return self._came

  def _note(self, _signal: int, _frame: FrameType | None) -> None:
    self._came = True
