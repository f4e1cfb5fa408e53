"""Files that are whole or not there."""

import os
import sys
from pathlib import Path

from synthmatch_jax.errors import UserError


def replace(partial: Path, path: Path) -> None:
  """Puts a written file in place at once, and on the disk: a loss of power leaves all or nothing.

  Raises:
    OSError: it cannot be.
  """
  _sync(partial)
  partial.replace(path)
  if sys.platform != "win32":  # Which knows no handle of a folder.
    _sync(path.parent)


def write_text(path: Path, text: str) -> None:
  """Writes a text file (UTF-8) at once: a reader, or a kill, never sees a part of it.

  Raises:
    UserError: the file cannot be written.
  """
  partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial.write_text(text, encoding="utf-8")
    replace(partial, path)
  except OSError as error:
    reason = (error.strerror or str(error)).lower()
    raise UserError(f"{path} cannot be written ({reason}): choose another place") from error
  finally:
    if partial.exists():
      partial.unlink()


def _sync(path: Path) -> None:
  # Windows flushes only what is open for writing, Linux opens a folder only for reading.
  handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
  try:
    os.fsync(handle)
  finally:
    os.close(handle)
