"""A sound from outside, made ready for a model; with all that was assumed on the way."""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.duration import held_seconds
from synthmatch_jax.audio.loudness import match_loudness
from synthmatch_jax.audio.note import Note
from synthmatch_jax.audio.onset import cut, place
from synthmatch_jax.audio.pitch import HeardPitch, heard_pitch
from synthmatch_jax.errors import UserError

_SILENCE = 1e-4  # -80 dB of full scale, as for files.
_HELD_TOLERANCE = 0.2  # Seconds; how long a note was held is not told better (`held_seconds`).


@dataclass(frozen=True, kw_only=True)
class Assume:
  """What is told about a sound; None is heard in it.

  Attributes:
    note: MIDI note number to answer with.
    onset_seconds: where in the recording the sound begins.
    hold_seconds: how long the note of the answer is held.
    level_db: loudness (LUFS) that the sound is heard at; None is that of the training.

  Raises:
    UserError: a value cannot be meant.
  """

  note: int | None = None
  onset_seconds: float | None = None
  hold_seconds: float | None = None
  level_db: float | None = None

  def __post_init__(self):
    if self.note is not None and not 0 <= self.note <= 127:
      raise UserError(f"the note {self.note} is no MIDI note number: give one from 0 to 127")
    if self.onset_seconds is not None and not 0 <= self.onset_seconds < math.inf:
      raise UserError(f"an onset at {self.onset_seconds:g} s is in no sound: give 0 or more")
    if self.hold_seconds is not None and not 0 < self.hold_seconds < math.inf:
      raise UserError(f"a note held for {self.hold_seconds:g} s has no length: give more than 0")
    if self.level_db is not None and not -70 <= self.level_db <= 0:
      raise UserError(f"a level of {self.level_db:g} LUFS cannot be heard: give one from -70 to 0")


NOTHING = Assume()
"""Everything is heard."""


@dataclass(frozen=True, kw_only=True)
class Heard:
  """A sound as a model hears it.

  Attributes:
    audio: mono, float32, placed at its onset, at the loudness that was asked for.
    onset_seconds: where in the recording it begins, as heard or told.
    gain_db: applied to the recording.
    pitch: the note heard in it; None where there is none.
    held_seconds: how long its note was held, as heard.
    told: what was not to be heard.
  """

  audio: Float[np.ndarray, " n"]
  onset_seconds: float
  gain_db: float
  pitch: HeardPitch | None
  held_seconds: float
  told: Assume = NOTHING

  @property
  def midi(self) -> float | None:
    """Pitch of the sound, with cents, as told or heard; None where there is none."""
    if self.told.note is not None:
      return float(self.told.note)
    return None if self.pitch is None else self.pitch.midi

  def note(self, default: Note) -> Note:
    """The note to answer with: the semitone nearest to the pitch; without one the default's.

    It is held as long as the default, unless told otherwise.
    """
    pitch = default.pitch if self.midi is None else int(np.clip(round(self.midi), 0, 127))
    return dataclasses.replace(
      default, pitch=pitch, seconds=self.told.hold_seconds or default.seconds
    )

  def held_note(self, default: Note) -> Note:
    """The same, held as long as the sound was; as the default where that is within 0.2 s."""
    note = self.note(default)
    if self.told.hold_seconds or abs(self.held_seconds - default.seconds) <= _HELD_TOLERANCE:
      return note
    return dataclasses.replace(note, seconds=self.held_seconds)


def hear(
  audio: Float[np.ndarray, " n"],
  *,
  sample_rate: int,
  seconds: float,
  level_db: float,
  assume: Assume = NOTHING,
) -> Heard:
  """Finds onset, level, pitch and length of a recorded sound.

  Args:
    audio: mono, not silent.
    sample_rate: in Hz.
    seconds: length of what is heard, from the onset on.
    level_db: loudness (LUFS) to bring it to, as far as full scale allows.
    assume: what is told instead.

  Raises:
    UserError: what is told does not fit the sound.
  """
  if assume.onset_seconds is None:
    clip, onset_seconds = place(audio, sample_rate=sample_rate, seconds=seconds)
  else:
    onset_seconds = float(assume.onset_seconds)
    start = min(onset_seconds, audio.size / sample_rate)
    clip = cut(audio, start, sample_rate=sample_rate, seconds=seconds)
    if np.abs(clip).max(initial=0) < _SILENCE:
      raise UserError(f"nothing sounds after the onset at {onset_seconds:g} s: give an earlier one")
  if assume.hold_seconds is not None and assume.hold_seconds > seconds:
    raise UserError(
      f"a note held for {assume.hold_seconds:g} s is longer than the answer: give up to {seconds:g}"
    )
  wanted = level_db if assume.level_db is None else float(assume.level_db)
  levelled = match_loudness(clip, wanted, sample_rate)
  return Heard(
    audio=levelled,
    onset_seconds=onset_seconds,
    gain_db=float(20 * np.log10(np.abs(levelled).max() / np.abs(clip).max())),
    pitch=heard_pitch(clip, sample_rate),
    held_seconds=held_seconds(clip, sample_rate),
    told=assume,
  )
