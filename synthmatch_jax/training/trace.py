"""Traces a few steps with JAX's profiler."""

from pathlib import Path

import jax

# Enough to show what repeats, and few enough to load in a browser.
_STEPS = 5


class Trace:
  """Writes a trace of five steps of a run to trace/ in its folder; a context manager.

  TensorBoard's profile plugin and Perfetto (ui.perfetto.dev) open it.
  """

  def __init__(self, workdir: Path, *, first_step: int | None):
    """Prepares to trace from `first_step` on; None traces nothing."""
    self._folder, self._first = workdir / "trace", first_step
    self._running = False

  def __enter__(self) -> "Trace":
    return self

  def __exit__(self, *_: object) -> None:
    if self._running:  # The run ended before the fifth step.
      self._stop()

  def before(self, step: int) -> None:
    """Must be called before each step."""
    if step == self._first:
      jax.profiler.start_trace(str(self._folder))
      self._running = True

  def after(self, step: int, result: jax.Array) -> None:
    """Must be called after each step, with a result of it."""
    if self._running and self._first is not None and step >= self._first + _STEPS - 1:
      result.block_until_ready()
      self._stop()

  def _stop(self) -> None:
    jax.profiler.stop_trace()
    self._running = False
    print(f"{self._folder} has a trace of five steps: open it in TensorBoard or ui.perfetto.dev")
