"""What a visitor can ask of an engine: how each request is read, and what the visit does."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from synthmatch_jax.web import telling
from synthmatch_jax.web.asking import Kept, MalformedError, Question
from synthmatch_jax.web.queueing import Kind
from synthmatch_jax.web.telling import Told
from synthmatch_jax.web.visit import MOST_ANSWERS, Visit

_MOST_RESTORED = 8  # Answers in one request, which has at most 64 kB.
_ABOUT_SOUND = ("sound", "name", "note", "onset", "hold", "level")
_OF_KEPT = ("controls", "by_hand", "step", "locked")

Work = Callable[[Visit], Iterator[Told]]
"""What is done when it is the turn of a request; each item is an event for the page."""


@dataclass(frozen=True, kw_only=True)
class Verb:
  """A request for an engine.

  Attributes:
    kind: What it waits for.
    fields: The fields that it may have.
    read: Makes the work of a question, and the names of the parameters of the space.
  """

  kind: Kind
  fields: tuple[str, ...]
  read: Callable[[Question, Sequence[str]], Work]


def history(visit: Visit) -> Told:
  """Returns all answers of a visit, the newest first, and the state that this is of."""
  began, version = visit.state  # Before the answers, which may become more meanwhile.
  answers = [telling.answer(entry) for entry in visit.history]
  return {"answers": answers, "began": began, "version": version}


def _match(asked: Question, names: Sequence[str]) -> Work:
  sound, name, assume = asked.sound(), asked.text("name"), asked.assume()
  top = asked.whole("top", 1, MOST_ANSWERS) or 1

  def work(visit: Visit) -> Iterator[Told]:
    entry = visit.match(_upload(visit, sound), name=name, assume=assume, top=top)
    yield history(visit) | {"key": entry.key}

  return work


def _restore(asked: Question, names: Sequence[str]) -> Work:
  sound, name, assume = asked.sound(), asked.text("name"), asked.assume()
  kept = [
    Kept(
      controls=_controls(one),
      by_hand=one.flag("by_hand"),
      step=one.whole("step", 0, 1 << 53) or 0,
      locked=frozenset(one.names("locked", names)),
    )
    for one in asked.several("answers", _OF_KEPT, most=_MOST_RESTORED)
  ]
  if not sound:
    raise MalformedError("it names no sound")

  def work(visit: Visit) -> Iterator[Told]:
    *_, last = visit.restore(_upload(visit, sound) or Path(), kept, name=name, assume=assume)
    yield history(visit) | {"key": last.key}

  return work


def _change(asked: Question, names: Sequence[str]) -> Work:
  key, controls, locked = asked.key(), _controls(asked), asked.names("locked", names)

  def work(visit: Visit) -> Iterator[Told]:
    entry = visit.change(key, controls, locked)
    yield history(visit) | {"key": entry.key}

  return work


def _improve(asked: Question, names: Sequence[str]) -> Work:
  key, locked = asked.key(), asked.names("locked", names)

  def work(visit: Visit) -> Iterator[Told]:
    told = key
    for progress in visit.improve(key, locked):
      is_new = progress.entry.key != told
      told = progress.entry.key
      yield {"course": telling.progress(progress)} | (history(visit) if is_new else {})

  return work


def _upload(visit: Visit, sound: str) -> Path | None:
  """Returns the path of an upload, which `Question.sound` has let through."""
  return visit.uploads.root / sound if sound else None


def _controls(asked: Question) -> list[float]:
  controls = asked.controls()
  if controls is None:
    raise MalformedError("it has no controls")
  return controls


VERBS = {
  "match": Verb(kind="engine", fields=(*_ABOUT_SOUND, "top"), read=_match),
  "change": Verb(kind="engine", fields=("key", "controls", "locked"), read=_change),
  "restore": Verb(kind="engine", fields=(*_ABOUT_SOUND, "answers"), read=_restore),
  "improve": Verb(kind="search", fields=("key", "locked"), read=_improve),
}
"""Name of each request in the page's addresses -> what it is."""
