"""What is to be matched, and where the answers go."""

import dataclasses
import hashlib
import itertools
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from synthmatch_jax.audio import io
from synthmatch_jax.data import sound_folder
from synthmatch_jax.errors import UserError, printable
from synthmatch_jax.matching import output

STDIN = "-"
"""Stands for the bytes of a sound file on standard input."""

_LONGEST_NAME = 100  # Bytes of a folder's name, which also names presets and partial files.
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')  # In names on one system or another.


@dataclass(frozen=True, kw_only=True)
class Job:
  """A sound to be matched.

  Attributes:
    source: what it is called.
    path: of the file; None where its bytes are here.
    data: bytes of a sound file.
    trouble: why there are none.
    folder: for the match.
  """

  source: str
  path: Path | None
  data: bytes = b""
  trouble: str = ""
  folder: Path

  @property
  def origin(self) -> str:
    """What tells it from other sounds of its name: a hash of where it lies, or of its bytes."""
    place = self.data if self.path is None else os.fsencode(os.path.realpath(self.path))
    return hashlib.sha256(place).hexdigest()


def find(sounds: Sequence[str], *, out: Path) -> Iterator[tuple[str, str, Path | None]]:
  """Name of the sound, stem of its folder's name, and path of the file, of all sounds.

  Folders are walked; what lies in `out` is not taken for a sound to match.

  Raises:
    UserError: there is no sound in a folder.
  """
  if sounds.count(STDIN) > 1:
    raise UserError("standard input can be read once: name - once")
  for sound in sounds:
    path = Path(sound)
    if sound == STDIN:
      yield "standard input", "stdin", None
    elif not os.path.isdir(sound):  # noqa: PTH112 - of any name; a Path raises on some.
      yield _plain(path.name), path.stem, path
    else:
      inside = [
        found
        for found in sound_folder.load(path)
        if Path(os.path.realpath(out)) not in Path(os.path.realpath(found.path)).parents
      ]
      if not inside:
        raise UserError(f"{path} holds no sounds but those in {out}: name another folder")
      for found in inside:
        yield _plain(found.path.relative_to(path).as_posix()), found.name, found.path


def place(found: Sequence[tuple[str, str, Path | None]], out: Path) -> list[Job]:
  """One folder a sound, named after it; where another sound has the name, with a number."""
  numbers: dict[str, int] = {}  # Some file systems do not tell A from a.
  taken: set[str] = set()
  placed = []
  for source, stem, path in found:
    # No name is hidden, or leads out of the folder.
    name = _UNFIT.sub("-", _plain(stem)).lstrip(" .").encode()[:_LONGEST_NAME]
    name = name.decode(errors="ignore").rstrip(" .") or "sound"
    data, trouble = _read_stdin() if path is None else (b"", "")
    job = Job(source=source, path=path, data=data, trouble=trouble, folder=out / name)
    first = numbers.get(name.casefold(), 1)
    places = ((n, out / (name if n == 1 else f"{name}-{n}")) for n in itertools.count(first))
    number, folder = next(
      (n, place)
      for n, place in places
      if place.name.casefold() not in taken and output.is_free(place, job.origin)
    )
    numbers[name.casefold()] = number + 1
    taken.add(folder.name.casefold())
    placed.append(dataclasses.replace(job, folder=folder))
  return placed


def _plain(name: str) -> str:
  """A file's name as text: bytes that are no text are replaced."""
  text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
  return printable(text)


def _read_stdin() -> tuple[bytes, str]:
  """Its bytes; or none, and why."""
  data = sys.stdin.buffer.read(io.MOST_BYTES + 1)
  if len(data) > io.MOST_BYTES:
    return b"", f"standard input gives more than {io.MOST_BYTES >> 20} MB: cut the note out of it"
  return data, ""
