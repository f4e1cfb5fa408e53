"""How the candidates of a row become its answer to a target: by ear, on the engine at hand."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax import selection
from synthmatch_jax.audio.loudness import SILENT_PEAK, loudness_db, match_loudness
from synthmatch_jax.data.example import Example
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.evaluation.targets import Target
from synthmatch_jax.metrics.suite import sound_metrics
from synthmatch_jax.synths import play
from synthmatch_jax.synths.base import RenderError, Synth
from synthmatch_jax.synths.hosts import Host

_ALIKE = 1.1  # The share of the nearest distance up to which another sound is as near.

Settle = Callable[[Host, Recipe, Target, Sequence[Example]], Example]
"""Makes the candidates for one target into the answer; it may render as much as it needs."""


def nearest(host: Host, recipe: Recipe, target: Target, candidates: Sequence[Example]) -> Example:
  """Returns the candidate that sounds nearest to the target (see `selection.nearest`).

  Raises:
    RenderError: The engine fails on every candidate.
  """
  if len(candidates) == 1:
    return candidates[0]
  return _ranked(host, recipe, target, candidates)[0][0]


def other(host: Host, recipe: Recipe, target: Target, candidates: Sequence[Example]) -> Example:
  """Returns the candidate that sounds as near as the nearest one, and whose patch differs most.

  As near are those that are farther by a tenth at most; what differs is the patch that is heard.

  Raises:
    RenderError: The engine fails on every candidate.
  """
  ranked = _ranked(host, recipe, target, candidates)
  alike = [one.controls for one, distance in ranked if distance <= _ALIKE * ranked[0][1]]
  apart = selection.apart(np.stack(alike), alike[0], recipe.space)
  return Example(controls=alike[int(np.argmax(apart))], note=target.note)


def _ranked(
  host: Host, recipe: Recipe, target: Target, candidates: Sequence[Example]
) -> list[tuple[Example, float]]:
  """Returns candidates and their distances, the nearest first; infinite for what is silent.

  Raises:
    RenderError: The engine fails on every candidate.
  """
  numbered = {str(i): candidate for i, candidate in enumerate(candidates)}
  found, reasons = each(host, _rank, recipe, target, numbered)
  if not found:
    raise RenderError(next(iter(reasons.values())))
  distances, silent = (np.array(column) for column in zip(*found.values(), strict=True))
  heard = np.where(silent, np.inf, distances)
  order = selection.nearest(distances, silent)
  return [(numbered[list(found)[i]], float(heard[i])) for i in order]


def each(
  host: Host,
  task: Callable[..., Any],
  recipe: Recipe,
  target: Target,
  answers: Mapping[str, Example],
) -> tuple[dict[str, Any], dict[str, str]]:
  """Does a task with several answers to a target, so that one which fails costs no other.

  It is done for all answers at once and, if the engine fails on that, for each by itself.

  Returns:
    What is found for each answer, and why nothing is found for the others.
  """
  try:
    return (host.call(task, recipe, target, answers) if answers else {}), {}
  except RenderError:
    found: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for name, answer in answers.items():
      try:
        found |= host.call(task, recipe, target, {name: answer})
      except RenderError as error:
        reasons[name] = str(error)
    return found, reasons


def _rank(
  synth: Synth, recipe: Recipe, target: Target, candidates: Mapping[str, Example]
) -> dict[str, tuple[float, bool]]:
  """Returns each distance by `RANKED_BY`, and whether it is silent; runs where the engine is."""
  rate = recipe.mel.sample_rate
  metric = sound_metrics(rate)[selection.RANKED_BY]
  played = sounds(synth, recipe, target, candidates)
  wanted = played.pop("target")
  return {
    name: (metric(wanted, sound), bool(np.abs(sound).max() < SILENT_PEAK))
    for name, sound in played.items()
  }


def sounds(
  synth: Synth, recipe: Recipe, target: Target, answers: Mapping[str, Example]
) -> dict[str, Float[np.ndarray, " n"]]:
  """Returns the target and the answers to it; runs where the engine is."""
  wanted = play.play(synth, recipe, target.known) if target.audio is None else target.audio
  played = {row: play.play(synth, recipe, answer) for row, answer in answers.items()}
  if target.audio is not None:
    rate = recipe.mel.sample_rate
    level_db = loudness_db(wanted, rate)
    played = {row: match_loudness(sound, level_db, rate) for row, sound in played.items()}
  return {"target": wanted, **played}
