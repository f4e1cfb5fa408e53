"""A visit to the page, without the page: sounds in, answers out, and the files to take along."""

import contextlib
import dataclasses
import itertools
import secrets
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from synthmatch_jax.audio import io
from synthmatch_jax.audio.hearing import NOTHING, Assume
from synthmatch_jax.errors import UserError
from synthmatch_jax.matching import output
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.matching.result import Match
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.web import history
from synthmatch_jax.web.asking import Limits, shown_name
from synthmatch_jax.web.history import Entry
from synthmatch_jax.web.server_log import cause, tell
from synthmatch_jax.web.uploads import Uploads

MOST_ANSWERS = 4
"""The largest number of distinct answers to one sound."""

STEP = 0.001
"""The step of a control that is moved by hand, in the control's range of 0 to 1."""

_LINGERING = 3  # Dropped answers whose files a page may still be loading.


class Visit:
  """The answers of one visitor, in a folder of their own that is removed with the visit.

  A visit is safe to call from several threads, and serves one call at a time.

  Attributes:
    matcher: The models and engines, shared with other visitors.
    limits: The limits of the visit.
  """

  def __init__(
    self,
    matcher: Matcher,
    root: Path,
    *,
    limits: Limits | None = None,
    uploads: Uploads | None = None,
  ):
    """Opens a visit.

    Args:
      matcher: The models and engines that answer.
      root: The folder in which the visit's own is made, and the only one that uploads are read
        from.
      limits: The limits of the visit.
      uploads: The uploads in `root`, shared with other visitors.
    """
    self.matcher = matcher
    self.limits = limits or Limits()
    self._uploads = uploads or Uploads(root)
    name = f"visit-{secrets.token_hex(16)}"  # Nobody else can guess it.
    self._folder = self._uploads.root / name
    with _room():
      self._folder.mkdir(mode=0o700)
    self._entries: dict[int, Entry] = {}
    self._keys = itertools.count(1)
    self._seen = 0  # Key of the answer that the visitor was shown last.
    self._left: list[Path] = []  # Folders of dropped answers.
    self._lock = threading.Lock()
    self._over = False

  @property
  def history(self) -> tuple[Entry, ...]:
    """The answers so far, the newest first."""
    return tuple(reversed(self._entries.values()))

  def match(
    self,
    upload: str | Path | None,
    *,
    name: str = "",
    assume: Assume = NOTHING,
    top: int = 1,
  ) -> Entry:
    """Matches a sound; the nearest answer is returned, and all of them go into the history.

    Args:
      upload: The path of the file, which lies in the visits' root.
      name: The name of the sound, which is only shown; the file's by default.
      assume: What the visitor says about the sound.
      top: The number of distinct answers wanted.

    Raises:
      UserError: The sound cannot be matched, with the reason.
    """
    if not upload:
      raise UserError("there is no sound yet: drop a file or record one")
    shown = shown_name(name or str(upload))
    with self._serving():
      data = self._uploads.read(
        Path(upload),
        name=shown,
        visitor=self._folder,
        own=self._folder,
        max_bytes=self.limits.max_bytes,
      )
    rate = self.matcher.recipe.mel.sample_rate
    audio = io.decode(data, name=shown, sample_rate=rate, max_seconds=self.limits.max_seconds)
    with self._serving():
      top = min(max(int(top), 1), MOST_ANSWERS)
      with self._explained():
        found = self.matcher.match(audio, sample_rate=rate, source=shown, assume=assume, top=top)
      ones = [dataclasses.replace(found, answers=(answer,)) for answer in found.answers]
      nearest = self._add(*reversed(ones))
      self._forget()
      return self._show(nearest)

  def change(self, key: int, controls: Sequence[float]) -> Entry:
    """Renders an answer anew under controls that were moved by hand.

    The answer itself stays in the history. The changed one is another entry, which is replaced
    by further changes.

    Args:
      key: The key of the answer.
      controls: All controls of the space, from 0 to 1.

    Returns:
      The answer to show, which is another one if the visitor has gone to it meanwhile.

    Raises:
      UserError: There is no such answer any more, or the engine fails on these controls.
    """
    with self._serving():
      if key != self._seen and self._seen in self._entries:
        return self._entries[self._seen]
      old = self._entry(key)
      space = old.match.recipe.space
      moved = np.asarray(controls, np.float32)
      if moved.shape != (space.width,) or not np.isfinite(moved).all():
        raise UserError(f"an answer has {space.width} controls: load the page again")
      before = old.match.best.controls
      # One that was not moved keeps the digits that a slider does not show.
      moved = np.where(np.abs(moved - before) <= 0.6 * STEP, before, moved.clip(0, 1))
      if np.array_equal(moved, before):
        return old
      with self._explained():
        changed = self.matcher.change(old.match, moved)
      new = self._add(changed)
      if old.match.best.origin.by_hand:
        self._drop(old)
      self._forget()
      return self._show(new)

  def recall(self, key: int) -> Entry:
    """Returns an earlier answer.

    Raises:
      UserError: It is not kept any more.
    """
    with self._serving():
      return self._show(self._entry(key))

  def close(self, *, wait: bool = False) -> None:
    """Ends the visit; its files and what it has uploaded are removed.

    Args:
      wait: Whether to wait for a call that is being served; otherwise that removes the files when
        it ends, so that nobody waits for a stranger's match.
    """
    self._over = True
    if self._lock.acquire(blocking=wait):
      try:
        self._clear()
      finally:
        self._lock.release()

  @contextlib.contextmanager
  def _serving(self) -> Iterator[None]:
    """Serves one call; the visit may be over before and after it."""
    try:
      with self._lock:
        self._check_open()
        yield
        self._check_open()  # What it answers with would be gone.
    finally:
      if self._over:
        with self._lock:
          self._clear()

  def _clear(self) -> None:
    self._entries.clear()
    shutil.rmtree(self._folder, ignore_errors=True)
    self._uploads.leave(self._folder)

  @contextlib.contextmanager
  def _explained(self) -> Iterator[None]:
    """Says in a sentence that the engine has failed."""
    try:
      yield
    except RenderError as error:
      raise UserError(
        f"{self.matcher.recipe.engine} failed: {error}; try again, or another sound"
      ) from error

  def _add(self, *matches: Match) -> Entry:
    """Writes the files of answers and puts these into the history: all of them, or none.

    Args:
      *matches: The matches, each with one answer.

    Returns:
      The last one.
    """
    added: list[Entry] = []
    folders: list[Path] = []
    try:
      for match in matches:
        key = next(self._keys)
        folders.append(self._folder / str(key))  # No name of a client is ever part of a path.
        added.append(self._write(match, folders[-1], key=key))
    except BaseException:
      for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
      raise
    self._entries |= {entry.key: entry for entry in added}
    return added[-1]

  def _write(self, match: Match, folder: Path, *, key: int) -> Entry:
    """Writes the files of an answer."""
    with _room():
      folder.mkdir()
      with self._explained():
        stem = folder / f"match-{key}"
        preset = output.save_preset(self.matcher.pool, match.best.patch, stem)
      return history.write(match, folder, key=key, preset=preset)

  def _show(self, entry: Entry) -> Entry:
    self._seen = entry.key
    return entry

  def _entry(self, key: int) -> Entry:
    self._check_open()
    if key not in self._entries:
      raise UserError("this answer is not kept any more: match the sound again")
    return self._entries[key]

  def _check_open(self) -> None:
    if self._over:
      raise UserError("this visit is over: load the page again")

  def _forget(self) -> None:
    """Drops the oldest answers, beyond what a visit keeps."""
    while len(self._entries) > max(1, self.limits.max_answers):
      self._drop(next(iter(self._entries.values())))

  def _drop(self, entry: Entry) -> None:
    del self._entries[entry.key]
    self._left.append(entry.folder)
    while len(self._left) > _LINGERING:
      shutil.rmtree(self._left.pop(0), ignore_errors=True)


@contextlib.contextmanager
def _room() -> Iterator[None]:
  """Says in a sentence that there is no room to write, without the name of the place."""
  try:
    yield
  except (OSError, UserError) as error:
    if isinstance(error.__cause__, RenderError):
      raise  # The engine's failure, which has its sentence.
    tell(f"an answer is not kept: {cause(error.__cause__ or error)}")
    raise UserError("the page has no room for an answer now: try again later") from error
