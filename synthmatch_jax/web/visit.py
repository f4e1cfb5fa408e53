"""A visit to the page, without the page: sounds in, answers out, and the files to take along."""

import contextlib
import dataclasses
import itertools
import secrets
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence, Set
from pathlib import Path

import numpy as np

from synthmatch_jax.audio import io
from synthmatch_jax.audio.hearing import NOTHING, Assume, Recording
from synthmatch_jax.errors import UserError
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.matching.result import Match
from synthmatch_jax.web import failures, history, improving
from synthmatch_jax.web.asking import Limits, shown_name
from synthmatch_jax.web.history import Entry
from synthmatch_jax.web.improving import Progress
from synthmatch_jax.web.uploads import Uploads

MOST_ANSWERS = 4
"""The largest number of distinct answers to one sound."""

STEP = 0.001
"""The step of a control that is moved by hand, in the control's range of 0 to 1."""

_LINGERING = 3  # Dropped answers whose files a page may still be loading.


class Visit:
  """The answers of one visitor, in a folder of their own that is removed with the visit.

  A visit is safe to call from several threads, and serves one call at a time. A search goes on
  beside them until the visitor turns to something else.

  Attributes:
    matcher: The models and engines, shared with other visitors.
    limits: The limits of the visit.
  """

  def __init__(self, matcher: Matcher, uploads: Uploads, *, limits: Limits | None = None):
    """Opens a visit.

    Args:
      matcher: The models and engines that answer.
      uploads: The uploads, shared with other visitors; the visit's own folder lies among them.
      limits: The limits of the visit.
    """
    self.matcher = matcher
    self.limits = limits or Limits()
    self._uploads = uploads
    name = f"visit-{secrets.token_hex(16)}"  # Nobody else can guess it.
    self._folder = self._uploads.root / name
    with failures.of_disk():
      self._folder.mkdir(mode=0o700)
    self._entries: dict[int, Entry] = {}
    self._keys = itertools.count(1)
    self._seen = 0  # Key of the answer that the visitor was shown last.
    self._steps: set[int] = set()  # Keys of the answers that the last search has shown.
    self._stopped = threading.Event()  # Ends the last search.
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
      upload: The path of the file, which lies in the folder of uploads.
      name: The name of the sound, which is only shown; the file's by default.
      assume: What the visitor says about the sound.
      top: The number of distinct answers wanted.

    Raises:
      UserError: The sound cannot be matched, with the reason.
    """
    if not upload:
      raise UserError("there is no sound yet: drop a file or record one")
    self.stop()
    recording = self._hear(Path(upload), shown_name(name or str(upload)), assume)
    with self._serving():
      top = min(max(int(top), 1), MOST_ANSWERS)
      with failures.of_engine(self.matcher.recipe.engine):
        found = self.matcher.answer(recording, top=top)
      ones = [dataclasses.replace(found, answers=(answer,)) for answer in found.answers]
      return self._show(self._add(*reversed(ones), upload=Path(upload)))

  def improve(self, key: int, locked: Iterable[str] = ()) -> Iterator[Progress]:
    """Searches for a nearer answer, and yields how far it is.

    Each improvement that is clearly nearer than the one before, and the best, go into the history.
    They are shown until the visitor turns to something else, which ends the search, as does `stop`;
    the best so far is kept.

    Args:
      key: The key of the answer to begin with.
      locked: The names of the parameters that stay as they are in that answer.

    Raises:
      UserError: There is no such answer or sound any more, nothing is left to search, or nothing
        nearer was found.
    """
    self.stop()
    with self._serving():
      old = self._show(self._entry(key))
      stopped, steps = threading.Event(), {old.key}
      self._stopped, self._steps = stopped, steps
    held = frozenset(locked)
    recording = self._hear(old.upload, old.match.source, old.match.heard.told)
    with failures.of_engine(self.matcher.recipe.engine):
      refinement = improving.begin(self.matcher, recording, old.match, held, stopped.is_set)
      yield improving.progress(refinement, old)
      for is_kept in improving.steps(refinement):
        self._check_open()
        if is_kept:
          found = refinement.match()
          with self._serving():
            new = self._add(found, upload=old.upload, locked=held)
            if self._seen in steps:
              steps.add(self._show(new).key)
        yield improving.progress(refinement, self._shown_of(steps))
      yield improving.progress(refinement, self._shown_of(steps), is_over=True)

  def stop(self) -> None:
    """Ends the search, if there is one, with the best so far."""
    self._stopped.set()

  def change(self, key: int, controls: Sequence[float], locked: Iterable[str] = ()) -> Entry:
    """Renders an answer anew under controls that were moved by hand, which are locked from then on.

    The answer itself stays in the history. The changed one is another entry, which is replaced
    by further changes.

    Args:
      key: The key of the answer.
      controls: All controls of the space, from 0 to 1.
      locked: The names of the parameters that are locked already.

    Returns:
      The answer to show, which is another one if the visitor has gone to it meanwhile.

    Raises:
      UserError: There is no such answer any more, or the engine fails on these controls.
    """
    self.stop()
    with self._serving():
      is_left = key != self._seen and not {key, self._seen} <= self._steps
      if is_left and self._seen in self._entries:
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
        return self._show(old)
      with failures.of_engine(self.matcher.recipe.engine):
        changed = self.matcher.change(old.match, moved)
      by_hand = {n for n, p in space.slices.items() if (moved[p] != before[p]).any()}
      new = self._add(changed, upload=old.upload, locked=by_hand.union(locked))
      if old.match.best.origin.by_hand:
        self._drop(old)
      return self._show(new)

  def recall(self, key: int) -> Entry:
    """Returns an earlier answer.

    Raises:
      UserError: It is not kept any more.
    """
    self.stop()
    with self._serving():
      self._steps.clear()  # What the search finds last is not shown.
      return self._show(self._entry(key))

  def close(self, *, wait: bool = False) -> None:
    """Ends the visit; its files and what it has uploaded are removed.

    Args:
      wait: Whether to wait for a call that is being served; otherwise that removes the files when
        it ends, so that nobody waits for a stranger's match.
    """
    self._over = True
    self.stop()
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

  def _hear(self, upload: Path, name: str, assume: Assume) -> Recording:
    """Hears an upload, which may be gone."""
    with self._serving():
      places = {"visitor": self._folder, "own": self._folder}
      data = self._uploads.read(upload, name=name, max_bytes=self.limits.max_bytes, **places)
    rate = self.matcher.recipe.mel.sample_rate
    audio = io.decode(data, name=name, sample_rate=rate, max_seconds=self.limits.max_seconds)
    return self.matcher.hear(audio, sample_rate=rate, source=name, assume=assume)

  def _add(self, *matches: Match, upload: Path, locked: Iterable[str] = ()) -> Entry:
    """Writes the files of answers and puts these into the history: all of them, or none.

    Args:
      *matches: The matches, each with one answer.
      upload: The file of the sound as it was uploaded.
      locked: The parameters that a search leaves as they are.

    Returns:
      The last one.
    """
    added: list[Entry] = []
    folders: list[Path] = []
    try:
      for match in matches:
        key = next(self._keys)
        folders.append(self._folder / str(key))  # No name of a client is ever part of a path.
        known = {"upload": upload, "locked": frozenset(locked)}
        added.append(history.write(match, folders[-1], key=key, pool=self.matcher.pool, **known))
    except BaseException:
      for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
      raise
    self._entries |= {entry.key: entry for entry in added}
    return added[-1]

  def _shown_of(self, steps: Set[int]) -> Entry | None:
    """Returns the answer that is shown, if it is one of these."""
    return self._entries.get(self._seen) if self._seen in steps else None

  def _show(self, entry: Entry) -> Entry:
    """Notes what the visitor sees, and drops the oldest answers beyond what a visit keeps."""
    self._seen = entry.key
    while len(self._entries) > max(1, self.limits.max_answers):
      self._drop(next(iter(self._entries.values())))
    return entry

  def _entry(self, key: int) -> Entry:
    self._check_open()
    if key not in self._entries:
      raise UserError("this answer is not kept any more: match the sound again")
    return self._entries[key]

  def _check_open(self) -> None:
    if self._over:
      raise UserError("this visit is over: load the page again")

  def _drop(self, entry: Entry) -> None:
    del self._entries[entry.key]
    self._left.append(entry.folder)
    while len(self._left) > _LINGERING:
      shutil.rmtree(self._left.pop(0), ignore_errors=True)
