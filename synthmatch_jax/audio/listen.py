"""What a model hears of a recording, in one way of listening or in several."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.hearing import Recording
from synthmatch_jax.audio.loudness import match_loudness
from synthmatch_jax.audio.onset import cut
from synthmatch_jax.audio.shift import pitch_shift

# Semitones: what is nearer is in tune; what is farther a phase vocoder turns into something else.
_LEAST_SHIFT, _MOST_SHIFT = 0.25, 24.0


@dataclass(frozen=True, kw_only=True)
class Hearing:
  """A way of listening.

  Attributes:
    name: The name for people.
    pitch: Whether the sound is moved to the note that the model was trained on.
    gain_db: How much louder the sound is than those of the model's training, in dB.
    shift_seconds: The time from the onset to the first sample that is heard.
  """

  name: str
  pitch: Literal["as recorded", "trained"] = "as recorded"
  gain_db: float = 0.0
  shift_seconds: float = 0.0


AS_RECORDED = Hearing(name="as recorded")

HEARINGS = (
  AS_RECORDED,
  Hearing(name="moved to the trained note", pitch="trained"),
  Hearing(name="6 dB softer", gain_db=-6.0),
  Hearing(name="6 dB louder", gain_db=6.0),
  Hearing(name="10 ms earlier", shift_seconds=-0.01),
  Hearing(name="10 ms later", shift_seconds=0.01),
)
"""All ways, the plain one first. None of them changes the sound much to the ear."""


def listen(
  recording: Recording, ways: Sequence[Hearing] = (AS_RECORDED,), *, pitch: int, level_db: float
) -> dict[Hearing, Float[np.ndarray, " m"]]:
  """Makes what a model hears: the sound from its onset on, brought to one loudness.

  Every sound can be heard as recorded. It is not moved to a note if its pitch is not known, if it
  is there already, or if the way is longer than two octaves; and of a click nothing may be left 10
  ms later. Such ways are left out.

  Args:
    recording: The sound.
    ways: The ways of listening.
    pitch: The MIDI note number that the model was trained on.
    level_db: The loudness (LUFS) of its training; the sound is brought to it, or to the one that is
      told, as far as full scale allows.

  Returns:
    Way -> mono samples, float32.
  """
  heard, rate, clips = recording.heard, recording.sample_rate, {}
  level_db = level_db if heard.told.level_db is None else heard.told.level_db
  for way in ways:
    semitones = 0.0
    if way.pitch == "trained":
      semitones = 0.0 if heard.midi is None else pitch - heard.midi
      if not _LEAST_SHIFT <= abs(semitones) <= _MOST_SHIFT:
        continue
    start = heard.onset_seconds + way.shift_seconds
    clip = cut(recording.audio, start, sample_rate=rate, seconds=recording.seconds)
    if not clip.any():
      continue
    if semitones:
      clip = pitch_shift(clip, semitones, sample_rate=rate)
    levelled = match_loudness(clip, level_db, rate)
    clips[way] = (levelled * 10 ** (way.gain_db / 20)).astype(np.float32)
  return clips
