"""What a visitor may ask for, and what one says about a sound."""

from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from synthmatch_jax.audio.hearing import Assume
from synthmatch_jax.audio.note import pitch_of
from synthmatch_jax.errors import printable

_LONGEST_NAME = 60  # Characters of a sound's name that are shown.
_LONGEST_NOTE = 12  # Characters that are read as a note.


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


def assumption(note: str, **told: Any) -> Assume:
  """Returns what a visitor says about a sound, for a matcher.

  Args:
    note: The note as it is typed; it is heard in the sound where nothing is typed.
    **told: The other fields of `Assume`; None where they are heard in the sound.

  Raises:
    UserError: A value cannot be meant.
  """
  typed = note.strip()[:_LONGEST_NOTE]
  return Assume(pitch=pitch_of(typed) if typed else None, **told)


def shown_name(name: str) -> str:
  """Returns the name of an upload as it is shown: short, printable, and no path."""
  base = PureWindowsPath(PurePosixPath(name).name).name
  return printable(base)[:_LONGEST_NAME] or "the sound"
