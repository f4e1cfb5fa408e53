"""A sound from outside, made ready for a model; with all that was assumed on the way."""

import dataclasses
import math
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.duration import held_seconds
from synthmatch_jax.audio.floor import Cleared, clear
from synthmatch_jax.audio.loudness import match_loudness
from synthmatch_jax.audio.note import Note, name_of
from synthmatch_jax.audio.onset import cut, find_note
from synthmatch_jax.audio.pitch import HeardPitch, heard_pitch
from synthmatch_jax.errors import UserError

_SILENCE = 1e-4  # -80 dB of full scale, as for files.
_SURE = 0.5  # A confidence: the pitch is that of most of the sound.
_NO_END = 0.05  # Seconds before the end of a recording: a sound that is so near it is cut off.
_HELD_TOLERANCE = 0.2  # Seconds; how long a note was held is not told better (`held_seconds`).


@dataclass(frozen=True, kw_only=True)
class Assume:
  """What is told about a sound; None is heard in it.

  Attributes:
    note: MIDI note number to answer with.
    onset_seconds: where in the recording the sound begins.
    hold_seconds: how long the note of the answer is held.
    level_db: loudness (LUFS) that the sound is heard at; None is that of the training.
    clear: whether the noise of a recording is taken away; None is so where it is sure.

  Raises:
    UserError: a value cannot be meant.
  """

  note: int | None = None
  onset_seconds: float | None = None
  hold_seconds: float | None = None
  level_db: float | None = None
  clear: bool | None = None

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
    passed_over: whether something else than a click sounds before it.
    endless: whether it sounds to the end of what is heard, so that its length is a guess.
    cleared: what was taken away from the recording.
    told: what was not to be heard.
  """

  audio: Float[np.ndarray, " n"]
  onset_seconds: float
  gain_db: float
  pitch: HeardPitch | None
  held_seconds: float
  passed_over: bool = False
  endless: bool = False
  cleared: Cleared = field(default_factory=Cleared)
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

  def guesses(self, note: Note) -> dict[str, str]:
    """What was neither heard for certain nor told: note, onset, hold or noise -> a sentence.

    Args:
      note: the note that is played.
    """
    found = {}
    if self.midi is None:
      found["note"] = f"no pitch was heard: {name_of(note.pitch)} is assumed"
    elif self.told.note is None and self.pitch and self.pitch.confidence < _SURE:
      share = f"{100 * self.pitch.confidence:.0f} %"
      found["note"] = f"the pitch is unsure: {name_of(note.pitch)} is heard in {share} of the sound"
    if self.passed_over:
      found["onset"] = f"what sounds before {self.onset_seconds:.2f} s is taken for no part of it"
    if self.endless and self.told.hold_seconds is None:
      found["hold"] = f"no end of the note was heard: {note.seconds:.2f} s are assumed"
    if self.cleared.noise_db is not None and self.told.clear is None:
      level = f"{self.cleared.noise_db:.0f} dB"
      found["noise"] = f"noise of {level} was taken for the recorder's and removed"
    return found


def hear(
  audio: Float[np.ndarray, " n"],
  *,
  sample_rate: int,
  seconds: float,
  level_db: float,
  assume: Assume = NOTHING,
) -> Heard:
  """Finds onset, level, pitch and length of a recorded sound, without the noise of its recording.

  Args:
    audio: mono, not silent.
    sample_rate: in Hz.
    seconds: length of what is heard, from the onset on.
    level_db: loudness (LUFS) to bring it to, as far as full scale allows.
    assume: what is told instead.

  Raises:
    UserError: what is told does not fit the sound.
  """
  audio, cleared = clear(audio, sample_rate, noise=assume.clear is not False)
  heard = hear_clear(
    audio, sample_rate=sample_rate, seconds=seconds, level_db=level_db, assume=assume
  )
  return dataclasses.replace(heard, cleared=cleared)


def hear_clear(
  audio: Float[np.ndarray, " n"],
  *,
  sample_rate: int,
  seconds: float,
  level_db: float,
  assume: Assume = NOTHING,
) -> Heard:
  """The same for a recording that was made clear already (see `floor.clear`)."""
  told = assume.onset_seconds
  skipped = 0 if told is None else round(min(told * sample_rate, audio.size))
  if told is not None and np.abs(audio[skipped:]).max(initial=0) < _SILENCE:
    raise UserError(f"nothing sounds after the onset at {told:g} s: give an earlier one")
  found = find_note(audio[skipped:], sample_rate)
  onset_seconds = found.start_seconds if told is None else float(told)
  end = skipped + round(found.end_seconds * sample_rate)
  clip = cut(audio, onset_seconds, sample_rate=sample_rate, seconds=seconds)
  if not clip.any():
    raise UserError(
      f"nothing sounds in the {seconds:g} s after {onset_seconds:g} s: give the onset of a note"
    )
  note = cut(audio[:end], onset_seconds, sample_rate=sample_rate, seconds=seconds)
  held = held_seconds(note, sample_rate)
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
    pitch=heard_pitch(note, sample_rate),
    held_seconds=held,
    passed_over=told is None and found.passed_over,
    endless=onset_seconds + held > min(audio.size / sample_rate, onset_seconds + seconds) - _NO_END,
    told=assume,
  )
