"""Chooses the parameters that become controls, and describes the others."""

from collections.abc import Mapping, Sequence
from typing import Any

from synthmatch_jax.errors import UserError
from synthmatch_jax.probing.audible import Audibility
from synthmatch_jax.probing.inventory import Inventory
from synthmatch_jax.probing.plugin_parameter import MIN_STEPS, PluginParameter
from synthmatch_jax.spaces.massive16 import TABLE_1
from synthmatch_jax.spaces.parameters import Continuous, Parameter
from synthmatch_jax.spaces.space import parameter_to_dict
from synthmatch_jax.synths.description import Description

MOST = 16
"""The number of controls in a first choice, which is the paper's."""

HALF_STEP = 0.5 / (MIN_STEPS - 1)
"""The largest distance of a value read back that a rounding to steps can explain."""


def named(inventory: Inventory, names: Sequence[str]) -> tuple[PluginParameter, ...]:
  """Returns the parameters that the user names.

  Raises:
    UserError: There is no such parameter, or one is named twice or can be no control.
  """
  if len(set(names)) != len(names):
    raise UserError(f"--controls names a parameter twice: {', '.join(names)}")
  chosen = tuple(inventory.parameter(name) for name in names)
  for parameter in chosen:
    if parameter.control("") is None:
      raise UserError(
        f"{parameter.name} cannot be a control: it has {parameter.steps} steps, from"
        f" {parameter.lowest} to {parameter.highest}, which are not at even distances, share a name"
        " or are too many"
      )
  return chosen


def fixed(
  inventory: Inventory, known: Description | None, names: Sequence[str]
) -> tuple[Parameter, ...] | None:
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


def best_heard(
  inventory: Inventory, audibility: Audibility, *, most: int = MOST
) -> tuple[Parameter, ...]:
  """Returns the parameters that are heard best, at most `most`, in the plugin's order.

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
      f"no parameter of {inventory.title} is heard in its base state; give it another"
      " with --base_preset or --edit, or name controls with --controls"
    )
  best = sorted(fit, key=lambda p: -heard[p.name].change_db)[:most]
  return tuple(_control(p) for p in fit if p in best)


def others(
  inventory: Inventory, audibility: Audibility, chosen: Sequence[Parameter]
) -> tuple[Mapping[str, Any], ...]:
  """Returns the other parameters in the form of controls, so that people can move them over."""
  names = {control.name for control in chosen}
  rest = [(p, _about(p, audibility)) for p in inventory.parameters if p.name not in names]
  return tuple(
    parameter_to_dict(p.control(text) or Continuous(name=p.name, meaning=text, unit=p.unit))
    for p, text in rest
  )


def _control(parameter: PluginParameter) -> Parameter:
  made = parameter.control(
    TABLE_1.get(parameter.name)
    or f"{parameter.title}, from {parameter.lowest} to {parameter.highest}"
  )
  assert made is not None, "it was chosen among those that can be controls"
  return made


def _about(parameter: PluginParameter, audibility: Audibility) -> str:
  heard = audibility.heard.get(parameter.name)
  kind = ", no control" if parameter.control("") is None else ""
  sound = "not tried"
  if heard is not None:
    sound = heard.error or f"heard by {heard.change_db:.2f} dB"
  return (
    f"{parameter.title}, from {parameter.lowest} to {parameter.highest}: {sound},"
    f" {parameter.steps} steps{kind}, default {parameter.default:.3f}"
  )
