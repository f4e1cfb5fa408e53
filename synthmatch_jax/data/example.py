"""An example, which decides a sound of a synth, and the distribution of the notes of examples."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.note import Note
from synthmatch_jax.errors import UserError

_RANGES: Mapping[str, type] = {"pitch": int, "velocity": int, "hold_seconds": float}


@dataclass(frozen=True, kw_only=True)
class Example:
  """A patch and the note that it is played with.

  Attributes:
    controls: The patch, in the order of a recipe's space.
    note: The note that is played.
  """

  controls: Float[np.ndarray, " d"]
  note: Note


@dataclass(frozen=True, kw_only=True)
class NotePrior:
  """The distribution that notes are drawn from: pitch, velocity and hold are independent.

  Pitch and velocity are uniform over whole numbers, the hold is uniform in its logarithm. A range
  whose ends are equal is a fixed value; where all three are, there is one note.

  Attributes:
    pitch: The lowest and the highest MIDI note number.
    velocity: The least and the largest MIDI velocity.
    hold_seconds: The shortest and the longest time from note-on to note-off.

  Raises:
    UserError: An end of a range cannot be the value of a note, or lies beyond the other end.
  """

  pitch: tuple[int, int] = (33, 96)
  velocity: tuple[int, int] = (127, 127)
  hold_seconds: tuple[float, float] = (0.08, 3.0)

  def __post_init__(self):
    for name in _RANGES:
      low, high = getattr(self, name)
      if not low <= high < math.inf:
        raise UserError(f"the {name} of notes goes from {low} to {high}: no such range")
    try:
      for end in (0, 1):
        self._note(end)
    except ValueError as error:
      raise UserError(str(error)) from None

  @classmethod
  def of(cls, note: Note) -> "NotePrior":
    """The distribution that has one note."""
    return cls(
      pitch=(note.pitch, note.pitch),
      velocity=(note.velocity, note.velocity),
      hold_seconds=(note.hold_seconds, note.hold_seconds),
    )

  @property
  def only(self) -> Note | None:
    """The note, if there is only one."""
    return self._note(0) if self._note(0) == self._note(1) else None

  def sample(self, rng: np.random.Generator) -> Note:
    """Draws a note: a hold is rounded to a tenth of a millisecond."""
    low, high = (math.log(end) for end in self.hold_seconds)
    pitch, velocity = (
      int(rng.integers(*ends, endpoint=True)) for ends in (self.pitch, self.velocity)
    )
    hold = round(math.exp(rng.uniform(low, high)), 4) if low < high else self.hold_seconds[0]
    return Note(pitch=pitch, velocity=velocity, hold_seconds=hold)

  @property
  def words(self) -> str:
    """What people read."""
    spans = [
      f"{low:g} to {high:g}" if low < high else f"{low:g}"
      for low, high in (self.pitch, self.velocity, self.hold_seconds)
    ]
    return "MIDI {}, velocity {}, held for {} s".format(*spans)

  def to_dict(self) -> dict[str, Any]:
    """The distribution as JSON-ready data."""
    return {name: list(getattr(self, name)) for name in _RANGES}

  @classmethod
  def from_dict(cls, data: Any) -> "NotePrior":
    """Reads what `to_dict` gives; a range may be one value, and one left out is the default.

    Raises:
      UserError: An entry is unknown, or is no range.
    """
    if not isinstance(data, Mapping) or not set(data) <= set(_RANGES):
      raise UserError(f"notes are given as ranges of {', '.join(_RANGES)}, not as {data!r}")
    ranges: dict[str, Any] = {}
    for name, value in data.items():
      ends = list(value) if isinstance(value, list | tuple) else [value, value]
      kinds = (int,) if _RANGES[name] is int else (int, float)
      if len(ends) != 2 or not all(type(end) in kinds for end in ends):
        number = "whole numbers" if _RANGES[name] is int else "numbers"
        raise UserError(f"the {name} of notes is a range of two {number}, not {value!r}")
      ranges[name] = tuple(map(_RANGES[name], ends))
    return cls(**ranges)

  def _note(self, end: int) -> Note:
    pitch, velocity, hold = self.pitch[end], self.velocity[end], self.hold_seconds[end]
    return Note(pitch=pitch, velocity=velocity, hold_seconds=hold)
