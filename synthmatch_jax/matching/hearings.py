"""How distinct answers come about: a model listens to a sound in several ways."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from synthmatch_jax import files
from synthmatch_jax.audio.hearing import Heard
from synthmatch_jax.audio.loudness import match_loudness
from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.audio.onset import cut
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.inference import Predictor

# Semitones: what is nearer is in tune; what is farther a phase vocoder turns into something else.
_LEAST_SHIFT, _MOST_SHIFT = 0.25, 24.0


@dataclass(frozen=True, kw_only=True)
class Recording:
  """A sound from outside.

  Attributes:
    source: what it is called.
    audio: all of it, mono, at the sample rate of the models.
    heard: what is heard in it.
  """

  source: str
  audio: Float[np.ndarray, " n"]
  heard: Heard


@dataclass(frozen=True, kw_only=True)
class Hearing:
  """A way to listen.

  Attributes:
    name: for people.
    pitch: whether the sound is moved to the note that the model was trained on.
    gain_db: louder or softer than the model's training was.
    shift_seconds: from the onset to the first sample that is heard.
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
"""All ways, the plain one first. Each changes what does not change the sound much to the ear."""

BY_HAND = Hearing(name="changed by hand")
"""Of controls that no model has heard anywhere: a person set them."""


def listen(
  recording: Recording, hearing: Hearing, *, recipe: Recipe, level_db: float
) -> Float[np.ndarray, " m"] | None:
  """The sound as a model is to hear it; None where the way is none for this sound.

  Args:
    recording: the sound.
    hearing: the way.
    recipe: of the model.
    level_db: loudness (LUFS) of its training.

  A sound is not moved to a note if its pitch is not known, if it is there already, or by more than
  two octaves.
  """
  heard, rate = recording.heard, recipe.mel.sample_rate
  semitones = 0.0
  if hearing.pitch == "trained":
    semitones = 0.0 if heard.midi is None else recipe.note.pitch - heard.midi
    if not _LEAST_SHIFT <= abs(semitones) <= _MOST_SHIFT:
      return None
  start = heard.onset_seconds + hearing.shift_seconds
  clip = cut(recording.audio, start, sample_rate=rate, seconds=recipe.seconds)
  if not clip.any():
    return None  # All of the sound is in the 10 ms that were left out.
  if semitones:
    files.settle_caches()
    import librosa  # Here: its compiler takes a second, and a plain match does not need it.

    clip = librosa.effects.pitch_shift(clip, sr=rate, n_steps=semitones)
  told = heard.told.level_db
  levelled = match_loudness(clip, level_db if told is None else told, rate)
  return (levelled * 10 ** (hearing.gain_db / 20)).astype(np.float32)


def mels(
  recording: Recording, listened: Sequence[Hearing], predictor: Predictor
) -> dict[Hearing, Float[np.ndarray, "t f"]]:
  """Returns what a model hears: the log-mel of the sound in each way that is one for it.

  Args:
    recording: The sound.
    listened: The ways of listening.
    predictor: The model.
  """
  recipe, level_db = predictor.recipe, predictor.statistics.level_db
  clips = {way: listen(recording, way, recipe=recipe, level_db=level_db) for way in listened}
  return {way: log_mel(clip, recipe.mel) for way, clip in clips.items() if clip is not None}
