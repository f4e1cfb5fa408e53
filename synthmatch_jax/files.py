"""Files that are whole or not there."""

import os
from pathlib import Path

from synthmatch_jax.errors import UserError


def write_text(path: Path, text: str) -> None:
  """Writes a text file (UTF-8) at once: a reader, or a kill, never sees a part of it.

  Raises:
    UserError: the file cannot be written.
  """
  partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
  except OSError as error:
    reason = (error.strerror or str(error)).lower()
    raise UserError(f"{path} cannot be written ({reason}): choose another place") from error
  finally:
    if partial.exists():
      partial.unlink()
