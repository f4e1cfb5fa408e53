"""What a visitor may ask for, and how requests say it; malformed ones are refused."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from synthmatch_jax.audio.hearing import Assume
from synthmatch_jax.audio.note import pitch_of
from synthmatch_jax.errors import printable

_LONGEST_NAME = 60  # Characters of a sound's name that are shown.
_LONGEST_TEXT = 4096
_MOST_CONTROLS = 1 << 13
_SOUND = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Limits:
  """What a visitor may ask for.

  Attributes:
    max_seconds: The greatest length of a sound.
    max_bytes: The greatest size of an upload.
    max_answers: The number of answers that a visit keeps; older ones are forgotten.
  """

  max_seconds: float = 30.0
  max_bytes: int = 20 << 20
  max_answers: int = 20


@dataclass(frozen=True, kw_only=True)
class Kept:
  """An answer that a visitor's browser has kept, to be made again.

  Attributes:
    controls: All controls of the space, from 0 to 1.
    by_hand: Whether they were moved by hand.
    step: The step of the search that has found them; 0 where there was none.
    locked: The parameters that a search leaves as they are.
  """

  controls: Sequence[float]
  by_hand: bool = False
  step: int = 0
  locked: frozenset[str] = frozenset()


class MalformedError(ValueError):
  """A request that the page cannot have sent; the sentence says what is wrong with it."""


class Question:
  """The fields of a request, each of which is read as what it must be.

  Every method raises `MalformedError` where a field is something else.
  """

  def __init__(self, body: Any, fields: Sequence[str]):
    """Takes what a client has sent.

    Args:
      body: The JSON.
      fields: The names of the fields that the request may have.
    """
    if not isinstance(body, dict):
      raise MalformedError("it is no object")
    if unknown := set(body) - set(fields):
      raise MalformedError(f"it has the field {min(unknown)!r:.50}")
    self._body: Mapping[str, Any] = body

  def text(self, name: str, *, longest: int = _LONGEST_TEXT) -> str:
    """Returns a text; it is empty where there is none."""
    value = self._body.get(name)
    if value is None:
      return ""
    if not isinstance(value, str) or len(value) > longest:
      raise MalformedError(f"{name} is no text of at most {longest} characters")
    return value

  def sound(self) -> str:
    """Returns the name of an upload: its hash; it is empty where there is none."""
    value = self.text("sound")
    if value and not _SOUND.fullmatch(value):
      raise MalformedError("sound is no upload")
    return value

  def number(self, name: str) -> float | None:
    """Returns a finite number; None where there is none."""
    value = self._body.get(name)
    return None if value is None else _number(name, value)

  def whole(self, name: str, low: int, high: int) -> int | None:
    """Returns a whole number in a range; None where there is none."""
    value = self._body.get(name)
    if value is not None and not (type(value) is int and low <= value <= high):
      raise MalformedError(f"{name} is no whole number from {low} to {high}")
    return value

  def key(self) -> int:
    """Returns the key of an answer."""
    value = self.whole("key", 0, 1 << 53)
    if value is None:
      raise MalformedError("it names no answer")
    return value

  def controls(self) -> list[float] | None:
    """Returns controls from 0 to 1; None where there are none."""
    value = self._body.get("controls")
    if value is None:
      return None
    if not isinstance(value, list) or len(value) > _MOST_CONTROLS:
      raise MalformedError("controls is no list of controls")
    numbers = [_number("a control", one) for one in value]
    if not all(0 <= one <= 1 for one in numbers):
      raise MalformedError("a control is not between 0 and 1")
    return numbers

  def names(self, name: str, known: Sequence[str]) -> list[str]:
    """Returns names that are known; there are none where there is no field."""
    value = self._body.get(name) or []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
      raise MalformedError(f"{name} is no list of names")
    if unknown := set(value) - set(known):
      raise MalformedError(f"{name} has {min(unknown)!r:.50}, which is unknown")
    return value

  def flag(self, name: str) -> bool:
    """Returns a truth value, false where there is none."""
    value = self._body.get(name)
    if value is not None and not isinstance(value, bool):
      raise MalformedError(f"{name} is neither true nor false")
    return bool(value)

  def assume(self) -> Assume:
    """Returns what is said about a sound.

    Raises:
      UserError: A value cannot be meant.
    """
    note = self.text("note", longest=12).strip()
    return Assume(
      pitch=pitch_of(note) if note else None,
      onset_seconds=self.number("onset"),
      hold_seconds=self.number("hold"),
      level_db=self.number("level"),
    )

  def several(self, name: str, fields: Sequence[str], *, most: int) -> list["Question"]:
    """Returns a list of objects with fields of their own."""
    value = self._body.get(name)
    if not isinstance(value, list) or not 0 < len(value) <= most:
      raise MalformedError(f"{name} is no list of at most {most}")
    return [Question(one, fields) for one in value]


def _number(name: str, value: Any) -> float:
  is_one = isinstance(value, int | float) and not isinstance(value, bool)
  try:
    if is_one and math.isfinite(value):
      return float(value)
  except OverflowError:  # A whole number of hundreds of digits.
    pass
  raise MalformedError(f"{name} is no finite number")


def shown_name(name: str) -> str:
  """Returns the name of an upload as it is shown: short, printable, and no path."""
  base = PureWindowsPath(PurePosixPath(name).name).name
  return printable(base)[:_LONGEST_NAME] or "the sound"


def file_name(name: str) -> str:
  """Returns the name of a sound as a part of the names of files: without its ending, and plain."""
  stem = PurePosixPath(shown_name(name)).stem
  return re.sub(r"[^\w ()+-]+", "_", stem).strip(" ._")[:_LONGEST_NAME] or "sound"
