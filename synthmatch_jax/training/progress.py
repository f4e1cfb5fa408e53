"""Progress of a run: losses fetched without holding up the devices, and a progress bar."""

import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from synthmatch_jax.errors import UserError

# Time between two progress lines where there is no terminal for a bar.
_LINE_SECONDS = 15


class Progress:
  """Follows the steps of a run; a context manager.

  The devices work asynchronously, some steps behind Python. A loss is therefore fetched once it is
  ready, without waiting; only `settle` and `drain`, which are called at log points, wait.
  """

  def __init__(
    self,
    *,
    step: int,
    total: int,
    batch_size: int,
    losses: Sequence[float] = (),
    share: float | None = None,
    silent: bool = False,
  ):
    """Begins after `step` steps of `total`.

    Args:
      step: Number of steps made before.
      total: Number of steps of the run.
      batch_size: Number of records in a step.
      losses: Losses of earlier steps that are not in a log yet.
      share: Fraction of the devices' peak that one example per second takes, if it is known.
      silent: Whether to show nothing.
    """
    self._step, self._total, self._batch_size = step, total, batch_size
    self._share, self._silent = share, silent
    self._pending: deque[Any] = deque()  # jax.Array; `is_ready` is missing in its type.
    self._losses = list(losses)
    self._compiled = False
    self._restart()
    self._shown = time.perf_counter()
    # Without a terminal, lines are printed now and then instead of the bar.
    self._bar = tqdm(
      total=total,
      initial=step,
      unit="step",
      dynamic_ncols=True,
      disable=silent or not sys.stderr.isatty(),
    )

  def __enter__(self) -> "Progress":
    return self

  def __exit__(self, *_: object) -> None:
    self._bar.close()

  def watch(self, batches: Iterator[Any]) -> Iterator[Any]:
    """Yields the same batches and counts the time spent waiting for them."""
    while True:
      asked = time.perf_counter()
      batch = next(batches)
      self._waited += time.perf_counter() - asked
      yield batch

  def add(self, loss: jax.Array) -> None:
    """Adds the loss of the next step, which the devices may still be computing."""
    self._pending.append(loss)
    while self._pending and self._pending[0].is_ready():
      self._take()

  def settle(self) -> tuple[float, ...]:
    """Waits for the steps so far and returns the losses of those since the last `drain`.

    Raises:
      UserError: A loss is not finite. (A step's loss is computed before its update, so the effect
        of the last update shows only in the next step.)
    """
    while self._pending:
      self._take()
    if not np.isfinite(self._losses).all():
      raise UserError(
        f"the training loss is no longer a finite number by step {self._step}; try a lower"
        " --config.optimizer.learning_rate in another --workdir"
      )
    return tuple(self._losses)

  def drain(self) -> dict[str, float]:
    """Waits for the steps so far and returns metrics of those since the last `drain`.

    Returns:
      The mean of "train/loss" and, without the step that compiles, "speed/examples_per_second",
      "speed/step_seconds", "speed/input_wait" (fraction of the time in which Python waited for
      records; it costs nothing while the devices are busy, so it is an upper bound of their
      stall) and, where the peak is known, "speed/utilisation" (fraction of the devices' peak that
      the model's own floating-point operations take).

    Raises:
      UserError: The loss is no longer finite.
    """
    self.settle()
    metrics = {"train/loss": float(np.mean(self._losses))}
    if self._timed:
      rate, seconds = self._rate(), time.perf_counter() - self._started
      metrics["speed/examples_per_second"] = rate
      metrics["speed/step_seconds"] = seconds / self._timed
      metrics["speed/input_wait"] = min(1.0, self._waited / seconds)
      if self._share is not None:
        metrics["speed/utilisation"] = rate * self._share
    self._losses.clear()
    self._restart()
    return metrics

  def report(self, metrics: Mapping[str, float]) -> None:
    """Shows the losses at a validation, whose time does not count as training."""
    losses = f"train {metrics['train/loss']:.5f}, validation {metrics['validation/loss']:.5f}"
    if "live/sounds" in metrics:
      sounds, times = metrics["live/sounds"], metrics["live/times_heard"]
      losses += f"; {sounds:,.0f} sounds, each heard {times:.1f} times"
    if not self._silent:
      tqdm.write(f"step {self._step}/{self._total}: loss {losses}", file=sys.stderr)
    self._restart()

  def _restart(self) -> None:
    self._timed, self._started, self._waited = 0, time.perf_counter(), 0.0

  def _rate(self) -> float:
    return self._timed * self._batch_size / (time.perf_counter() - self._started)

  def _take(self) -> None:
    self._losses.append(float(self._pending.popleft()))
    self._step += 1
    self._bar.update()
    if not self._compiled:
      self._compiled = True
      self._restart()
      return
    self._timed += 1
    rate = self._rate()
    status = f"loss {self._losses[-1]:.4f}, {rate:.3g} examples/s"
    self._bar.set_postfix_str(status, refresh=False)
    if self._silent or not self._bar.disable:
      return
    if time.perf_counter() - self._shown > _LINE_SECONDS:
      self._shown = time.perf_counter()
      left = tqdm.format_interval((self._total - self._step) * self._batch_size / rate)
      print(f"step {self._step}/{self._total}: {status}, {left} left", file=sys.stderr)
