"""Finished parts of an evaluation, kept until the whole is done."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from synthmatch_jax import files, untrusted
from synthmatch_jax.evaluation.sheet import Line


@dataclass(frozen=True, kw_only=True)
class Parts:
  """Parts in a folder: files of JSON, each whole or not there, which survive `kill -9`.

  Attributes:
    folder: The folder of all parts.
    digest: What stands for everything that shapes the numbers. Parts of another evaluation are not
      taken.
  """

  folder: Path
  digest: str

  def count(self) -> int:
    """Returns the number of finished parts."""
    return len(list((self.folder / self.digest).glob("*.json")))

  def load(self, start: int) -> list[Line] | None:
    """Reads the part that begins at the target `start`, if it is there; numbers are exact."""
    try:
      return [Line(**line) for line in untrusted.read_json(self._path(start))]
    except files.UNREADABLE:
      return None

  def save(self, start: int, lines: Sequence[Line]) -> None:
    """Keeps a part.

    Raises:
      UserError: The folder cannot be written.
    """
    files.write_json(self._path(start), [vars(line) for line in lines], indent=None)

  def clear(self) -> None:
    """Drops the parts, those of other evaluations too."""
    shutil.rmtree(self.folder, ignore_errors=True)

  def _path(self, start: int) -> Path:
    return self.folder / self.digest / f"{start:06}.json"
