"""Metrics on disk: one JSON object a line, and TensorBoard."""

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

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


def read(workdir: Path) -> list[dict[str, Any]]:
  """What a run has logged, a dictionary for each of its steps; empty before the first."""
  path = workdir / "metrics.jsonl"
  if not path.exists():
    return []
  with path.open("rb") as file:
    return [json.loads(line) for line in _whole_lines(file)]


def _length_until(file: BinaryIO, step: int) -> int:
  """Bytes of the lines of steps up to `step`."""
  file.seek(0)
  early = itertools.takewhile(lambda line: json.loads(line)["step"] <= step, _whole_lines(file))
  return sum(map(len, early))


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
  """Lines up to the first torn one: a kill may have torn the last."""
  return itertools.takewhile(lambda line: line.endswith(b"\n"), file)
