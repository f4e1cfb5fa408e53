"""Chooses the parameters that become controls, and describes the others."""

from collections.abc import Mapping, Sequence
from typing import Any

from synthmatch_jax.errors import UserError
from synthmatch_jax.probing.audible import Audibility
from synthmatch_jax.probing.inventory import MIN_STEPS, Inventory, PluginParameter
from synthmatch_jax.spaces.massive16 import TABLE_1
from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.synths.description import Description

MOST = 16
"""The number of controls in a first choice, which is the paper's."""

HALF_STEP = 0.5 / (MIN_STEPS - 1)
"""The largest distance of a value read back that a rounding to steps can explain."""


def named(inventory: Inventory, names: Sequence[str]) -> tuple[PluginParameter, ...]:
  """Returns the parameters that the user names.

  Raises:
    UserError: There is no such parameter, or one is named twice or is a choice.
  """
  if len(set(names)) != len(names):
    raise UserError(f"--controls names a parameter twice: {', '.join(names)}")
  chosen = tuple(inventory.parameter(name) for name in names)
  for parameter in chosen:
    if not parameter.continuous:
      raise UserError(
        f"{parameter.name} cannot be a control: it has {parameter.steps} steps, from"
        f" {parameter.lowest} to {parameter.highest}; controls are continuous"
      )
  return chosen


def fixed(
  inventory: Inventory, known: Description | None, names: Sequence[str]
) -> tuple[Continuous, ...] | None:
  """Returns the controls that need no listening: the user's, an earlier probe's, or the paper's 16.

  Raises:
    UserError: The plugin lacks one of them.
  """
  if names:
    return tuple(_control(p) for p in named(inventory, names))
  if known is not None:
    for control in known.controls:
      inventory.parameter(control.name)
    return known.controls
  if all(any(p.name == name for p in inventory.parameters) for name in TABLE_1):
    return tuple(_control(inventory.parameter(name)) for name in TABLE_1)
  return None


def best_heard(inventory: Inventory, audibility: Audibility) -> tuple[Continuous, ...]:
  """Returns the parameters that are heard best, at most 16, in the plugin's order.

  Raises:
    UserError: None is heard.
  """
  heard = audibility.heard
  fit = [
    p
    for p in inventory.parameters
    if p.name in heard
    and p.candidate
    and heard[p.name].change_db >= audibility.threshold_db
    and heard[p.name].deviation <= HALF_STEP
  ]
  if not fit:
    raise UserError(
      f"no continuous parameter of {inventory.title} is heard in its base state; give it another"
      " with --base_preset or --edit, or name controls with --controls"
    )
  best = sorted(fit, key=lambda p: -heard[p.name].change_db)[:MOST]
  return tuple(_control(p) for p in fit if p in best)


def others(
  inventory: Inventory, audibility: Audibility, chosen: Sequence[Continuous]
) -> tuple[Mapping[str, Any], ...]:
  """Returns the other parameters in the form of controls, so that people can move them over."""
  names = {control.name for control in chosen}
  rest = [p for p in inventory.parameters if p.name not in names]
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


def _control(parameter: PluginParameter) -> Continuous:
  meaning = TABLE_1.get(parameter.name) or (
    f"{parameter.title}, from {parameter.lowest} to {parameter.highest}"
  )
  return Continuous(name=parameter.name, meaning=meaning, unit=parameter.unit)


def _about(parameter: PluginParameter, audibility: Audibility) -> str:
  heard = audibility.heard.get(parameter.name)
  kind = "" if parameter.continuous else ", a choice"
  sound = "not tried"
  if heard is not None:
    sound = heard.error or f"heard by {heard.change_db:.2f} dB"
  return (
    f"{parameter.title}, from {parameter.lowest} to {parameter.highest}: {sound},"
    f" {parameter.steps} steps{kind}, default {parameter.default:.3f}"
  )
