"""A few steps under JAX's profiler."""

from pathlib import Path

import jax

# Enough to see what repeats, little enough to load in a browser.
_STEPS = 5


class Trace:
  """Traces five steps of a run into trace/ in its folder; a context manager.

  TensorBoard's profile plugin and Perfetto (ui.perfetto.dev) open what is written.
  """

  def __init__(self, workdir: Path, *, first_step: int | None):
    """Traces from `first_step` on; nothing where it is None."""
    self._folder, self._first = workdir / "trace", first_step
    self._running = False

  def __enter__(self) -> "Trace":
    return self

  def __exit__(self, *_: object) -> None:
    if self._running:  # The run has ended within the five.
      self._stop()

  def before(self, step: int) -> None:
    """To be called before each step."""
    if step == self._first:
      jax.profiler.start_trace(str(self._folder))
      self._running = True

  def after(self, step: int, result: jax.Array) -> None:
    """To be called after each step, with what it computes."""
    if self._running and self._first is not None and step >= self._first + _STEPS - 1:
      result.block_until_ready()
      self._stop()

  def _stop(self) -> None:
    jax.profiler.stop_trace()
    self._running = False
    print(f"five steps are traced in {self._folder}: open it in TensorBoard or ui.perfetto.dev")
