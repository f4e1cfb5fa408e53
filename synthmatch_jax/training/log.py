"""Metrics on disk: one JSON object a line, and TensorBoard."""

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from tensorboardX import SummaryWriter

from synthmatch_jax import files


class MetricLog:
  """Writes metrics.jsonl, validation.md and tensorboard/ in a run's folder; a context manager."""

  def __init__(self, workdir: Path, *, step: int):
    """Opens the log of a run at a step; what it says of later steps is cut off.

    Those steps were made after the checkpoint that the run goes on from, and are made again.
    """
    self._workdir = workdir
    self._file = (workdir / "metrics.jsonl").open("a+b")
    self._file.truncate(_length_until(self._file, step))
    folder = workdir / "tensorboard"
    self._board = SummaryWriter(str(folder), purge_step=step + 1)

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
    # JSON has no word for what is no number; a loss that is none has ended the training by now.
    plain = {name: value if math.isfinite(value) else None for name, value in metrics.items()}
    line = json.dumps({"step": step, **plain}, allow_nan=False)
    self._file.write(line.encode() + b"\n")
    self._file.flush()
    for name, value in metrics.items():
      self._board.add_scalar(name, value, step)

  def table(self, step: int, markdown: str) -> None:
    """Shows a table in TensorBoard, and as validation.md."""
    self._board.add_text("validation/table", markdown, step)
    files.write_text(self._workdir / "validation.md", f"Step {step}\n\n{markdown}\n")


def open_log(workdir: Path, *, step: int, keep: bool) -> "MetricLog | NoLog":
  """The log of a run; one that keeps nothing where another process of the run does (`keep`)."""
  return MetricLog(workdir, step=step) if keep else NoLog()


class NoLog:
  """A log that is not kept; a context manager."""

  def __enter__(self) -> "NoLog":
    return self

  def __exit__(self, *_: object) -> None:
    pass

  def write(self, step: int, metrics: Mapping[str, float]) -> None:
    """Does nothing."""

  def table(self, step: int, markdown: str) -> None:
    """Does nothing."""


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
