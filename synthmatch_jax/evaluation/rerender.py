"""Both patches rendered again, and the distance of their sounds."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.metrics.suite import SOUND_METRICS, measure
from synthmatch_jax.synths import farm
from synthmatch_jax.synths.base import RenderError, Synth
from synthmatch_jax.synths.hosts import Host
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
  plugin: str = "",
) -> Scores:
  """Renders every target and every row's estimate of it, and measures each pair.

  Args:
    targets: true controls.
    rows: name -> estimated controls, one per target; or a single one that stands for all.
    recipe: tells engine, note and length.
    workers: sounds rendered at once.
    plugin: path of the engine's plugin, where it is not found by itself.
  """

  def work(start: int, host: Host, tick: farm.Tick):
    chunk = slice(start, start + _CHUNK)
    return start, _score_chunk(host, targets[chunk], _cut(rows, chunk), recipe, tick)

  starts = range(0, len(targets), _CHUNK)
  parts = dict(
    farm.run(
      work,
      starts,
      engine=engine(recipe, path=plugin),
      workers=workers,
      total=len(targets),
      label="eval",
    )
  )
  return {
    row: {m: np.concatenate([parts[s][row][m] for s in starts]) for m in SOUND_METRICS}
    for row in rows
  }


def _cut(rows: Mapping[str, np.ndarray], chunk: slice) -> dict[str, np.ndarray]:
  return {name: c if len(c) == 1 else c[chunk] for name, c in rows.items()}


def _score_chunk(
  host: Host,
  targets: np.ndarray,
  rows: Mapping[str, np.ndarray],
  recipe: Recipe,
  tick: farm.Tick,
) -> Scores:
  """Scores of some sounds; those that the engine fails on are NaN."""
  scores = {row: {m: np.full(len(targets), np.nan) for m in SOUND_METRICS} for row in rows}
  fixed = {name: host.call(play, recipe, c[0]) for name, c in rows.items() if len(c) == 1}

  def do(i: int) -> dict[str, dict[str, float]]:
    estimates = {name: c[i] for name, c in rows.items() if name not in fixed}
    try:
      return host.call(_measure, recipe, targets[i], estimates, fixed)
    except RenderError as error:
      print(f"sound {i} of {len(targets)} has no score: {recipe.engine} failed: {error}")
      return {}

  for i, measured in enumerate(host.steadily(do, range(len(targets)))):
    for row, values in measured.items():
      for metric, value in values.items():
        scores[row][metric][i] = value
    tick()
  return scores


def _measure(
  synth: Synth,
  recipe: Recipe,
  controls: Float[np.ndarray, " d"],
  estimates: Mapping[str, Float[np.ndarray, " d"]],
  fixed: Mapping[str, Float[np.ndarray, " n"]],
) -> dict[str, dict[str, float]]:
  """Row -> metric -> value, of one target: runs where the engine is."""
  target = play(synth, recipe, controls)
  sounds = {row: play(synth, recipe, c) for row, c in estimates.items()}
  return {row: measure(target, sound) for row, sound in {**fixed, **sounds}.items()}
