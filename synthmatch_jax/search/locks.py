"""What a search leaves alone: controls that stay as they are, or as a person says."""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces.discrete import Choice, Integer, Switch
from synthmatch_jax.spaces.parameters import Parameter
from synthmatch_jax.spaces.space import ParameterSpace

_WORDS = {"on": 1, "1": 1, "off": 0, "0": 0}


@dataclass(frozen=True, kw_only=True)
class Locks:
  """Parameters that stay.

  Attributes:
    held: Parameter -> where it lies in the controls, and its controls; None for those of the start.
  """

  held: Mapping[str, tuple[slice, Any]] = field(default_factory=dict)

  @classmethod
  def parse(cls, texts: Sequence[str], space: ParameterSpace) -> "Locks":
    """What a person writes, for each parameter NAME or NAME=VALUE, in the synth's own terms.

    Raises:
      UserError: The space has no such parameter, a value is none of its values, or two texts
        contradict each other.
    """
    known = {parameter.name: parameter for parameter in space.parameters}
    said: dict[str, str | None] = {}
    held: dict[str, tuple[slice, Any]] = {}
    for text in texts:
      name, given, value = (part.strip() for part in text.partition("="))
      if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        advice = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
        raise UserError(f"nothing to lock: the space {space.name} has no {name!r}; {advice}")
      told = value if given else None
      if name in said and said[name] != told:
        raise UserError(f"{name} is locked twice, to different values: lock it once")
      said[name] = told
      locked = None if told is None else known[name].encode(_value(known[name], told))
      held[name] = space.slices[name], locked
    return cls(held=held)

  @property
  def names(self) -> frozenset[str]:
    """The parameters that stay."""
    return frozenset(self.held)

  def at(self, start: Float[np.ndarray, " d"]) -> "Locks":
    """The same, where what has no value yet has that of the start."""
    held = {
      name: (part, start[part] if value is None else value)
      for name, (part, value) in self.held.items()
    }
    return Locks(held=held)

  def hold(self, controls: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
    """The controls, with what is locked at its values."""
    found = controls.astype(np.float32)
    for part, value in self.held.values():
      if value is not None:
        found[part] = value
    return found


NONE = Locks()
"""Everything is free."""


def _value(parameter: Parameter, text: str) -> Any:
  """The value of a parameter that a text says.

  Raises:
    UserError: It has no such value.
  """
  refusal = UserError(f"{parameter.name} cannot be locked to {text!r}: it has {parameter.span}")
  if isinstance(parameter, Choice):
    if text not in parameter.options:
      raise refusal
    return text
  if isinstance(parameter, Switch):
    if text.lower() not in _WORDS:
      raise refusal
    return _WORDS[text.lower()]
  try:
    number = float(text)
  except ValueError:
    raise refusal from None
  low, high = getattr(parameter, "low", -math.inf), getattr(parameter, "high", math.inf)
  whole = not isinstance(parameter, Integer) or number.is_integer()
  if not low <= number <= high or not whole:
    raise refusal
  return number
