"""Both patches rendered again, and the distance of their sounds."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.metrics.suite import SOUND_METRICS, measure
from synthmatch_jax.synths import farm
from synthmatch_jax.synths.base import Synth
from synthmatch_jax.synths.play import engine, play

# Sounds that one engine renders before it is made anew, so that results do not depend on the
# number of workers.
_CHUNK = 16

Scores = dict[str, dict[str, Float[np.ndarray, " i"]]]
"""Row -> metric -> one value per sound."""


def score(
  targets: Float[np.ndarray, "i d"],
  rows: Mapping[str, Float[np.ndarray, "k d"]],
  recipe: Recipe,
  *,
  workers: int,
) -> Scores:
  """Renders every target and every row's estimate of it, and measures each pair.

  Args:
    targets: true controls.
    rows: name -> estimated controls, one per target; or a single one that stands for all.
    recipe: tells engine, note and length.
    workers: sounds rendered at once.
  """
  make = engine(recipe)

  def work(start: int, tick: farm.Tick):
    chunk = slice(start, start + _CHUNK)
    return start, _score_chunk(make(), targets[chunk], _cut(rows, chunk), recipe, tick)

  starts = range(0, len(targets), _CHUNK)
  total = len(targets)
  parts = dict(farm.run(work, starts, workers=workers, total=total, label="eval"))
  return {
    row: {m: np.concatenate([parts[s][row][m] for s in starts]) for m in SOUND_METRICS}
    for row in rows
  }


def _cut(rows: Mapping[str, np.ndarray], chunk: slice) -> dict[str, np.ndarray]:
  return {name: c if len(c) == 1 else c[chunk] for name, c in rows.items()}


def _score_chunk(
  synth: Synth,
  targets: np.ndarray,
  rows: Mapping[str, np.ndarray],
  recipe: Recipe,
  tick: farm.Tick,
) -> Scores:
  fixed = {name: play(synth, recipe, c[0]) for name, c in rows.items() if len(c) == 1}
  scores = {row: {metric: np.zeros(len(targets)) for metric in SOUND_METRICS} for row in rows}
  for i, controls in enumerate(targets):
    target = play(synth, recipe, controls)
    for row, estimates in rows.items():
      estimate = fixed[row] if row in fixed else play(synth, recipe, estimates[i])
      for metric, value in measure(target, estimate).items():
        scores[row][metric][i] = value
    tick()
  return scores
