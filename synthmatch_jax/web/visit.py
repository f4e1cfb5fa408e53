"""A visit to the page, without the page: sounds in, answers out, and the files to take along."""

import contextlib
import dataclasses
import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio import io
from synthmatch_jax.audio.hearing import NOTHING, Assume, Recording
from synthmatch_jax.errors import UserError
from synthmatch_jax.matching import installing
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.matching.result import Match
from synthmatch_jax.web import failures, improving, playing, restoring
from synthmatch_jax.web.asking import Kept, Limits, shown_name
from synthmatch_jax.web.history import Entry, History
from synthmatch_jax.web.improving import Progress
from synthmatch_jax.web.uploads import Uploads

MOST_ANSWERS = 4
"""The largest number of distinct answers to one sound."""


class Visit:
  """The answers of one visitor, in a folder of their own that is removed with the visit.

  A visit is safe to call from several threads, and serves one call at a time. Notes are played and
  a search goes on beside them; whatever else is asked ends the search.

  Attributes:
    matcher: The models and engines, shared with other visitors.
    uploads: The uploads, shared with other visitors.
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
    self.uploads = uploads
    self._folder = uploads.root / f"visit-{secrets.token_hex(16)}"  # Nobody else can guess it.
    with failures.of_disk():
      self._folder.mkdir(mode=0o700)
    self._history = History(self._folder, most=self.limits.max_answers)
    self._stopped = threading.Event()  # Ends the last search.
    self._lock = threading.Lock()
    self._over = False

  @property
  def history(self) -> tuple[Entry, ...]:
    """The answers so far, the newest first."""
    return self._history.newest_first

  @property
  def state(self) -> tuple[int, int]:
    """When the history was begun and its version: a later state is greater."""
    return self._history.began, self._history.version

  def match(
    self, upload: Path | None, *, name: str = "", assume: Assume = NOTHING, top: int = 1
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
    recording = self._hear(upload, shown_name(name or str(upload)), assume)
    with self._serving():
      top = min(max(int(top), 1), MOST_ANSWERS)
      with failures.of_engine(self.matcher.recipe.engine):
        found = self.matcher.answer(recording, top=top)
      return self._add(*reversed(_one_by_one(found)), upload=upload)[-1]

  def restore(
    self, upload: Path, kept: Sequence[Kept], *, name: str = "", assume: Assume = NOTHING
  ) -> tuple[Entry, ...]:
    """Makes answers again that the visitor's browser has kept, and adds them in their order.

    An answer that is there already, as where a page was loaded anew meanwhile, stays as it is.

    Args:
      upload: The path of the sound, which lies in the folder of uploads.
      kept: The answers to it.
      name: The name of the sound, which is only shown.
      assume: What the visitor said about the sound.

    Raises:
      UserError: The sound or an answer does not fit, with the reason.
    """
    recording = self._hear(upload, shown_name(name or str(upload)), assume)
    wanted = {self._controls(one.controls).tobytes(): one for one in kept}
    with self._serving():
      there = {
        entry.match.best.controls.tobytes(): entry
        for entry in self.history
        if entry.upload == upload and entry.match.heard.told == assume
      }
      lost = {key: one for key, one in wanted.items() if key not in there}
      for found, one in restoring.again(self.matcher, recording, lost):
        (entry,) = self._add(found, upload=upload, locked=one.locked)
        there[found.best.controls.tobytes()] = entry
      return tuple(there[key] for key in wanted if key in there)

  def improve(self, key: int, locked: Iterable[str] = ()) -> Iterator[Progress]:
    """Searches for a nearer answer, and yields how far it is.

    Each improvement that is clearly nearer than the one before, and the best, go into the history.
    Whatever else the visitor asks ends the search, as does `stop`; the best so far is kept.

    Args:
      key: The key of the answer to begin with.
      locked: The names of the parameters that stay as they are in that answer.

    Raises:
      UserError: There is no such answer or sound any more, nothing is left to search, or nothing
        nearer was found.
    """
    self.stop()
    with self._serving():
      kept = old = self.entry(key)
      stopped = self._stopped = threading.Event()
    held = frozenset(locked)
    recording = self._hear(old.upload, old.match.source, old.match.heard.told)
    with failures.of_engine(self.matcher.recipe.engine):
      refinement = improving.begin(self.matcher, recording, old.match, held, stopped.is_set)
      yield improving.progress(refinement, kept)
      for is_kept in improving.steps(refinement):
        self._check_open()
        if is_kept:
          found = refinement.match()
          with self._serving():
            (kept,) = self._add(found, upload=old.upload, locked=held)
        yield improving.progress(refinement, kept)
      yield improving.progress(refinement, kept, is_over=True)

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

    Raises:
      UserError: There is no such answer any more, or the engine fails on these controls.
    """
    self.stop()
    with self._serving():
      old = self.entry(key)
      moved, before = self._controls(controls), old.match.best.controls
      if np.array_equal(moved, before):
        return old
      with failures.of_engine(self.matcher.recipe.engine):
        changed = self.matcher.change(old.match, moved)
      slices = self.matcher.recipe.space.slices
      by_hand = {n for n, p in slices.items() if (moved[p] != before[p]).any()}
      (new,) = self._add(changed, upload=old.upload, locked=by_hand.union(locked))
      if old.match.best.origin.by_hand:
        self._history.drop(key)
      return new

  def play(
    self, key: int, *, controls: Sequence[float] | None = None, pitch: int | None = None
  ) -> Float[np.ndarray, " n"]:
    """Returns the sound of an answer at another pitch, or under other controls; nothing is kept.

    Args:
      key: The key of the answer.
      controls: All controls of the space; those of the answer by default.
      pitch: The MIDI note number; that of the answer by default.

    Raises:
      UserError: There is no such answer any more, or the engine fails.
    """
    moved = None if controls is None else self._controls(controls)
    return playing.sound(self.matcher, self.entry(key), controls=moved, pitch=pitch)

  def archive(self) -> Path:
    """Writes all answers into a zip, and returns its path; whoever has read it removes it.

    Raises:
      UserError: There is no answer, or the file cannot be written.
    """
    with self._serving():
      return self._history.archive()

  def install(self, key: int) -> Path:
    """Puts the preset of an answer into Vital's own folder, and returns where it is.

    Raises:
      UserError: There is no such answer or no such folder, or the synth is another one.
    """
    entry = self.entry(key)
    return installing.install(entry.preset, installing.folder(), name=entry.title)

  def entry(self, key: int) -> Entry:
    """Returns an answer.

    Raises:
      UserError: It is not kept any more.
    """
    self._check_open()
    return self._history.get(key)

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
    self._history.clear()
    self.uploads.leave(self._folder)

  def _hear(self, upload: Path, name: str, assume: Assume) -> Recording:
    """Hears an upload, which may be gone."""
    most = self.limits.max_bytes
    with self._serving():
      data = self.uploads.read(upload, name=name, visitor=self._folder, max_bytes=most)
    rate = self.matcher.recipe.mel.sample_rate
    audio = io.decode(data, name=name, sample_rate=rate, max_seconds=self.limits.max_seconds)
    return self.matcher.hear(audio, sample_rate=rate, source=name, assume=assume)

  def _add(self, *matches: Match, **known: Any) -> tuple[Entry, ...]:
    return self._history.add(*matches, pool=self.matcher.pool, **known)

  def _controls(self, controls: Sequence[float]) -> Float[np.ndarray, " d"]:
    """Returns controls that a visitor has sent, within their range.

    Raises:
      UserError: They are not those of the space.
    """
    width, moved = self.matcher.recipe.space.width, np.asarray(controls, np.float32)
    if moved.shape != (width,) or not np.isfinite(moved).all():
      raise UserError(f"an answer has {width} controls: load the page again")
    return moved.clip(0, 1)

  def _check_open(self) -> None:
    if self._over:
      raise UserError("this visit is over: load the page again")


def _one_by_one(found: Match) -> list[Match]:
  return [dataclasses.replace(found, answers=(answer,)) for answer in found.answers]
