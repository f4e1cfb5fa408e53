"""Plays candidates for the answer to a sound, and says what is to be said of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.loudness import SILENT_PEAK, loudness_db, match_loudness
from synthmatch_jax.audio.onset import hold_seconds
from synthmatch_jax.audio.pitch import heard_pitch
from synthmatch_jax.data.example import Example
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.matching.confidence import SILENT, Pair, Reference
from synthmatch_jax.matching.result import Answer, Origin
from synthmatch_jax.metrics import suite
from synthmatch_jax.metrics.metric import prepare
from synthmatch_jax.selection import RANKED_BY
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.play import play
from synthmatch_jax.synths.pool import Pool

# The share of a sound that has a pitch: the target's is compared where it is clear, with whatever
# the answer has.
# By one bound, of two sounds that are nearly equal one could have a pitch and the other none.
_CLEAR, _FAINT = 0.5, 0.2

Candidate = tuple[Origin, Example]
"""An example that may be the answer to a sound, and how it has come about."""


@dataclass(frozen=True, kw_only=True)
class Played:
  """A candidate that was played.

  Attributes:
    origin: How it has come about.
    example: The controls and the note.
    estimate: The sound, at the loudness of the target unless it is silent, (n,).
    distance: Its distance by `RANKED_BY`.
    silent: Whether it cannot be heard.
  """

  origin: Origin
  example: Example
  estimate: Float[np.ndarray, " n"]
  distance: float
  silent: bool


def play_all(
  target: Float[np.ndarray, " n"], candidates: Sequence[Candidate], *, recipe: Recipe, pool: Pool
) -> list[Played]:
  """Plays candidates in their order; those that the engine fails on are left out.

  Raises:
    RenderError: The engine failed on all of them.
  """
  rate = recipe.mel.sample_rate
  metric = suite.sound_metrics(rate)[RANKED_BY]
  level_db, wanted = loudness_db(target, rate), metric.analyse(prepare(target))
  played: list[Played] = []
  failure: RenderError | None = None
  items = [(recipe, example) for _, example in candidates]
  # One engine plays them all: the last bits of a sound depend on what was played before it.
  sounds = pool.map(play, items, lanes=1)
  for (origin, example), sound in zip(candidates, sounds, strict=True):
    if isinstance(sound, RenderError):
      failure = sound
      continue
    silent = float(np.abs(sound).max(initial=0)) < SILENT_PEAK
    estimate = sound if silent else match_loudness(sound, level_db, rate)
    distance = metric.distance(wanted, metric.analyse(prepare(estimate)))
    played.append(
      Played(origin=origin, example=example, estimate=estimate, distance=distance, silent=silent)
    )
  if failure and not played:
    raise failure
  return played


def judge(
  target: Float[np.ndarray, " n"],
  played: Sequence[Played],
  references: Mapping[str, Reference],
  *,
  recipe: Recipe,
  renders: int = 0,
) -> tuple[Answer, ...]:
  """Measures candidates by all metrics, and makes them answers.

  Args:
    target: The sound that they are measured against.
    played: The candidates.
    references: The name of each model -> what its answers are judged beside.
    recipe: The recipe of the models.
    renders: The number of sounds rendered by a search that was free to find any answer.
  """
  rate = recipe.mel.sample_rate
  metrics = suite.sound_metrics(rate)
  analysis = suite.analyse(target, metrics)
  pitch = heard_pitch(target, rate, min_share=_CLEAR)
  held = hold_seconds(target, rate)
  answers = []
  for one in played:
    pair = Pair(
      distances=suite.compare(analysis, suite.analyse(one.estimate, metrics), metrics),
      target=pitch,
      estimate=heard_pitch(one.estimate, rate, min_share=_FAINT),
      held=held,
      renders=renders,
    )
    reference = references[one.origin.model]
    answers.append(
      Answer(
        example=one.example,
        origin=one.origin,
        patch=recipe.space.decode(one.example.controls),
        estimate=one.estimate,
        distances=pair.distances,
        confidence=SILENT if one.silent else reference.confidence(pair),
      )
    )
  return tuple(answers)
