"""The note that is played on a synth: its pitch, velocity and length."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synthmatch_jax.errors import UserError

_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_NAME = re.compile(r"([A-Ga-g])([#b]?)(-?\d)")


@dataclass(frozen=True, kw_only=True)
class Note:
  """One MIDI note from the start of a sound.

  The defaults are the paper's (section 3.1): C4, maximum velocity, held for one second.

  Attributes:
    pitch: The MIDI note number, 0 to 127; 60 is C4 (261.63 Hz).
    velocity: The MIDI velocity, 1 to 127.
    hold_seconds: The time from note-on, at the first sample, to note-off.
  """

  pitch: int = 60
  velocity: int = 127
  hold_seconds: float = 1.0

  def __post_init__(self):
    if not 0 <= self.pitch <= 127:
      raise ValueError(f"note pitch {self.pitch} is no MIDI note number (0 to 127)")
    if not 1 <= self.velocity <= 127:
      raise ValueError(f"note velocity {self.velocity} is no MIDI velocity (1 to 127)")
    if not self.hold_seconds > 0:
      raise ValueError(f"a note of {self.hold_seconds} seconds has no length")

  def to_dict(self) -> dict[str, Any]:
    """Returns the note as JSON-ready data, in which its length is called "seconds"."""
    return {"pitch": self.pitch, "velocity": self.velocity, "seconds": self.hold_seconds}

  @classmethod
  def from_dict(cls, data: Mapping[str, Any]) -> "Note":
    """Returns the note of `to_dict`; what is left out is the default."""
    return cls(**{"hold_seconds" if k == "seconds" else k: v for k, v in data.items()})


@dataclass(frozen=True, kw_only=True)
class KnownNote:
  """What is known of the note of a sound; what is None is not known.

  Attributes:
    pitch: The MIDI note number, with cents as its fraction.
    velocity: The MIDI velocity.
    hold_seconds: The time from note-on to note-off.
  """

  pitch: float | None = None
  velocity: int | None = None
  hold_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class PredictedNote:
  """The note that a model makes of a sound.

  Attributes:
    pitch: The MIDI note number, with cents as its fraction.
    confidence: The probability of the semitones around it, in [0, 1].
    hold_seconds: The time from note-on to note-off.
  """

  pitch: float
  confidence: float
  hold_seconds: float


def pitch_of(text: str) -> int:
  """Returns the MIDI note number of what a person writes: "60", or a name as "C4", "F#3", "Bb2".

  Raises:
    UserError: The text is neither.
  """
  if text.isascii() and text.isdigit():
    number = int(text[:4])
  elif named := _NAME.fullmatch(text):
    letter, accidental, octave = named.groups()
    shift = {"": 0, "#": 1, "b": -1}[accidental]
    number = 12 * (int(octave) + 1) + _SEMITONES[letter.upper()] + shift
  else:
    number = -1
  if not 0 <= number <= 127:
    raise UserError(f"{text!r} is no note: give a MIDI note number, 0 to 127, or a name as C4")
  return number


def name_of(pitch: int) -> str:
  """Returns what a person calls a MIDI note number: 60 is "C4", 61 "C#4"."""
  return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"
