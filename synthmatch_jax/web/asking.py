"""What a visitor may ask for, and says about a sound."""

from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath

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


@dataclass(frozen=True, kw_only=True)
class Told:
  """What a visitor says about a sound, as it is typed; empty or None is heard in it."""

  note: str = ""
  onset_seconds: float | None = None
  hold_seconds: float | None = None
  level_db: float | None = None

  def assume(self) -> Assume:
    """The same for a matcher.

    Raises:
      UserError: it cannot be meant.
    """
    note = self.note.strip()[:_LONGEST_NOTE]
    return Assume(
      pitch=pitch_of(note) if note else None,
      onset_seconds=self.onset_seconds,
      hold_seconds=self.hold_seconds,
      level_db=self.level_db,
    )


def shown_name(name: str) -> str:
  """Returns the name of an upload as it is shown: short, printable, and no path."""
  base = PureWindowsPath(PurePosixPath(name).name).name
  return printable(base)[:_LONGEST_NAME] or "the sound"
