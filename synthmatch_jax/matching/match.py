"""What a match is: a sound and the synth's answers to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.hearing import Heard
from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.spaces.space import Patch


@dataclass(frozen=True, kw_only=True)
class Confidence:
  """How near an answer is, among the model's answers to sounds of the synth itself.

  Attributes:
    kind: near, usual, or out of reach; unknown where the model has not been evaluated.
    percentile: share of its answers to the synth's own sounds that are nearer, in percent.
    of: number of those sounds.
    words: the same for people.
    advice: what makes it known, where it is not.
  """

  kind: Literal["near", "usual", "out_of_reach", "unknown"]
  percentile: float | None
  of: int
  words: str
  advice: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
  """A patch, and how near its sound is.

  Attributes:
    model: name of the model that gave it.
    hearing: the way in which it listened (see `audio.listen`).
    controls: what it predicted.
    patch: the same in the synth's terms.
    estimate: the sound of it, at the loudness of the target.
    distances: metric -> number, of (target, estimate); NaN where a metric has no meaning.
    confidence: what the distance means.
  """

  model: str
  hearing: str
  controls: Float[np.ndarray, " d"]
  patch: Patch
  estimate: Float[np.ndarray, " n"]
  distances: Mapping[str, float]
  confidence: Confidence


@dataclass(frozen=True, kw_only=True)
class Match:
  """A sound and its answers.

  Attributes:
    source: what the sound is called.
    target: The sound as the (first) model heard it, which the answers are measured against.
    heard: What was heard in the sound, or told about it.
    note: that the answers play.
    recipe: of the (first) model: tells engine, space and spectrogram.
    answers: at least one, the nearest first.
  """

  source: str
  target: Float[np.ndarray, " n"]
  heard: Heard
  note: Note
  recipe: Recipe
  answers: tuple[Answer, ...]

  @property
  def gain_db(self) -> float:
    """The gain from the recording to the target, in dB."""
    return float(20 * np.log10(np.abs(self.target).max() / self.heard.peak))

  @property
  def best(self) -> Answer:
    """The nearest answer."""
    return self.answers[0]
