"""Which parameters become controls, and what is said of the others."""

from collections.abc import Mapping, Sequence
from typing import Any

from synthmatch_jax.errors import UserError
from synthmatch_jax.probing.audible import Audibility
from synthmatch_jax.probing.survey import MIN_STEPS, Parameter, Survey
from synthmatch_jax.spaces.massive16 import TABLE_1
from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.synths.description import Description

MOST = 16
"""Controls in a first choice; as many as in the paper."""

HALF_STEP = 0.5 / (MIN_STEPS - 1)
"""A value read back that far from the value set may be rounded to a step; farther, it is not."""


def named(survey: Survey, names: Sequence[str]) -> tuple[Parameter, ...]:
  """Parameters that the user names.

  Raises:
    UserError: there is no such parameter, one is named twice, or is a choice.
  """
  if len(set(names)) != len(names):
    raise UserError(f"--controls names a parameter twice: {', '.join(names)}")
  chosen = tuple(survey.parameter(name) for name in names)
  for parameter in chosen:
    if not parameter.continuous:
      raise UserError(
        f"{parameter.name} cannot be a control: it has {parameter.steps} steps, from"
        f" {parameter.lowest} to {parameter.highest}; controls are continuous"
      )
  return chosen


def fixed(
  survey: Survey, known: Description | None, names: Sequence[str]
) -> tuple[Continuous, ...] | None:
  """Controls that need no listening: the user's, an earlier probe's, or the paper's 16.

  Raises:
    UserError: the plugin lacks one of them.
  """
  if names:
    return tuple(_control(p) for p in named(survey, names))
  if known is not None:
    for control in known.controls:
      survey.parameter(control.name)
    return known.controls
  if all(any(p.name == name for p in survey.parameters) for name in TABLE_1):
    return tuple(_control(survey.parameter(name)) for name in TABLE_1)
  return None


def audible(survey: Survey, audibility: Audibility) -> tuple[Continuous, ...]:
  """The parameters that are heard best, at most 16, in the plugin's order.

  Raises:
    UserError: none is heard.
  """
  heard = audibility.heard
  fit = [
    p
    for p in survey.parameters
    if p.name in heard
    and p.candidate
    and heard[p.name].change_db >= audibility.threshold_db
    and heard[p.name].deviation <= HALF_STEP
  ]
  if not fit:
    raise UserError(
      f"no continuous parameter of {survey.title} is heard in its base state; give it another"
      " with --base_preset or --edit, or name controls with --controls"
    )
  best = sorted(fit, key=lambda p: -heard[p.name].change_db)[:MOST]
  return tuple(_control(p) for p in fit if p in best)


def others(
  survey: Survey, audibility: Audibility, chosen: Sequence[Continuous]
) -> tuple[Mapping[str, Any], ...]:
  """The parameters that are no controls, written as if they were: a line can be moved."""
  names = {control.name for control in chosen}
  rest = [p for p in survey.parameters if p.name not in names]
  return tuple(
    {
      "name": p.name,
      "meaning": _about(p, audibility),
      "unit": p.unit,
      "low": 0.0,
      "high": 1.0,
      "curve": "linear",
    }
    for p in rest
  )


def _control(parameter: Parameter) -> Continuous:
  meaning = TABLE_1.get(parameter.name) or (
    f"{parameter.title}, from {parameter.lowest} to {parameter.highest}"
  )
  return Continuous(name=parameter.name, meaning=meaning, unit=parameter.unit)


def _about(parameter: Parameter, audibility: Audibility) -> str:
  heard = audibility.heard.get(parameter.name)
  kind = "" if parameter.continuous else ", a choice"
  sound = "not tried"
  if heard is not None:
    sound = heard.error or f"heard by {heard.change_db:.2f} dB"
  return (
    f"{parameter.title}, from {parameter.lowest} to {parameter.highest}: {sound},"
    f" {parameter.steps} steps{kind}, default {parameter.default:.3f}"
  )
