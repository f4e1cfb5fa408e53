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
from synthmatch_jax.metrics.suite import sound_metrics
from synthmatch_jax.synths import farm
from synthmatch_jax.synths.base import RenderError, Synth
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.play import engine, play

# Sounds that one engine renders before it is made anew, so that results do not depend on the
# number of workers.
CHUNK = 16

# Raised when equal targets and estimates are measured, or kept as parts, in another way.
REVISION = 2

Scores = dict[str, dict[str, Float[np.ndarray, " i"]]]
"""Row -> metric -> one value per sound; NaN where there is none."""


@dataclass(frozen=True, kw_only=True)
class Scored:
  """What was measured.

  Attributes:
    scores: the scores of every row.
    failures: number of a target -> why nothing of it was measured.
    missing: row -> number of a target -> why this row's answer alone was not measured.
  """

  scores: Scores
  failures: Mapping[int, str]
  missing: Mapping[str, Mapping[int, str]]


def score(
  targets: Sequence[Target],
  rows: Mapping[str, Float[np.ndarray, "i d"]],
  recipe: Recipe,
  *,
  workers: int,
  plugin: str = "",
  parts: Parts | None = None,
) -> Scored:
  """Renders every target and every row's estimate of it, and measures each pair.

  Args:
    targets: what is measured against.
    rows: name -> estimated controls, one per target.
    recipe: the recipe of the data set; tells engine and length.
    workers: number of sounds rendered at once.
    plugin: path of the engine's plugin, where it is not found by itself.
    parts: what an earlier, interrupted run has finished, and where to keep more.
  """
  parts = parts or Parts()

  def work(start: int, host: Host, tick: farm.Tick) -> tuple[int, Scored]:
    chunk = slice(start, start + CHUNK)
    cut = {name: controls[chunk] for name, controls in rows.items()}
    return start, _score_chunk(host, targets[chunk], cut, recipe, tick)

  starts = range(0, len(targets), CHUNK)
  kept = {start: part for start in starts if (part := parts.load(start)) is not None}
  # What failed is tried again: its cause may have been mended.
  done = {start: part for start, part in kept.items() if not part["failures"] | part["missing"]}
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
  found: dict[str, dict[int, str]] = {}
  for start in starts:
    for row, reasons in done[start]["missing"].items():
      found.setdefault(row, {}).update({start + int(i): why for i, why in reasons.items()})
  for row, reasons in found.items():
    why = next(iter(reasons.values()))
    print(f"the row {row} lacks {len(reasons)} of {len(targets)} scores: {why}")
  names = sound_metrics(recipe.mel.sample_rate)
  return Scored(
    scores={
      row: {m: np.concatenate([done[s]["scores"][row][m] for s in starts]) for m in names}
      for row in rows
    },
    failures={s + int(i): why for s in starts for i, why in done[s]["failures"].items()},
    missing=found,
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
  rows: Mapping[str, Float[np.ndarray, "i d"]],
  recipe: Recipe,
  tick: farm.Tick,
) -> Scored:
  """Scores of some sounds; those that the engine fails on are NaN."""
  metrics = sound_metrics(recipe.mel.sample_rate)
  scores = {row: {m: np.full(len(targets), np.nan) for m in metrics} for row in rows}
  failures: dict[int, str] = {}
  missing: dict[str, dict[int, str]] = {}

  def do(i: int) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    estimates = {row: controls[i] for row, controls in rows.items()}
    return _measured(host, recipe, targets[i], estimates)

  for i, (measured, reasons) in enumerate(host.steadily(do, range(len(targets)))):
    for row, values in measured.items():
      for metric, value in values.items():
        scores[row][metric][i] = value
    if reasons and not measured:
      failures[i] = next(iter(reasons.values()))
      print(f"{targets[i].name} has no score: {failures[i]}")
    else:
      for row, why in reasons.items():
        missing.setdefault(row, {})[i] = why
    tick()
  return Scored(scores=scores, failures=failures, missing=missing)


def _measured(
  host: Host,
  recipe: Recipe,
  target: Target,
  estimates: Mapping[str, Float[np.ndarray, " d"]],
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
  """Row -> metric -> value, of one target; and row -> why it has none.

  All rows at once, and where the engine fails on that, each by itself: one costs no other.
  """
  try:
    return host.call(_measure, recipe, target, estimates), {}
  except RenderError:
    measured: dict[str, dict[str, float]] = {}
    reasons: dict[str, str] = {}
    for row, controls in estimates.items():
      try:
        measured |= host.call(_measure, recipe, target, {row: controls})
      except RenderError as error:
        reasons[row] = f"{recipe.engine} failed: {error}"
    return measured, reasons


def _measure(
  synth: Synth,
  recipe: Recipe,
  target: Target,
  estimates: Mapping[str, Float[np.ndarray, " d"]],
) -> dict[str, dict[str, float]]:
  """Row -> metric -> value, of one target: runs where the engine is."""
  metrics = sound_metrics(recipe.mel.sample_rate)
  sounds = _sounds(synth, recipe, target, estimates).items()
  analyses = {name: suite.analyse(sound, metrics) for name, sound in sounds}
  wanted = analyses.pop("target")
  return {row: suite.compare(wanted, one, metrics) for row, one in analyses.items()}


def _sounds(
  synth: Synth,
  recipe: Recipe,
  target: Target,
  estimates: Mapping[str, Float[np.ndarray, " d"]],
) -> dict[str, Float[np.ndarray, " n"]]:
  """The target and its estimates: runs where the engine is."""
  wanted = play(synth, recipe, target.known) if target.audio is None else target.audio
  answers = {
    row: play(synth, recipe, Example(controls=controls, note=target.note))
    for row, controls in estimates.items()
  }
  if target.audio is not None:
    rate = recipe.mel.sample_rate
    level_db = loudness_db(wanted, rate)
    answers = {row: match_loudness(answer, level_db, rate) for row, answer in answers.items()}
  return {"target": wanted, **answers}


def _plain(scores: Scores) -> dict[str, dict[str, list[float]]]:
  return {row: {m: v.tolist() for m, v in metrics.items()} for row, metrics in scores.items()}
