"""The sounds that are to be matched, and the folders of their answers."""

import dataclasses
import hashlib
import itertools
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from synthmatch_jax.audio import io
from synthmatch_jax.audio.hearing import NOTHING, Assume
from synthmatch_jax.data import sound_folder
from synthmatch_jax.errors import UserError, printable
from synthmatch_jax.matching import output
from synthmatch_jax.matching.matcher import Listen
from synthmatch_jax.search.budget import USUAL, Budget, Use

STDIN = "-"
"""The name of a sound file whose bytes are on standard input."""

_LONGEST_NAME = 100  # Bytes of a folder's name, which also names presets and partial files.
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')  # No file system takes all of these.


@dataclass(frozen=True, kw_only=True)
class Request:
  """What is asked of every sound; see `Matcher.match`.

  Attributes:
    assume: What is told about the sounds.
    top: The number of distinct answers wanted.
    listen: How the models listen where there is no search.
    search: The budget of a search for each sound; "usual" for that of the engine (see
      `budget.usual`); None for no search.
    locks: What a search leaves alone (see `Locks.parse`).
    start: The file that a search begins with (see `begin.read`).
    proxy: What is made of a proxy of the synth.
  """

  assume: Assume = NOTHING
  top: int = 1
  listen: Listen | None = None
  search: Budget | Literal["usual"] | None = None
  locks: tuple[str, ...] = ()
  start: Path | None = None
  proxy: Use = USUAL


@dataclass(frozen=True, kw_only=True)
class Job:
  """A sound to be matched.

  Attributes:
    source: The name of the sound.
    path: The path of the file; None where its bytes are given.
    data: The bytes of a sound file.
    trouble: The reason why there are none.
    folder: The folder for the match.
  """

  source: str
  path: Path | None
  data: bytes = b""
  trouble: str = ""
  folder: Path

  @property
  def origin(self) -> str:
    """A hash of the sound's path or bytes, which tells it from others of the same name."""
    place = self.data if self.path is None else os.fsencode(os.path.realpath(self.path))
    return hashlib.sha256(place).hexdigest()


def find(sounds: Sequence[str], *, out: Path) -> Iterator[tuple[str, str, Path | None]]:
  """Yields each sound's name, the stem of its folder's name, and the path of its file.

  Folders are walked; what lies in `out` is not taken for a sound to match.

  Raises:
    UserError: A folder holds no sound.
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
  """Gives every sound a folder named after it, with a number where another has the name."""
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
  """Returns a file's name as text, in which bytes that are no text are replaced."""
  text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
  return printable(text)


def _read_stdin() -> tuple[bytes, str]:
  """Returns the bytes on standard input; or none, and the reason."""
  data = sys.stdin.buffer.read(io.MOST_BYTES + 1)
  if len(data) > io.MOST_BYTES:
    return b"", f"standard input gives more than {io.MOST_BYTES >> 20} MB: cut the note out of it"
  return data, ""
