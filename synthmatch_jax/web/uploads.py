"""Files that visitors upload: which kinds the page takes, and what becomes of them."""

import threading
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

from synthmatch_jax.audio import formats
from synthmatch_jax.errors import UserError

_MOST = 20  # Of a visitor; the oldest goes first.


_SCRIPT = """<script>
// A file's type is what the browser makes of its suffix, and gradio refuses what is not "audio/".
// What a sound is, the server tells by its content: here every file may be one.
{
  const type = Object.getOwnPropertyDescriptor(Blob.prototype, "type").get;
  Object.defineProperty(File.prototype, "type", {
    get() { return type.call(this).startsWith("audio/") ? type.call(this) : "audio/wav"; },
  });
  document.addEventListener("click", () => {
    const chooser = document.querySelector("#upload input[type=file]");
    if (chooser) chooser.accept = "ACCEPTED";
  }, true);
}
</script>"""

HEAD = _SCRIPT.replace("ACCEPTED", ",".join(["audio/*", *sorted(formats.SUFFIXES)]))
"""Goes into the page's head, so that it takes the files that the command line takes."""


@dataclass(frozen=True, kw_only=True)
class _File:
  """A file that has been read: another one of its path is not it."""

  path: Path
  inode: int


class Uploads:
  """The only files that are read, and each is removed when nobody who has read it is left.

  Gradio names an upload after its bytes: visitors who upload the same share a file.

  Attributes:
    root: folder that they are in.
  """

  def __init__(self, root: Path):
    self.root = root.resolve()
    self._had: dict[Hashable, dict[_File, None]] = {}  # By visitor, in the order of reading.
    self._lock = threading.Lock()

  def read(self, path: Path, *, name: str, visitor: Hashable, own: Path, max_bytes: int) -> bytes:
    """Bytes of an upload.

    Args:
      path: as a client names it.
      name: of the sound, for errors.
      visitor: who reads it.
      own: folder of the visitor, whose files are read too, and do not count as uploads.
      max_bytes: what is larger is refused.

    Raises:
      UserError: it is not there, elsewhere or too large.
    """
    gone = UserError(f"{name} is not here any more: drop it again")
    try:
      path = path.resolve()
      if self.root not in path.parents or not path.is_file():
        raise gone
      with self._lock:
        status = path.stat()
        if status.st_size > max_bytes:
          raise UserError(
            f"{name} has more than {max_bytes / (1 << 20):g} MB: cut the note out of it"
          )
        data = path.read_bytes()
        if own not in path.parents:
          mine = self._had.setdefault(visitor, {})
          mine[_File(path=path, inode=status.st_ino)] = None
          while len(mine) > _MOST:
            self._drop(visitor, next(iter(mine)))
        return data
    except (OSError, ValueError):  # A path may be too long, or hold a zero.
      raise gone from None

  def leave(self, visitor: Hashable) -> None:
    """Removes what nobody else has."""
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
