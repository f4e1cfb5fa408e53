"""Files that visitors upload: who has read them, and what becomes of them."""

import threading
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

from synthmatch_jax.errors import UserError

_MOST = 20  # Files that one visitor may have; the oldest goes first.


@dataclass(frozen=True, kw_only=True)
class _File:
  """A file that has been read, as opposed to a later one at the same path."""

  path: Path
  inode: int


class Uploads:
  """The files of visitors; each is removed when the last visitor who has read it leaves.

  An upload is named after its bytes, so that visitors who upload the same share a file.

  Attributes:
    root: The folder of the uploads; no other file is read.
  """

  def __init__(self, root: Path):
    self.root = root.resolve()
    self._had: dict[Hashable, dict[_File, None]] = {}  # By visitor, in the order of reading.
    self._lock = threading.Lock()

  def read(self, path: Path, *, name: str, visitor: Hashable, max_bytes: int) -> bytes:
    """Returns the bytes of an upload.

    Args:
      path: The path of the upload.
      name: The name of the sound, for errors.
      visitor: The visitor who reads it.
      max_bytes: The largest size.

    Raises:
      UserError: The file is not there, elsewhere or too large.
    """
    gone = UserError(f"{name} is not here any more: drop it again")
    try:
      path = path.resolve()
      if self.root != path.parent or not path.is_file():
        raise gone
      with self._lock:
        status = path.stat()
        if status.st_size > max_bytes:
          raise UserError(
            f"{name} has more than {max_bytes / (1 << 20):g} MB: cut the note out of it"
          )
        data = path.read_bytes()
        mine = self._had.setdefault(visitor, {})
        mine[_File(path=path, inode=status.st_ino)] = None
        while len(mine) > _MOST:
          self._drop(visitor, next(iter(mine)))
        return data
    except (OSError, ValueError):  # A path may be too long, or hold a zero.
      raise gone from None

  def leave(self, visitor: Hashable) -> None:
    """Removes the files that no other visitor has read."""
    with self._lock:
      for file in list(self._had.get(visitor, ())):
        self._drop(visitor, file)
      self._had.pop(visitor, None)

  def _drop(self, visitor: Hashable, file: _File) -> None:
    del self._had[visitor][file]
    if any(file in files for files in self._had.values()):
      return
    try:
      if file.path.stat().st_ino == file.inode:  # And not uploaded again since.
        file.path.unlink()
    except OSError:
      pass
