"""Both patches rendered again, and the distance of their sounds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.loudness import loudness_db, match_loudness
from synthmatch_jax.data.example import Example
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.evaluation.parts import Parts
from synthmatch_jax.evaluation.targets import Target
from synthmatch_jax.metrics import suite
from synthmatch_jax.metrics.suite import Analysis, sound_metrics
from synthmatch_jax.synths import farm
from synthmatch_jax.synths.base import RenderError, Synth
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.play import engine, play

# Sounds that one engine renders before it is made anew, so that results do not depend on the
# number of workers.
CHUNK = 16

# Raised when equal targets and estimates are measured, or kept as parts, in another way.
REVISION = 1

Scores = dict[str, dict[str, Float[np.ndarray, " i"]]]
"""Row -> metric -> one value per sound; NaN where there is none."""


@dataclass(frozen=True, kw_only=True)
class Scored:
  """What was measured.

  Attributes:
    scores: of every row.
    failures: number of a target -> why nothing of it was measured.
    silent: row that answers all targets with one sound -> why that is missing, and its scores.
  """

  scores: Scores
  failures: Mapping[int, str]
  silent: Mapping[str, str]


def score(
  targets: Sequence[Target],
  rows: Mapping[str, Float[np.ndarray, "_ d"]],
  recipe: Recipe,
  *,
  workers: int,
  plugin: str = "",
  parts: Parts | None = None,
) -> Scored:
  """Renders every target and every row's estimate of it, and measures each pair.

  Args:
    targets: what is measured against.
    rows: name -> estimated controls, one per target; or a single one that stands for all.
    recipe: tells engine, note and length.
    workers: sounds rendered at once.
    plugin: path of the engine's plugin, where it is not found by itself.
    parts: what an earlier, interrupted run has finished, and where to keep more.
  """
  parts = parts or Parts()
  # What answers all targets with one patch is one sound for all only where all play one note.
  one_sound = all(t.example is not None and t.note == recipe.note for t in targets)
  shared = {name: c[0] for name, c in rows.items() if len(c) == 1 and one_sound}
  single = {
    name: np.broadcast_to(c, (len(targets), c.shape[1]))
    for name, c in rows.items()
    if name not in shared
  }

  def work(start: int, host: Host, tick: farm.Tick) -> tuple[int, Scored]:
    chunk = slice(start, start + CHUNK)
    cut = {name: c[chunk] for name, c in single.items()}
    return start, _score_chunk(host, targets[chunk], cut, shared, recipe, tick)

  starts = range(0, len(targets), CHUNK)
  kept = {start: part for start in starts if (part := parts.load(start)) is not None}
  # What failed is tried again: its cause may have been mended.
  done = {s: part for s, part in kept.items() if part["failures"] == part.get("silent") == {}}
  missing = [start for start in starts if start not in done]
  jobs = farm.run(
    work,
    missing,
    engine=engine(recipe, path=plugin),
    workers=workers,
    total=sum(len(targets[start : start + CHUNK]) for start in missing),
    label="eval",
  )
  for start, part in jobs:
    done[start] = vars(part)
    parts.save(start, {**done[start], "scores": _plain(part.scores)})
  silent = {row: why for s in starts for row, why in done[s]["silent"].items()}
  for row, why in silent.items():
    print(f"the row {row} lacks scores: {why}")
  names = sound_metrics(recipe.mel.sample_rate)
  return Scored(
    scores={
      row: {m: np.concatenate([done[s]["scores"][row][m] for s in starts]) for m in names}
      for row in rows
    },
    failures={s + int(i): why for s in starts for i, why in done[s]["failures"].items()},
    silent=silent,
  )


def render(
  targets: Sequence[Target],
  rows: Mapping[str, Float[np.ndarray, "i d"]],
  recipe: Recipe,
  *,
  use: Callable[[int, Mapping[str, Float[np.ndarray, " n"]]], None],
  workers: int,
  plugin: str = "",
) -> None:
  """Renders some targets and every row's estimate of them, to be heard.

  Args:
    targets: see `score`.
    rows: name -> estimated controls, one per target.
    recipe: see `score`.
    use: called as `use(number, sounds)`, in some order; `sounds` has "target" and every row.
    workers: see `score`.
    plugin: see `score`.

  What the engine fails on is left out.
  """

  def work(i: int, host: Host, tick: farm.Tick) -> tuple[int, dict[str, np.ndarray]]:
    try:
      sounds = host.call(_sounds, recipe, targets[i], {row: c[i] for row, c in rows.items()})
    except RenderError:
      sounds = {}
    tick()
    return i, sounds

  for i, sounds in farm.run(
    work,
    range(len(targets)),
    engine=engine(recipe, path=plugin),
    workers=workers,
    total=len(targets),
    label="page",
  ):
    if sounds:
      use(i, sounds)


def _score_chunk(
  host: Host,
  targets: Sequence[Target],
  single: Mapping[str, Float[np.ndarray, "i d"]],
  shared: Mapping[str, Float[np.ndarray, " d"]],
  recipe: Recipe,
  tick: farm.Tick,
) -> Scored:
  """Scores of some sounds; those that the engine fails on are NaN."""
  metrics = sound_metrics(recipe.mel.sample_rate)
  scores = {row: {m: np.full(len(targets), np.nan) for m in metrics} for row in (*shared, *single)}
  failures: dict[int, str] = {}
  silent: dict[str, str] = {}

  def once(name: str) -> Float[np.ndarray, " n"] | None:
    try:
      return host.call(play, recipe, Example(controls=shared[name], note=recipe.note))
    except RenderError as error:
      silent[name] = f"{recipe.engine} failed: {error}"
      return None

  sounds = list(host.steadily(once, shared))
  fixed = {
    name: suite.analyse(sound, metrics)
    for name, sound in zip(shared, sounds, strict=True)
    if sound is not None
  }

  def do(i: int) -> dict[str, dict[str, float]] | str:
    try:
      return host.call(
        _measure, recipe, targets[i], {row: c[i] for row, c in single.items()}, fixed
      )
    except RenderError as error:
      return str(error)

  for i, measured in enumerate(host.steadily(do, range(len(targets)))):
    if isinstance(measured, str):
      failures[i] = f"{recipe.engine} failed: {measured}"
      print(f"{targets[i].name} has no score: {failures[i]}")
    else:
      for row, values in measured.items():
        for metric, value in values.items():
          scores[row][metric][i] = value
    tick()
  return Scored(scores=scores, failures=failures, silent=silent)


def _measure(
  synth: Synth,
  recipe: Recipe,
  target: Target,
  estimates: Mapping[str, Float[np.ndarray, " d"]],
  fixed: Mapping[str, Analysis],
) -> dict[str, dict[str, float]]:
  """Row -> metric -> value, of one target: runs where the engine is."""
  metrics = sound_metrics(recipe.mel.sample_rate)
  sounds = _sounds(synth, recipe, target, estimates).items()
  analyses = {**fixed, **{name: suite.analyse(sound, metrics) for name, sound in sounds}}
  wanted = analyses.pop("target")
  return {row: suite.compare(wanted, one, metrics) for row, one in analyses.items()}


def _sounds(
  synth: Synth,
  recipe: Recipe,
  target: Target,
  estimates: Mapping[str, Float[np.ndarray, " d"]],
) -> dict[str, Float[np.ndarray, " n"]]:
  """The target and its estimates: runs where the engine is."""
  wanted = target.heard.audio if target.heard else play(synth, recipe, target.known)
  answers = {
    row: play(synth, recipe, Example(controls=controls, note=target.note))
    for row, controls in estimates.items()
  }
  if target.heard:
    rate = recipe.mel.sample_rate
    level_db = loudness_db(wanted, rate)
    answers = {row: match_loudness(answer, level_db, rate) for row, answer in answers.items()}
  return {"target": wanted, **answers}


def _plain(scores: Scores) -> dict[str, dict[str, list[float]]]:
  return {row: {m: v.tolist() for m, v in metrics.items()} for row, metrics in scores.items()}
