"""What is heard in a sound from outside: the facts that a match rests on."""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.floor import Cleared, clear
from synthmatch_jax.audio.loudness import SILENT_PEAK
from synthmatch_jax.audio.note import KnownNote, Note, PredictedNote, name_of
from synthmatch_jax.audio.onset import cut, find_note, hold_seconds
from synthmatch_jax.audio.pitch import HeardPitch, heard_pitch
from synthmatch_jax.errors import UserError

_SURE = 0.5  # The pitch is that of most of the sound.
_NO_END = 0.05  # Seconds before the end of a recording: a sound that ends there is cut off.
_HOLD_TOLERANCE = 0.2  # Seconds; how long a note was held is not told better (`hold_seconds`).


@dataclass(frozen=True, kw_only=True)
class Assume:
  """What is told about a sound; what is None is heard in it.

  Attributes:
    pitch: The MIDI note number to answer with.
    onset_seconds: The place in the recording where the sound begins.
    hold_seconds: The time for which the note of the answer is held.
    level_db: The loudness (LUFS) that the sound is heard at; None is that of the training.
    clear: Whether the noise of a recording is taken away; if None, it is where it is sure.

  Raises:
    UserError: A value cannot be meant.
  """

  pitch: int | None = None
  onset_seconds: float | None = None
  hold_seconds: float | None = None
  level_db: float | None = None
  clear: bool | None = None

  def __post_init__(self):
    if self.pitch is not None and not 0 <= self.pitch <= 127:
      raise UserError(f"the note {self.pitch} is no MIDI note number: give one from 0 to 127")
    if self.onset_seconds is not None and not 0 <= self.onset_seconds < math.inf:
      raise UserError(f"an onset at {self.onset_seconds:g} s is in no sound: give 0 or more")
    if self.hold_seconds is not None and not 0 < self.hold_seconds < math.inf:
      raise UserError(f"a note held for {self.hold_seconds:g} s has no length: give more than 0")
    if self.level_db is not None and not -70 <= self.level_db <= 0:
      raise UserError(f"a level of {self.level_db:g} LUFS cannot be heard: give one from -70 to 0")

  def to_dict(self) -> dict[str, Any]:
    """Returns what is told as JSON-ready data, in which the pitch is called "note"."""
    told = {"note" if k == "pitch" else k: v for k, v in vars(self).items()}
    return {key: value for key, value in told.items() if value is not None}


NOTHING = Assume()
"""Nothing is told: everything is heard."""


@dataclass(frozen=True, kw_only=True)
class Heard:
  """The facts of a sound.

  Attributes:
    onset_seconds: The place in the recording where the sound begins, as heard or told.
    hold_seconds: The time for which its note was held, as heard.
    pitch: The pitch of its note; None where none is heard.
    peak: The highest absolute sample of what is listened to; full scale is 1.
    passed_over: Whether something else than a click sounds before it.
    endless: Whether it sounds to the end of what is listened to, so that its length is a guess.
    cleared: What was taken away from the recording.
    told: What was told, and did not have to be heard.
    predicted: The note that a model makes of it, which is relied on where no pitch is heard.
  """

  onset_seconds: float
  hold_seconds: float
  pitch: HeardPitch | None
  peak: float
  passed_over: bool = False
  endless: bool = False
  cleared: Cleared = field(default_factory=Cleared)
  told: Assume = NOTHING
  predicted: PredictedNote | None = None

  @property
  def midi(self) -> float | None:
    """The pitch as a MIDI note number with cents: as told, heard or, if it is sure, predicted."""
    if self.told.pitch is not None:
      return float(self.told.pitch)
    if self.pitch is not None:
      return self.pitch.midi
    sure = self.predicted is not None and self.predicted.confidence >= _SURE
    return self.predicted.pitch if self.predicted and sure else None

  def known_note(self, played: Note) -> KnownNote:
    """Returns what a model is told of the note: the one that its answer plays, with cents.

    Pitch and hold are not known where they are neither heard nor told.

    Args:
      played: The note of the answer (see `held_note`).
    """
    guessed = self.endless and self.told.hold_seconds is None
    hold = None if guessed else played.hold_seconds
    return KnownNote(pitch=self.midi, velocity=played.velocity, hold_seconds=hold)

  def note(self, default: Note) -> Note:
    """Returns the note to answer with: the semitone nearest to the pitch, or the default's.

    It is held as long as the default, unless told otherwise.
    """
    pitch = default.pitch if self.midi is None else int(np.clip(round(self.midi), 0, 127))
    return dataclasses.replace(
      default, pitch=pitch, hold_seconds=self.told.hold_seconds or default.hold_seconds
    )

  def held_note(self, default: Note) -> Note:
    """Returns the same note, held as long as the sound's, or as the default if that is near."""
    note = self.note(default)
    usual = abs(self.hold_seconds - default.hold_seconds) <= _HOLD_TOLERANCE
    if self.told.hold_seconds or usual:
      return note
    return dataclasses.replace(note, hold_seconds=self.hold_seconds)

  def guesses(self, note: Note) -> dict[str, str]:
    """Says what was neither heard for certain nor told.

    Args:
      note: The note that is played.

    Returns:
      "note", "onset", "hold" or "noise" -> a sentence.
    """
    found = {}
    if self.told.pitch is None and self.pitch is None:
      who = "assumed" if self.midi is None else "what the model makes of it"
      found["note"] = f"no pitch was heard: {name_of(note.pitch)} is {who}"
    elif self.told.pitch is None and self.pitch and self.pitch.share < _SURE:
      share = f"{100 * self.pitch.share:.0f} %"
      found["note"] = f"the pitch is unsure: {name_of(note.pitch)} is heard in {share} of the sound"
    if self.passed_over:
      found["onset"] = f"what sounds before {self.onset_seconds:.2f} s is taken for no part of it"
    if self.endless and self.told.hold_seconds is None:
      found["hold"] = f"no end of the note was heard: {note.hold_seconds:.2f} s are assumed"
    if self.cleared.noise_db is not None and self.told.clear is None:
      level = f"{self.cleared.noise_db:.0f} dB"
      found["noise"] = f"noise of {level} was taken for the recorder's and removed"
    return found


@dataclass(frozen=True, kw_only=True)
class Recording:
  """A sound from outside and its facts: `listen` makes of both what a model hears.

  Attributes:
    source: What the sound is called.
    audio: All of the recording, mono, without what was cleared.
    sample_rate: The sample rate of the audio, in Hz.
    seconds: The length of what is listened to.
    heard: The facts.
  """

  source: str
  audio: Float[np.ndarray, " n"]
  sample_rate: int
  seconds: float
  heard: Heard


def hear(
  audio: Float[np.ndarray, " n"],
  *,
  source: str,
  sample_rate: int,
  seconds: float,
  assume: Assume = NOTHING,
) -> Recording:
  """Finds onset, level, pitch and length of a recorded sound, without the noise of its recording.

  Args:
    audio: A mono sound that is not silent.
    source: What the sound is called.
    sample_rate: The sample rate, in Hz.
    seconds: The length of what is listened to, from the onset on.
    assume: What is told instead of heard.

  Raises:
    UserError: What is told does not fit the sound.
  """
  audio, cleared = clear(audio, sample_rate, noise=assume.clear is not False)
  told = assume.onset_seconds
  skipped = 0 if told is None else round(min(told * sample_rate, audio.size))
  if told is not None and np.abs(audio[skipped:]).max(initial=0) < SILENT_PEAK:
    raise UserError(f"{source}: nothing sounds after the onset at {told:g} s: give an earlier one")
  found = find_note(audio[skipped:], sample_rate, noise_db=cleared.noise_db)
  onset_seconds = found.start_seconds if told is None else float(told)
  clip = cut(audio, onset_seconds, sample_rate=sample_rate, seconds=seconds)
  if not clip.any():
    raise UserError(
      f"{source}: nothing sounds in the {seconds:g} s after {onset_seconds:g} s: give the onset of"
      " a note"
    )
  if assume.hold_seconds is not None and assume.hold_seconds > seconds:
    raise UserError(
      f"{source}: a note held for {assume.hold_seconds:g} s is longer than the answer: give up to"
      f" {seconds:g}"
    )
  end = skipped + round(found.end_seconds * sample_rate)
  note = cut(audio[:end], onset_seconds, sample_rate=sample_rate, seconds=seconds)
  held = hold_seconds(note, sample_rate)
  last = min(audio.size / sample_rate, onset_seconds + seconds)
  heard = Heard(
    onset_seconds=onset_seconds,
    hold_seconds=held,
    pitch=heard_pitch(note, sample_rate),
    peak=float(np.abs(clip).max()),
    passed_over=told is None and found.passed_over,
    endless=onset_seconds + held > last - _NO_END,
    cleared=cleared,
    told=assume,
  )
  return Recording(
    source=source, audio=audio, sample_rate=sample_rate, seconds=seconds, heard=heard
  )
