"""Metrics on disk: one JSON object a line, and TensorBoard."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from tensorboardX import SummaryWriter


class MetricLog:
  """Writes metrics.jsonl and tensorboard/ in a run's folder; a context manager."""

  def __init__(self, workdir: Path, *, step: int):
    """Opens the log of a run at a step; what it says of later steps is cut off.

    Those steps were made after the checkpoint that the run goes on from, and are made again.
    """
    self._file = (workdir / "metrics.jsonl").open("a+b")
    self._file.truncate(_length_until(self._file, step))
    folder = workdir / "tensorboard"
    self._board = SummaryWriter(str(folder), purge_step=step + 1 if step else None)

  def __enter__(self) -> "MetricLog":
    return self

  def __exit__(
    self,
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
  ) -> None:
    self._file.close()
    self._board.close()

  def write(self, step: int, metrics: Mapping[str, float]) -> None:
    """Adds what is known of a step; once a step."""
    self._file.write(json.dumps({"step": step, **metrics}).encode() + b"\n")
    self._file.flush()
    for name, value in metrics.items():
      self._board.add_scalar(name, value, step)


def _length_until(file: BinaryIO, step: int) -> int:
  """Bytes of the whole lines of steps up to `step`; a kill may have torn the last line."""
  file.seek(0)
  length = 0
  for line in file:
    if not line.endswith(b"\n") or json.loads(line)["step"] > step:
      break
    length += len(line)
  return length
