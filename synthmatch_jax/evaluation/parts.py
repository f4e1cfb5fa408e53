"""Finished parts of an evaluation, kept until the whole is done."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthmatch_jax import files


@dataclass(frozen=True, kw_only=True)
class Parts:
  """Parts in a folder; without one, none are kept.

  A part is a file of JSON, whole or not there, so an evaluation survives `kill -9`.

  Attributes:
    folder: of the evaluation's parts.
    digest: stands for all that shapes the numbers: parts of another evaluation are not taken.
  """

  folder: Path | None = None
  digest: str = ""

  def count(self) -> int:
    """Parts that are finished."""
    return len(list((self.folder / self.digest).glob("*.json"))) if self.folder else 0

  def load(self, start: int) -> dict[str, Any] | None:
    """The part that begins at the target `start`, if it is there; numbers are exact."""
    if self.folder is None:
      return None
    try:
      return json.loads(self._path(start).read_text())
    except (OSError, ValueError):
      return None

  def save(self, start: int, part: dict[str, Any]) -> None:
    """Keeps a part.

    Raises:
      UserError: the folder cannot be written.
    """
    if self.folder is not None:
      files.write_text(self._path(start), json.dumps(part))

  def clear(self) -> None:
    """Drops the parts, of other evaluations too."""
    if self.folder is not None:
      shutil.rmtree(self.folder, ignore_errors=True)

  def _path(self, start: int) -> Path:
    assert self.folder is not None
    return self.folder / self.digest / f"{start:06}.json"
