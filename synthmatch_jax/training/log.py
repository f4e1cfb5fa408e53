"""Logs metrics to disk: as one JSON object per line, and for TensorBoard."""

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from tensorboardX import SummaryWriter

from synthmatch_jax import files


class MetricLog:
  """Writes metrics.jsonl, validation.md and tensorboard/ in a run's folder; a context manager."""

  def __init__(self, workdir: Path, *, step: int):
    """Opens the log of a run at a step and removes the entries of later steps.

    Those steps were made after the checkpoint from which the run resumes, and are made again.
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
    """Adds the metrics of a step; must be called once per step."""
    self._file.write(json.dumps({"step": step, **metrics}).encode() + b"\n")
    self._file.flush()
    for name, value in metrics.items():
      self._board.add_scalar(name, value, step)

  def table(self, step: int, markdown: str) -> None:
    """Writes a table to TensorBoard and to validation.md."""
    self._board.add_text("validation/table", markdown, step)
    files.write_text(self._workdir / "validation.md", f"Step {step}\n\n{markdown}\n")


def open_log(workdir: Path, *, step: int, keep: bool) -> "MetricLog | NoLog":
  """Opens the log of a run, or one that keeps nothing if another process does (not `keep`)."""
  return MetricLog(workdir, step=step) if keep else NoLog()


class NoLog:
  """A log that keeps nothing; a context manager."""

  def __enter__(self) -> "NoLog":
    return self

  def __exit__(self, *_: object) -> None:
    pass

  def write(self, step: int, metrics: Mapping[str, float]) -> None:
    """Does nothing."""

  def table(self, step: int, markdown: str) -> None:
    """Does nothing."""


def read(workdir: Path) -> list[dict[str, Any]]:
  """Reads what a run has logged, as a dictionary for each step; empty before the first."""
  path = workdir / "metrics.jsonl"
  if not path.exists():
    return []
  with path.open("rb") as file:
    return [json.loads(line) for line in _whole_lines(file)]


def _length_until(file: BinaryIO, step: int) -> int:
  """Returns the number of bytes of the lines up to `step`."""
  file.seek(0)
  early = itertools.takewhile(lambda line: json.loads(line)["step"] <= step, _whole_lines(file))
  return sum(map(len, early))


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
  """Yields the complete lines: a killed run may have left the last one incomplete."""
  return itertools.takewhile(lambda line: line.endswith(b"\n"), file)
