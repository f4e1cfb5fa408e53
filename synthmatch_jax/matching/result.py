"""The result of matching: a sound and the answers to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.hearing import Heard
from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.example import Example
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.spaces.space import Patch

Kind = Literal["none", "near", "usual", "far", "out_of_reach", "unknown"]
"""A verdict. What a search has come nowhere near is out of reach; "none" is of what is not there
to be judged, and "unknown" where the model has not been evaluated."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
  """What is said of an answer in one of the aspects that a person judges apart.

  Attributes:
    aspect: The name of the aspect: pitch, timbre or envelope.
    kind: The verdict.
    words: The verdict in a few words.
    beside: What the answer is judged beside, in words; empty where it is judged by itself.
    value: What was measured: the interval from the sound up to the answer in cents, or the
      distance in timbre or envelope; None where there is nothing to measure.
    percentile: The share of the answers to comparable sounds of the synth that are nearer, in
      percent; None where the aspect is not judged beside them.
    of: The number of those sounds.
  """

  aspect: str
  kind: Kind
  words: str
  beside: str = ""
  value: float | None = None
  percentile: float | None = None
  of: int = 0


@dataclass(frozen=True, kw_only=True)
class Confidence:
  """What is said of an answer.

  Attributes:
    kind: The worst of the verdicts; "unknown" where the model has not been evaluated.
    percentile: The largest percentile of the verdicts.
    of: The number of sounds that the answer is judged beside.
    words: The verdicts in a few words each.
    advice: What to do about an unknown confidence; empty where it is known.
    aspects: The verdicts, none for a silent answer.
  """

  kind: Kind
  percentile: float | None
  of: int
  words: str
  advice: str = ""
  aspects: tuple[Verdict, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Origin:
  """How an answer has come about.

  Attributes:
    model: The name of the model that gave the answer.
    hearing: The name of the way in which the model listened (see `audio.listen`).
    sample: The place of the answer among those that the model gave to what it heard, from 0.
    step: The step of the search that has improved the answer; 0 where there was no search.
    by_hand: Whether a person has changed the controls since.
  """

  model: str
  hearing: str
  sample: int = 0
  step: int = 0
  by_hand: bool = False

  @property
  def words(self) -> str:
    """What people read: the way of listening, unless the controls were changed since."""
    if self.by_hand:
      return "changed by hand"
    return f"{self.hearing}, then searched" if self.step else self.hearing


@dataclass(frozen=True, kw_only=True)
class Answer:
  """A patch, the sound of it, and how near that is to the target.

  Attributes:
    example: The controls and the note that they are played with.
    origin: How the answer has come about.
    patch: The controls in the synth's own terms.
    estimate: The sound of the example, at the loudness of the target, (n,).
    distances: The name of each metric -> its value for (target, estimate); NaN where the metric
      has no meaning.
    confidence: What the distance means.
  """

  example: Example
  origin: Origin
  patch: Patch
  estimate: Float[np.ndarray, " n"]
  distances: Mapping[str, float]
  confidence: Confidence

  @property
  def controls(self) -> Float[np.ndarray, " d"]:
    """The controls, in [0, 1]."""
    return self.example.controls


@dataclass(frozen=True, kw_only=True)
class Searched:
  """What a search has spent and gained.

  Attributes:
    renders: The number of sounds that it has rendered.
    seconds: The time that it has taken.
    start: The name of each metric -> its value for the first answer that it began with.
    trace: (renders, value of the objective) of each improvement; the value of the start is 1 or
      less, that of the target itself 0.
    was_stopped: Whether somebody ended it before its budget was spent.
  """

  renders: int
  seconds: float
  start: Mapping[str, float]
  trace: tuple[tuple[int, float], ...]
  was_stopped: bool = False


@dataclass(frozen=True, kw_only=True)
class Match:
  """A sound and its answers.

  Attributes:
    source: The name of the sound.
    target: The sound as the (first) model heard it, which the answers are measured against.
    heard: What was heard in the sound, or told about it.
    recipe: The recipe of the (first) model, which tells engine, space and spectrogram.
    answers: At least one answer, the nearest first.
    searched: The search that has made the answers better; None where there was none.
  """

  source: str
  target: Float[np.ndarray, " n"]
  heard: Heard
  recipe: Recipe
  answers: tuple[Answer, ...]
  searched: Searched | None = None

  @property
  def gain_db(self) -> float:
    """The gain from the recording to the target, in dB."""
    return float(20 * np.log10(np.abs(self.target).max() / self.heard.peak))

  @property
  def best(self) -> Answer:
    """The nearest answer."""
    return self.answers[0]

  @property
  def note(self) -> Note:
    """The note that the nearest answer is played with."""
    return self.best.example.note
