"""A sound from outside, made ready for a model; with all that was assumed on the way."""

import dataclasses
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.loudness import match_loudness
from synthmatch_jax.audio.note import Note
from synthmatch_jax.audio.onset import place
from synthmatch_jax.audio.pitch import HeardPitch, heard_pitch


@dataclass(frozen=True, kw_only=True)
class Heard:
  """A sound as a model hears it.

  Attributes:
    audio: mono, float32, placed at its onset, at the loudness that was asked for.
    onset_seconds: where in the recording it begins.
    gain_db: applied to the recording.
    pitch: the note heard in it; None where there is none.
  """

  audio: Float[np.ndarray, " n"]
  onset_seconds: float
  gain_db: float
  pitch: HeardPitch | None

  def note(self, default: Note) -> Note:
    """The note to answer with: the semitone nearest to the pitch; without one the default's."""
    if self.pitch is None:
      return default
    return dataclasses.replace(default, pitch=int(np.clip(round(self.pitch.midi), 0, 127)))


def hear(
  audio: Float[np.ndarray, " n"], *, sample_rate: int, seconds: float, level_db: float
) -> Heard:
  """Finds onset, level and pitch of a recorded sound.

  Args:
    audio: mono, not silent.
    sample_rate: in Hz.
    seconds: length of what is heard, from the onset on.
    level_db: loudness (LUFS) to bring it to, as far as full scale allows.
  """
  clip, onset_seconds = place(audio, sample_rate=sample_rate, seconds=seconds)
  levelled = match_loudness(clip, level_db, sample_rate)
  return Heard(
    audio=levelled,
    onset_seconds=onset_seconds,
    gain_db=float(20 * np.log10(np.abs(levelled).max() / np.abs(clip).max())),
    pitch=heard_pitch(clip, sample_rate),
  )
