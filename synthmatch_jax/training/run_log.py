"""Logs metrics to disk: as one JSON object per line, and for TensorBoard."""

import itertools
import json
import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from tensorboardX import summary as summaries
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto import event_pb2

from synthmatch_jax import files, untrusted
from synthmatch_jax.errors import UserError

# Made when their module is imported: type checkers do not see them.
_Event = event_pb2.Event  # pyright: ignore[reportAttributeAccessIssue]
_SessionLog = event_pb2.SessionLog  # pyright: ignore[reportAttributeAccessIssue]

_FLUSH_SECONDS = 30


class MetricLog:
  """Writes metrics.jsonl, validation.md and tensorboard/ in a run's folder; a context manager."""

  def __init__(self, workdir: Path, *, step: int, keep: bool = True):
    """Opens the log of a run at a step and removes the entries of later steps.

    Those steps were made after the checkpoint from which the run resumes, and are made again. A
    log that is not to be kept, since another process keeps it, writes nothing.
    """
    self._workdir, self._keep = workdir, keep
    if not keep:
      return
    path = workdir / "metrics.jsonl"
    self._file = path.open("a+b")
    self._file.truncate(_length_until(self._file, path, step))
    try:
      self._board = _Board(workdir / "tensorboard", purge_step=step + 1)
    except OSError:
      self._file.close()
      raise

  def __enter__(self) -> "MetricLog":
    return self

  def __exit__(
    self,
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
  ) -> None:
    if not self._keep:
      return
    try:
      self._file.close()
    finally:
      self._board.close()

  def write(self, step: int, metrics: Mapping[str, float]) -> None:
    """Adds the metrics of a step; must be called once per step."""
    if not self._keep:
      return
    # JSON has no word for what is no number; a loss that is none has ended the training by now.
    plain = {name: value if math.isfinite(value) else None for name, value in metrics.items()}
    line = json.dumps({"step": step, **plain}, allow_nan=False)
    self._file.write(line.encode() + b"\n")
    self._file.flush()
    self._board.add(step, *(summaries.scalar(name, value) for name, value in metrics.items()))

  def table(self, step: int, markdown: str) -> None:
    """Writes a table to TensorBoard and to validation.md."""
    if not self._keep:
      return
    self._board.add(step, summaries.text("validation/table", markdown))
    self._board.flush()
    files.write_text(self._workdir / "validation.md", f"Step {step}\n\n{markdown}\n")


class _Board:
  """An event file of TensorBoard, written by whoever calls.

  tensorboardX's own `SummaryWriter` writes in a thread, where a full disk is noticed by nobody: the
  thread ends, and the run waits for it for ever.
  """

  def __init__(self, folder: Path, *, purge_step: int):
    """Begins a file in a folder; events of earlier files from `purge_step` on do not count."""
    folder.mkdir(parents=True, exist_ok=True)
    self._writer = EventsWriter(str(folder / "events"))
    self._flushed = time.monotonic()
    self._write(_Event(step=purge_step, session_log=_SessionLog(status=_SessionLog.START)))

  def add(self, step: int, *found: Any) -> None:
    """Adds summaries of a step; they can be seen half a minute later, or after a `flush`."""
    for one in found:
      self._write(_Event(step=step, summary=one))
    if time.monotonic() - self._flushed > _FLUSH_SECONDS:
      self.flush()

  def flush(self) -> None:
    """Puts what was added on the disk."""
    self._writer.flush()
    self._flushed = time.monotonic()

  def close(self) -> None:
    """Ends the file."""
    try:
      self.flush()
    finally:
      self._writer._py_recordio_writer.close()  # The writer's own `close` flushes, and gives up.

  def _write(self, event: Any) -> None:
    event.wall_time = time.time()
    self._writer.write_event(event)


def read(workdir: Path) -> list[dict[str, Any]]:
  """Reads what a run has logged, as a dictionary for each step; empty before the first.

  Raises:
    UserError: The file is damaged, or cannot be read.
  """
  path = workdir / "metrics.jsonl"
  try:
    with untrusted.opened(path) as (file, _):
      return list(_lines(file, path))
  except FileNotFoundError:
    return []
  except OSError as error:
    raise UserError(f"{path} cannot be read ({error.strerror or error})") from None
  except ValueError as error:  # A pipe or a device.
    raise UserError(f"{path} cannot be read ({error}); remove it") from None


def _length_until(file: BinaryIO, path: Path, step: int) -> int:
  """Returns the number of bytes of the lines up to `step`."""
  file.seek(0)
  count = len(list(itertools.takewhile(lambda line: line["step"] <= step, _lines(file, path))))
  file.seek(0)
  return sum(map(len, itertools.islice(_whole_lines(file), count)))


def _lines(file: BinaryIO, path: Path) -> Iterator[dict[str, Any]]:
  for number, line in enumerate(_whole_lines(file), start=1):
    try:
      found = untrusted.parse_json(line.decode())
      if not isinstance(found["step"], int):
        raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
      raise UserError(f"{path} is damaged; remove line {number} of it") from None
    yield found


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
  """Yields the complete lines: a killed run may have left the last one incomplete."""
  return itertools.takewhile(lambda line: line.endswith(b"\n"), file)
