"""What a distance means: its rank among the model's answers to the synth's own sounds."""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from synthmatch_jax import files, untrusted
from synthmatch_jax.exported import PER_SOUND, RESULTS
from synthmatch_jax.inference import Predictor
from synthmatch_jax.matching.result import Confidence
from synthmatch_jax.selection import RANKED_BY
from synthmatch_jax.spaces import snapping

OUT_OF_REACH = 95.0
"""Percentile from which a target is out of reach.

One in twenty answers of the reference lies beyond it. More sounds of the synth do where the note or
the length is heard wrongly (`python -m study.reach`).
"""

_NEAR = 50.0
_FEWEST = 20  # With this number of sounds, one of them is 5 percent.


@dataclass(frozen=True, kw_only=True)
class Reference:
  """The distances of the model's answers to the test sounds of its data set, measured by `eval`.

  Attributes:
    distances: The distances in ascending order; empty where they are unknown.
    unknown: The reason why they are unknown.
    advice: What to do to make them known.
  """

  distances: Float[np.ndarray, " i"]
  unknown: str = ""
  advice: str = ""

  @property
  def digest(self) -> str:
    """A hash, 16 hexadecimal digits, of the distances and the reason."""
    return hashlib.sha256(self.distances.tobytes() + self.unknown.encode()).hexdigest()[:16]

  def confidence(self, distance: float) -> Confidence:
    """Returns what an answer's distance means."""
    of = int(self.distances.size)
    if not of:
      words = f"unknown: {self.unknown}"
      return Confidence(kind="unknown", percentile=None, of=0, words=words, advice=self.advice)
    percentile = 100 * float(np.searchsorted(self.distances, distance)) / of
    if percentile >= OUT_OF_REACH:
      farther = (
        f"any of the {of}" if percentile == 100 else f"{math.floor(percentile)} % of the {of}"
      )
      words = (
        f"out of the synth's reach, as far as this model knows it: farther off than {farther}"
        " answers to the synth's own sounds"
      )
      return Confidence(kind="out_of_reach", percentile=percentile, of=of, words=words)
    if percentile < _NEAR:
      best = max(10, 10 * math.ceil(percentile / 10))
      words = f"as near as the best {best} % of the answers to the synth's own sounds"
      return Confidence(kind="near", percentile=percentile, of=of, words=words)
    words = (
      f"farther off than {math.floor(percentile)} % of the answers to the synth's own sounds,"
      " but within the usual"
    )
    return Confidence(kind="usual", percentile=percentile, of=of, words=words)


SILENT = Confidence(
  kind="out_of_reach",
  percentile=None,
  of=0,
  words="out of the synth's reach: the answer is silent",
)
"""The confidence of a silent answer, whose distance means nothing: MSS takes silence for noise."""


def reference(workdir: Path, predictor: Predictor) -> Reference:
  """Reads the distances that `python -m synthmatch_jax.eval --workdir=W` has measured."""
  advice = f"`python -m synthmatch_jax.eval --workdir={workdir}` makes it known"

  def unknown(why: str) -> Reference:
    return Reference(distances=np.zeros(0), unknown=why, advice=advice)

  try:
    sums, row = predictor.sums, f"model/{RANKED_BY}"
    if sums and (workdir / RESULTS).exists() and not {RESULTS, PER_SOUND} <= set(sums):
      raise ValueError("what was measured is not what came with the model")
    results = untrusted.read_json(workdir / RESULTS, sha256=sums.get(RESULTS, ""))
    step, snapped = results["step"], results.get("snapping", "")
    found = (
      untrusted.read_arrays(workdir / PER_SOUND, [row], sha256=sums.get(PER_SOUND, ""))[row]
      .astype(np.float64)
      .ravel()
    )
  except (FileNotFoundError, NotADirectoryError):
    return unknown("this model has not been evaluated on the synth's own sounds")
  except files.UNREADABLE:
    return unknown("the evaluation of this model is damaged or has no row of it")
  if step != predictor.step:
    return unknown("this model was trained on since it was evaluated")
  if snapped != snapping.digest(predictor.snapping):
    return unknown("this model was snapped since it was evaluated, or is not any more")
  distances = np.sort(found[np.isfinite(found)])
  if distances.size < _FEWEST:
    return unknown(f"this model was evaluated on {distances.size} sounds only, too few to tell")
  return Reference(distances=distances)
