"""Metrics on disk: one JSON object a line, and TensorBoard."""

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from tensorboardX import SummaryWriter

from synthmatch_jax import files
from synthmatch_jax.errors import UserError


class MetricLog:
  """Writes metrics.jsonl, validation.md and tensorboard/ in a run's folder; a context manager."""

  def __init__(self, workdir: Path, *, step: int):
    """Opens the log of a run at a step; what it says of later steps is cut off.

    Those steps were made after the checkpoint that the run goes on from, and are made again.
    """
    self._workdir = workdir
    path = workdir / "metrics.jsonl"
    self._file = path.open("a+b")
    self._file.truncate(_length_until(self._file, path, step))
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
    self._file.write(json.dumps({"step": step, **metrics}).encode() + b"\n")
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
  """What a run has logged, a dictionary for each of its steps; empty before the first.

  Raises:
    UserError: the file is damaged, or cannot be read.
  """
  path = workdir / "metrics.jsonl"
  try:
    with path.open("rb") as file:
      return list(_lines(file, path))
  except FileNotFoundError:
    return []
  except OSError as error:
    raise UserError(f"{path} cannot be read ({error.strerror or error})") from None


def _length_until(file: BinaryIO, path: Path, step: int) -> int:
  """Bytes of the lines of steps up to `step`."""
  file.seek(0)
  count = len(list(itertools.takewhile(lambda line: line["step"] <= step, _lines(file, path))))
  file.seek(0)
  return sum(map(len, itertools.islice(_whole_lines(file), count)))


def _lines(file: BinaryIO, path: Path) -> Iterator[dict[str, Any]]:
  for number, line in enumerate(_whole_lines(file), start=1):
    try:
      found = json.loads(line)
      if not isinstance(found["step"], int):
        raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
      raise UserError(f"{path} is damaged; remove line {number} of it") from None
    yield found


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
  """Lines up to the first torn one: a kill may have torn the last."""
  return itertools.takewhile(lambda line: line.endswith(b"\n"), file)
