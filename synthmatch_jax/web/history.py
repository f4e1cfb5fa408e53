"""The answers of a visit and their files."""

import filecmp
import itertools
import secrets
import shutil
import time
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthmatch_jax import files
from synthmatch_jax.audio import io
from synthmatch_jax.errors import UserError
from synthmatch_jax.matching import output, stored
from synthmatch_jax.matching.result import Match
from synthmatch_jax.synths.pool import Pool
from synthmatch_jax.web import failures
from synthmatch_jax.web.asking import file_name

_LINGERING = 3  # Dropped answers whose files a page may still be loading.


@dataclass(frozen=True, kw_only=True)
class Entry:
  """An answer of the visit, with its files.

  Attributes:
    key: The name of the answer in the page's addresses; no two visits have the same.
    number: The number of the answer in the visit, from 1.
    match: The sound with this one answer.
    folder: The folder of the files.
    target: The file of the sound, as it was heard.
    sound: The file of the answer, at the same loudness.
    preset: The preset for the synth.
    patch: The patch for programs.
    upload: The file of the sound as it was uploaded.
    locked: The parameters that a search leaves as they are: those that were moved by hand, and
      those that the visitor has chosen.
    gains: The gain from the engine's sound to the answer's, once a note was played.
  """

  key: int
  number: int
  match: Match
  folder: Path
  target: Path
  sound: Path
  preset: Path
  patch: Path
  upload: Path
  locked: frozenset[str]
  gains: list[float] = field(default_factory=list, compare=False)

  @property
  def title(self) -> str:
    """The name of the answer's files where a visitor takes them along."""
    return f"{file_name(self.match.source)} {self.number}"

  @property
  def files(self) -> dict[str, tuple[Path, str]]:
    """The name of each file in the page's addresses -> its path and its name for the visitor."""
    return {
      "target.wav": (self.target, f"{file_name(self.match.source)}.wav"),
      "answer.wav": (self.sound, f"{self.title}.wav"),
      "preset": (self.preset, self.title + self.preset.suffix),
      "patch.json": (self.patch, f"{self.title}.json"),
    }


class History:
  """The answers of a visit, each with a folder of its own; the oldest are forgotten.

  Attributes:
    began: When the history was begun, in microseconds. Keys count from there, so that a key of a
      page that was left open, while the server was started anew, never names another answer.
    version: The number of changes until now, by which a page tells an older state from a newer.
  """

  def __init__(self, folder: Path, *, most: int):
    """Begins without an answer.

    Args:
      folder: The folder of the visit.
      most: The number of answers that are kept.
    """
    self._folder, self._most = folder, max(1, most)
    self._entries: dict[int, Entry] = {}
    self.began, self.version = time.time_ns() // 1000, 0
    self._numbers = itertools.count(1)
    self._left: list[Path] = []  # Folders of dropped answers.

  @property
  def newest_first(self) -> tuple[Entry, ...]:
    """The answers so far."""
    return tuple(reversed(list(self._entries.values())))

  def get(self, key: int) -> Entry:
    """Returns an answer.

    Raises:
      UserError: It is not kept any more.
    """
    try:
      return self._entries[key]
    except KeyError:
      raise UserError("this answer is not kept any more: match the sound again") from None

  def add(
    self, *matches: Match, pool: Pool, upload: Path, locked: Iterable[str] = ()
  ) -> tuple[Entry, ...]:
    """Writes the files of answers and keeps these: all of them, or none.

    Args:
      *matches: The matches, each with one answer.
      pool: The engines, which write the presets.
      upload: The file of the sound as it was uploaded.
      locked: The parameters that a search leaves as they are.
    """
    added: list[Entry] = []
    folders: list[Path] = []
    try:
      for match in matches:
        number = next(self._numbers)
        folders.append(self._folder / str(number))  # No name of a client is ever part of a path.
        known = {"key": self.began + number, "number": number, "upload": upload}
        added.append(_write(match, folders[-1], pool, locked=frozenset(locked), **known))
    except BaseException:
      for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
      raise
    self._entries |= {entry.key: entry for entry in added}
    self.version += 1
    while len(self._entries) > self._most:
      self.drop(next(iter(self._entries)))
    return tuple(added)

  def drop(self, key: int) -> None:
    """Forgets an answer, if it is kept still; the files go a little later."""
    if entry := self._entries.pop(key, None):
      self._left.append(entry.folder)
      self.version += 1
    while len(self._left) > _LINGERING:
      shutil.rmtree(self._left.pop(0), ignore_errors=True)

  def clear(self) -> None:
    """Forgets all answers at once, with their files."""
    self._entries.clear()
    shutil.rmtree(self._folder, ignore_errors=True)

  def archive(self) -> Path:
    """Writes all answers into a zip, and returns its path; whoever has read it removes it.

    Raises:
      UserError: There is no answer, or the file cannot be written.
    """
    if not self._entries:
      raise UserError("there is no answer yet: match a sound")
    path = self._folder / f"{secrets.token_hex(8)}.zip"
    with failures.of_disk(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
      for name, file in self._named().items():
        archive.write(file, name, compresslevel=1)  # Sounds hardly shrink.
    return path

  def _named(self) -> dict[str, Path]:
    """Returns the files by names that are all different, as those of two recordings are not."""
    named: dict[str, Path] = {}
    for entry in self._entries.values():
      for file, name in entry.files.values():
        shown, count = name, 1
        while shown in named and not filecmp.cmp(named[shown], file, shallow=False):
          shown = f"{Path(name).stem} ({(count := count + 1)}){Path(name).suffix}"
        named[shown] = file
    return named


def _write(match: Match, folder: Path, pool: Pool, **known: Any) -> Entry:
  """Writes the files of an answer into a folder, which is made.

  Raises:
    UserError: The files cannot be written, or the engine cannot write the preset.
  """
  rate = match.recipe.mel.sample_rate
  target, sound, patch = folder / "target.wav", folder / "answer.wav", folder / stored.PATCH
  description = output.describe(match)
  description["answers"][0]["confidence"]["advice"] = ""  # It says where a workdir is.
  with failures.of_disk():
    folder.mkdir()
    with failures.of_engine(match.recipe.engine):
      preset = output.save_preset(pool, match.best.patch, folder / "preset")
    io.save(target, match.target, rate)
    io.save(sound, match.best.estimate, rate)
    files.write_json(patch, description)
  paths = {"target": target, "sound": sound, "preset": preset, "patch": patch}
  return Entry(match=match, folder=folder, **paths, **known)
