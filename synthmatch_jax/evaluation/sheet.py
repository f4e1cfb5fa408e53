"""The sheet of an evaluation: which row answers which target how, and how near it comes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.evaluation.material import Material
from synthmatch_jax.metrics import patches
from synthmatch_jax.metrics.suite import sound_metrics

_GROUPS = {
  "pitch": ((48, 60, 72, 84), ("below C3", "C3 to B3", "C4 to B4", "C5 to B5", "C6 and above")),
  "hold_seconds": ((0.25, 1.0), ("held below 0.25 s", "held 0.25 to 1 s", "held 1 s and longer")),
}
"""A value of a note -> where its groups begin, from the second on, and their names."""

Scores = dict[str, dict[str, Float[np.ndarray, " i"]]]
"""Row -> metric -> one value for each target; NaN where there is none."""


@dataclass(frozen=True, kw_only=True)
class Line:
  """What was found for one target, ready for JSON.

  Attributes:
    answers: Row -> the controls that it answers with.
    distances: Row -> metric -> the distance of its sound; None where the metric has no meaning. A
      row that could not be measured is not among them.
    reasons: Row -> why it could not be measured.
    held: How long the target is held, in seconds; None where nothing could be measured.
  """

  answers: Mapping[str, Sequence[float]]
  distances: Mapping[str, Mapping[str, float | None]]
  reasons: Mapping[str, str]
  held: float | None = None


@dataclass(frozen=True, kw_only=True)
class Sheet:
  """A table of targets and rows, filled with answers and their scores.

  Attributes:
    material: The targets.
    recipe: The recipe of the data set that the model was trained on.
    rows: Row -> a phrase that says what it answers with, in the order of tables.
    lines: The line of each target, in the order of the targets.
    facts: How it was measured, ready for JSON.
  """

  material: Material
  recipe: Recipe
  rows: Mapping[str, str]
  lines: Sequence[Line]
  facts: Mapping[str, Any] = field(default_factory=dict)

  @cached_property
  def answers(self) -> dict[str, Float[np.ndarray, "i d"]]:
    """The controls of each row's answers; the order is that of rendering."""
    names = self.lines[0].answers
    return {n: np.array([line.answers[n] for line in self.lines], np.float32) for n in names}

  @cached_property
  def scores(self) -> Scores:
    """The distances of sounds and, where the true controls are known, the errors of controls."""
    true, space = self.material.controls, self.recipe.space
    errors = {
      row: {} if true is None else patches.measure(true, controls, space)
      for row, controls in self.answers.items()
    }
    distances = gather(self.lines, list(sound_metrics(self.recipe.mel.sample_rate)))
    return {row: metrics | errors[row] for row, metrics in distances.items()}

  @property
  def groups(self) -> dict[str, Bool[np.ndarray, " i"]]:
    """The name of each group of targets that is summed up by itself -> who belongs to it.

    These are the families and, where the notes of the data set vary, registers and lengths.
    """
    targets = self.material.targets
    family = np.array([target.family for target in targets])
    found = {name: family == name for name in sorted({*family.tolist()} - {""})}
    if self.recipe.notes is not None:
      for value, (bounds, names) in _GROUPS.items():
        place = np.digitize([getattr(target.note, value) for target in targets], bounds)
        found |= {name: place == i for i, name in enumerate(names)}
    return {name: members for name, members in found.items() if members.any()}

  @property
  def failures(self) -> dict[str, str]:
    """The name of each target of which nothing could be measured -> why."""
    lines = zip(self.material.targets, self.lines, strict=True)
    lost = {t.name: next(iter(line.reasons.values())) for t, line in lines if not line.distances}
    return {**self.material.failures, **lost}

  @property
  def missing(self) -> dict[str, dict[str, str]]:
    """Row -> the name of each target whose scores it alone, or with a few others, lacks -> why."""
    found: dict[str, dict[str, str]] = {}
    for target, line in zip(self.material.targets, self.lines, strict=True):
      for row, why in line.reasons.items() if line.distances else ():
        found.setdefault(row, {})[target.name] = why
    return found


def gather(lines: Sequence[Line], metrics: Sequence[str]) -> Scores:
  """Turns the lines of all targets into an array for each row and metric."""
  found: Scores = {}
  for row in lines[0].answers:
    of_row = [line.distances.get(row, {}) for line in lines]
    found[row] = {m: np.array([one.get(m) for one in of_row], np.float64) for m in metrics}
  return found
