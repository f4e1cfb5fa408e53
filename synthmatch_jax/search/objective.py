"""What a search makes small: how far a candidate's sound is from the target."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from synthmatch_jax import cores
from synthmatch_jax.audio.loudness import SILENT_PEAK
from synthmatch_jax.audio.pitch import PitchSettings, pitch_track
from synthmatch_jax.audio.stft import StftSettings
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.metrics.f0 import PitchError
from synthmatch_jax.metrics.level import EnvelopeCosine
from synthmatch_jax.metrics.loudness_pattern import LoudnessPattern
from synthmatch_jax.metrics.metric import SoundMetric
from synthmatch_jax.metrics.spectral import MultiScaleSpectral

Controls = Float[np.ndarray, " d"]
Sound = Float[np.ndarray, " n"]

Cost = Callable[[Controls, Sound], float]
"""The cost of a candidate: 0 for one that equals the target, larger for a worse one."""


@dataclass(frozen=True, kw_only=True)
class Scene:
  """What a term can rest on.

  Attributes:
    target: The sound that is to be matched.
    recipe: The recipe of the answers, which names the sample rate.
  """

  target: Sound
  recipe: Recipe


@dataclass(frozen=True, kw_only=True)
class Term:
  """One of the costs that are summed up.

  Attributes:
    cost: Makes the cost of candidates from the scene; all that depends on the target alone is
      computed there, once.
    floor: The least that the cost is divided by, where its value at the start is less still.
  """

  cost: Callable[[Scene], Cost]
  floor: float


def of_metric(metric: Callable[..., SoundMetric], *, floor: float, **settings: object) -> Term:
  """A term that is a metric, or for one of which more is better its distance from the best.

  Args:
    metric: The class of the metric.
    floor: See `Term`.
    **settings: The settings of the metric, apart from the sample rate.
  """

  def cost(scene: Scene) -> Cost:
    made = metric(sample_rate=scene.recipe.mel.sample_rate, **settings)
    wanted = made.analyse(scene.target)

    def distance(_: Controls, sound: Sound) -> float:
      return abs(made.distance(wanted, made.analyse(sound)) - made.floor)

    return distance

  return Term(cost=cost, floor=floor)


# A quarter of the metric's frames: the guard hears a note and not its vibrato.
_GUARD = PitchSettings(hop_ms=40.0)
_IN_TUNE, _OUT_OF_TUNE = 10.0, 110.0  # Cents.
_HAS_PITCH = 0.5  # The share of the sounding frames.


def _pitch(scene: Scene) -> Cost:
  """How far out of tune, over the frames voiced in both sounds: from 0 to 1, a semitone or more.

  Beyond a semitone the other terms lead. A target that is mostly voiced asks for a pitch, and an
  answer without one costs as much as one that is out of tune.
  """
  rate = scene.recipe.mel.sample_rate
  metric = PitchError(sample_rate=rate, pitch=_GUARD)
  wanted = metric.analyse(scene.target)
  sounding = np.isfinite(wanted.f0_hz)
  has_pitch = wanted.voiced[sounding].mean() > _HAS_PITCH if sounding.any() else False

  def cost(_: Controls, sound: Sound) -> float:
    if not has_pitch:
      return 0.0
    # No other frames can count.
    cents = metric.distance(wanted, pitch_track(sound, rate, _GUARD, among=wanted.voiced))
    cents = _OUT_OF_TUNE if math.isnan(cents) else min(cents, _OUT_OF_TUNE)
    return max(0.0, cents - _IN_TUNE) / (_OUT_OF_TUNE - _IN_TUNE)

  return cost


def _used(scene: Scene) -> Cost:
  """The share of the controls that are not at 0: of two patches that sound alike, the plainer.

  A switch counts where it is on. Choices do not count, since no option is plainer than another.
  """
  layout = scene.recipe.space.layout
  scales = np.array([scale for scale, width in layout for _ in range(width)])
  switches, counted = scales == "binary", np.isin(scales, ("numerical", "binary"))

  def cost(controls: Controls, _: Sound) -> float:
    used = np.where(switches, controls >= 0.5, controls != 0)
    return float(np.count_nonzero(used[counted])) / max(1, np.count_nonzero(counted))

  return cost


TERMS: Mapping[str, Term] = {
  "mss": of_metric(MultiScaleSpectral, floor=0.2),
  "pattern": of_metric(
    LoudnessPattern,
    floor=0.02,
    mel=StftSettings(n_fft=1024, hop_length=512),
    linear=StftSettings(n_fft=8192, hop_length=4096),
  ),
  "envelope": of_metric(EnvelopeCosine, floor=0.1),
  "pitch": Term(cost=_pitch, floor=1.0),
  "controls": Term(cost=_used, floor=1.0),
}
"""The terms that an objective can have; docs/search.md says what each hears."""

DEFAULT: Mapping[str, float] = {
  "mss": 1.0,
  "pattern": 1.0,
  "envelope": 0.3,
  "pitch": 0.3,
  "controls": 0.2,
}
"""Term -> weight, of what a search makes small unless told otherwise: found by experiment.

See `python -m study.objectives` and docs/search.md.
"""


class Objective:
  """A weighted mean of terms, each divided by its value at the start.

  The value of the start is 1 or less. Candidates are brought to the peak of the target first, so
  that their level does not count. Safe to use from several threads.

  Attributes:
    weights: Term -> weight.
  """

  def __init__(self, target: Sound, recipe: Recipe, weights: Mapping[str, float] = DEFAULT):
    """Analyses the target.

    Args:
      target: The sound that is to be matched, not silent.
      recipe: The recipe of the answers.
      weights: Term -> weight.

    Raises:
      ValueError: A term is unknown.
    """
    if unknown := sorted(set(weights) - set(TERMS)):
      raise ValueError(f"no term {unknown[0]!r}; known are {', '.join(TERMS)}")
    self.weights = dict(weights)
    self._floors = np.array([TERMS[name].floor for name in weights])
    self._peak = float(np.abs(target).max())
    scene = Scene(target=target, recipe=recipe)
    with cores.one_each():  # As in a search, so that the last bits do not depend on others at work.
      self._costs = [TERMS[name].cost(scene) for name in weights]

  def costs(self, controls: Controls, sound: Sound) -> Float[np.ndarray, " k"]:
    """The cost of a candidate by each term; infinite for one that is silent."""
    peak = float(np.abs(sound).max(initial=0))
    if peak < SILENT_PEAK:
      return self.failed
    levelled = sound * np.float32(self._peak / peak)
    return np.array([cost(controls, levelled) for cost in self._costs])

  @property
  def failed(self) -> Float[np.ndarray, " k"]:
    """The costs of a candidate without a sound."""
    return np.full(len(self._costs), np.inf)

  def farness(self, costs: Float[np.ndarray, " k"]) -> float:
    """The largest cost, in units of its floor: some 5 for a model's answer to the synth's own."""
    return float((costs / self._floors).max())

  def value(self, costs: Float[np.ndarray, " k"], start: Float[np.ndarray, " k"]) -> float:
    """The value of a candidate, infinite for one without a sound.

    Args:
      costs: The costs of the candidate.
      start: The costs of the start.
    """
    if not np.isfinite(costs).all():
      return math.inf
    weights = np.array(list(self.weights.values()))
    first = np.where(np.isfinite(start), np.maximum(start, self._floors), self._floors)
    return float((weights * costs / first).sum() / weights.sum())
