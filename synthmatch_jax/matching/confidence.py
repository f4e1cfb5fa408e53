"""What is said of an answer: how near it is in what a person hears apart, and beside what."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from synthmatch_jax import files, untrusted
from synthmatch_jax.audio.pitch import HeardPitch
from synthmatch_jax.exported import ANSWERED, HELD, PER_SOUND, PITCH, PROXY, RESULTS
from synthmatch_jax.inference import Predictor
from synthmatch_jax.matching.result import Confidence, Kind, Verdict
from synthmatch_jax.metrics.suite import SOUND_METRICS
from synthmatch_jax.spaces import snapping

ENOUGH = 200
"""The renders of a search from which on what it has not reached is called out of reach."""

_OUT = 99.0  # The percentile of it: one in a hundred answers without a search is as far off.
_FEWEST = 20  # With this number of sounds, one of them is 5 percent.
_COMPARED = 200  # Sounds of the synth, those whose notes are most nearly the same.
_KINDS: tuple[Kind, ...] = ("none", "near", "usual", "far", "out_of_reach", "unknown")
_WORDS = {"usual": "fair", "out_of_reach": "out of reach"}
_INTERVALS = ("a semitone", "a whole tone", "a minor third", "a major third", "a fourth")
_INTERVALS += ("a tritone", "a fifth", "a minor sixth", "a major sixth", "a minor seventh")
_INTERVALS += ("a major seventh", "an octave")


@dataclass(frozen=True, kw_only=True)
class Aspect:
  """What a person judges by itself.

  Attributes:
    name: The name.
    metric: The name of the metric that hears it and little else (docs/evaluation.md); without
      one it is the interval between the pitches of both sounds.
    near: The bound under which an answer is near: a percentile among the answers to comparable
      sounds; of an interval in cents.
    far: The bound from which on it is far.
  """

  name: str
  metric: str = ""
  near: float = 50.0
  far: float = 95.0


ASPECTS = (
  Aspect(name="pitch", near=15.0, far=50.0),
  Aspect(name="timbre", metric="loudness_spectrum"),
  Aspect(name="envelope", metric="rms_cosine"),
)
"""All aspects, in the order in which they are told."""


@dataclass(frozen=True, kw_only=True)
class Pair:
  """A sound and an answer to it, as far as they are judged.

  Attributes:
    distances: The name of each metric -> its value.
    target: The pitch of the sound; None where there is none that is clear.
    estimate: The pitch of the answer; None where there is none.
    held: How long the sound is held, in seconds (`audio.onset.hold_seconds`).
    renders: The number of sounds that a search free to move all controls has rendered for it.
  """

  distances: Mapping[str, float]
  target: HeardPitch | None
  estimate: HeardPitch | None
  held: float
  renders: int = 0


@dataclass(frozen=True, kw_only=True)
class Reference:
  """The model's answers to the test sounds of its data set, measured by `eval`.

  Where it has a proxy of the synth, and `eval --draws=16` has measured what a match makes of it,
  they are the answers of the row `answered_16`, else those of the row `model`.

  Attributes:
    distances: The name of the metric of an aspect -> its distance of each sound, from its best
      value on; empty where they are unknown.
    held: How long each sound is held, in seconds.
    pitch: Which MIDI note each sound is; empty where all are the same.
    unknown: The reason why they are unknown.
    advice: What to do to make them known.
  """

  distances: Mapping[str, Float[np.ndarray, " i"]] = field(default_factory=dict)
  held: Float[np.ndarray, " i"] = field(default_factory=lambda: np.zeros(0))
  pitch: Float[np.ndarray, " p"] = field(default_factory=lambda: np.zeros(0))
  unknown: str = ""
  advice: str = ""

  @property
  def digest(self) -> str:
    """A hash, 16 hexadecimal digits, of the distances, the notes and the reason."""
    found = (*self.distances.values(), self.held, self.pitch)
    arrays = b"".join(array.tobytes() for array in found)
    return hashlib.sha256(arrays + self.unknown.encode()).hexdigest()[:16]

  def confidence(self, pair: Pair) -> Confidence:
    """Returns what is said of an answer."""
    found = tuple(
      self._ranked(aspect, pair) if aspect.metric else _interval(aspect, pair) for aspect in ASPECTS
    )
    worst = max(found, key=lambda verdict: (_KINDS.index(verdict.kind), verdict.percentile or 0))
    words = ", ".join(verdict.words for verdict in found)
    return Confidence(
      kind=worst.kind,
      percentile=max((v.percentile for v in found if v.percentile is not None), default=None),
      of=max(verdict.of for verdict in found),
      words=f"{words}: {self.unknown}" if self.unknown else words,
      advice=self.advice,
      aspects=found,
    )

  def _ranked(self, aspect: Aspect, pair: Pair) -> Verdict:
    """Judges by the rank among the answers to the sounds whose notes are most nearly the same."""
    value = abs(pair.distances[aspect.metric] - SOUND_METRICS[aspect.metric].floor)
    if self.unknown:
      words = f"{aspect.name} unknown"
      return Verdict(aspect=aspect.name, kind="unknown", words=words, value=value)
    nearest = self._comparable(pair)
    others, held = self.distances[aspect.metric][nearest], self.held[nearest]
    percentile = round(100 * float((others < value).mean()), 1)
    searched = pair.renders >= ENOUGH
    kind = "out_of_reach" if searched and percentile >= _OUT else _kind(aspect, percentile)
    return Verdict(
      aspect=aspect.name,
      kind=kind,
      words=f"{aspect.name} {_WORDS.get(kind, kind)}",
      beside=(
        f"nearer than {100 * float((others > value).mean()):.0f} % of the model's answers to"
        f" {others.size} of the synth's own sounds, held for {held.min():.2g} to {held.max():.2g} s"
      ),
      value=value,
      percentile=percentile,
      of=int(others.size),
    )

  def _comparable(self, pair: Pair) -> Int[np.ndarray, " c"]:
    """Returns which sounds are held most nearly as long and, where that is known, as high.

    An octave counts as much as twice the length.
    """
    apart = np.abs(np.log2(self.held / pair.held))
    if self.pitch.size and pair.target is not None:
      apart = np.hypot(apart, (self.pitch - pair.target.midi) / 12)
    return np.argsort(apart, kind="stable")[:_COMPARED]


def _interval(aspect: Aspect, pair: Pair) -> Verdict:
  """Judges the pitch, which needs no reference and is never out of reach: a note can be told."""
  if pair.target is None:
    return Verdict(aspect=aspect.name, kind="none", words="no clear pitch to compare")
  if pair.estimate is None:
    return Verdict(aspect=aspect.name, kind="far", words="no pitch in the answer")
  cents = 100 * (pair.estimate.midi - pair.target.midi)
  kind, off = _kind(aspect, abs(cents)), f"{abs(cents):.0f} cents"
  if kind == "near":
    words = "in tune" if abs(cents) < 1.5 else f"in tune ({off} off)"
  else:
    size = off if abs(cents) < 100 else _size(round(abs(cents) / 100))
    words = f"{size} too {'high' if cents > 0 else 'low'}"
  return Verdict(aspect=aspect.name, kind=kind, words=words, value=cents)


def _size(semitones: int) -> str:
  """Returns the name of an interval."""
  if semitones <= len(_INTERVALS):
    return _INTERVALS[semitones - 1]
  return f"{semitones} semitones" if semitones % 12 else f"{semitones // 12} octaves"


def _kind(aspect: Aspect, level: float) -> Kind:
  """Returns the verdict on a level, of the kind that the bounds of the aspect are."""
  return "near" if level < aspect.near else "usual" if level < aspect.far else "far"


SILENT = Confidence(kind="far", percentile=None, of=0, words="far: the answer is silent")
"""The confidence of a silent answer, whose distance means nothing: MSS takes silence for noise."""


def reference(workdir: Path, predictor: Predictor) -> Reference:
  """Reads what `python -m synthmatch_jax.eval --workdir=W` has measured."""
  advice = f"`python -m synthmatch_jax.eval --workdir={workdir}` makes it known"

  def unknown(why: str) -> Reference:
    return Reference(unknown=why, advice=advice)

  metrics = [aspect.metric for aspect in ASPECTS if aspect.metric]
  try:
    sums = predictor.sums
    if sums and (workdir / RESULTS).exists() and not {RESULTS, PER_SOUND} <= set(sums):
      raise ValueError("what was measured is not what came with the model")
    results = untrusted.read_json(workdir / RESULTS, sha256=sums.get(RESULTS, ""))
    step, snapped = results["step"], results.get("snapping", "")
    row = (
      ANSWERED if (workdir / PROXY).is_dir() and ANSWERED in results.get("rows", ()) else "model"
    )
    names = [f"{row}/{metric}" for metric in metrics] + [HELD]
    names += [PITCH] if predictor.recipe.notes is not None else []
    found = untrusted.read_arrays(workdir / PER_SOUND, names, sha256=sums.get(PER_SOUND, ""))
    table = np.stack([found[name].astype(np.float64).ravel() for name in names])
  except (FileNotFoundError, NotADirectoryError):
    return unknown("this model has not been evaluated on the synth's own sounds")
  except KeyError:
    return unknown("the evaluation of this model is of an earlier version, or has no row of it")
  except files.UNREADABLE:
    return unknown("the evaluation of this model is damaged")
  if step != predictor.step:
    return unknown("this model was trained on since it was evaluated")
  if snapped != snapping.digest(predictor.snapping):
    return unknown("this model was snapped since it was evaluated, or is not any more")
  table = table[:, np.isfinite(table).all(0) & (table[names.index(HELD)] > 0)]
  if table.shape[1] < _FEWEST:
    return unknown(f"this model was evaluated on {table.shape[1]} sounds only, too few to tell")
  found = dict(zip(names, table, strict=True))
  distances = {
    metric: np.abs(found[f"{row}/{metric}"] - SOUND_METRICS[metric].floor) for metric in metrics
  }
  return Reference(distances=distances, held=found[HELD], pitch=found.get(PITCH, np.zeros(0)))
