"""How a run is going: losses fetched without holding up the device, and a line that shows it."""

import sys
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from synthmatch_jax.errors import UserError

# Between two lines where no terminal can redraw one.
_LINE_SECONDS = 15


class Progress:
  """Follows the steps of a run; a context manager.

  The device works through steps that Python has long handed over. Losses are therefore taken
  when they are there, not when they are asked for; only `drain`, at log points, waits.
  """

  def __init__(self, *, step: int, total: int, batch_size: int):
    """Begins after `step` steps of `total`."""
    self._step, self._total, self._batch_size = step, total, batch_size
    self._pending: deque[Any] = deque()  # jax.Array; `is_ready` is missing in its type.
    self._losses: list[float] = []
    self._compiled = False
    self._restart()
    self._shown = time.monotonic()
    # Without a terminal the bar is silent; lines appear now and then instead.
    self._bar = tqdm(
      total=total,
      initial=step,
      unit="step",
      dynamic_ncols=True,
      disable=not sys.stderr.isatty(),
    )

  def __enter__(self) -> "Progress":
    return self

  def __exit__(self, *_: object) -> None:
    self._bar.close()

  def add(self, loss: jax.Array) -> None:
    """Notes the loss of the next step, which the device may still be busy with."""
    self._pending.append(loss)
    while self._pending and self._pending[0].is_ready():
      self._take()

  def drain(self) -> dict[str, float]:
    """Waits for the steps so far; metrics of those since the last `drain`.

    Returns:
      The mean of "train/loss", and "train/examples_per_second" without the step that compiles.

    Raises:
      UserError: the loss is not a finite number any more.
    """
    while self._pending:
      self._take()
    metrics = {"train/loss": float(np.mean(self._losses))}
    if not np.isfinite(metrics["train/loss"]):
      raise UserError(
        f"the training loss became {metrics['train/loss']} by step {self._step}; try a lower"
        " --config.optimizer.learning_rate"
      )
    if self._timed:
      metrics["train/examples_per_second"] = self._rate()
    self._losses.clear()
    self._restart()
    return metrics

  def report(self, metrics: Mapping[str, float]) -> None:
    """Shows the losses of a validation, whose time does not count as training."""
    losses = f"train {metrics['train/loss']:.5f}, validation {metrics['validation/loss']:.5f}"
    tqdm.write(f"step {self._step}/{self._total}: loss {losses}", file=sys.stderr)
    self._restart()

  def _restart(self) -> None:
    self._timed, self._started = 0, time.monotonic()

  def _rate(self) -> float:
    return self._timed * self._batch_size / (time.monotonic() - self._started)

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
    if self._bar.disable and time.monotonic() - self._shown > _LINE_SECONDS:
      self._shown = time.monotonic()
      left = tqdm.format_interval((self._total - self._step) * self._batch_size / rate)
      print(f"step {self._step}/{self._total}: {status}, {left} left", file=sys.stderr)
