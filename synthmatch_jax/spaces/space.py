"""A parameter space: ordered parameters, and the way between patches and control vectors."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces.parameters import Continuous, require_text

_MOST_PARAMETERS = 4096

Patch = dict[str, float]
"""Settings in the synth's own terms: parameter name -> value in the parameter's unit."""


@dataclass(frozen=True, kw_only=True)
class Swap:
  """Two groups of controls that can change places without a change of the sound.

  Attributes:
    pairs: of a control with its counterpart, e.g. ("osc1_amp", "osc2_amp").
    where: control -> the value, in [0, 1], at which the swap holds. An oscillator without a
      pitch control of its own can change places with one that has one only where that is at
      unison.
    tolerance: how far from these values it still holds.
  """

  pairs: tuple[tuple[str, str], ...]
  where: Mapping[str, float] = field(default_factory=dict)
  tolerance: float = 0.0


@dataclass(frozen=True)
class ParameterSpace:
  """Ordered parameters of one synth.

  Controls are float32 in [0, 1], patches are Python floats: `encode(decode(controls))` gives
  back every control to the last bit.

  Attributes:
    name: e.g. "massive16/vital".
    parameters: their order is the order of the control vector.
    swaps: symmetries of the synth, of which an evaluation takes account.
  """

  name: str
  parameters: tuple[Continuous, ...]
  swaps: tuple[Swap, ...] = ()

  def __post_init__(self):
    require_text("the name of a space", self.name)
    if not self.parameters:
      raise ValueError(f"space {self.name} has no parameters")
    if len(self.parameters) > _MOST_PARAMETERS:
      raise ValueError(f"space {self.name} has more than {_MOST_PARAMETERS} parameters")
    if len(set(self.names)) != len(self.names):
      raise ValueError(f"space {self.name} has two parameters of one name")

  @cached_property
  def names(self) -> tuple[str, ...]:
    """Parameter names, in order."""
    return tuple(p.name for p in self.parameters)

  @property
  def dim(self) -> int:
    """Length of the control vector."""
    return len(self.parameters)

  @cached_property
  def slices(self) -> dict[str, slice]:
    """Where each parameter lies in the control vector."""
    return {name: slice(i, i + 1) for i, name in enumerate(self.names)}

  @property
  def gates(self) -> dict[str, str]:
    """Parameter -> the one it is heard with, where the space has both."""
    return {p.name: p.heard_with for p in self.parameters if p.heard_with in self.names}

  def decode(self, controls: Float[np.ndarray, " d"] | Sequence[float]) -> Patch:
    """Patch of a control vector; controls outside [0, 1] are clamped."""
    if len(controls) != self.dim:
      raise ValueError(f"{len(controls)} controls for the {self.dim} of space {self.name}")
    pairs = zip(self.parameters, controls, strict=True)
    return {p.name: p.decode(float(control)) for p, control in pairs}

  def encode(self, patch: Mapping[str, float]) -> Float[np.ndarray, " d"]:
    """Control vector (float32) of a patch.

    Raises:
      UserError: a parameter of the space is missing in the patch, or the patch has others.
    """
    if set(patch) != set(self.names):
      missing, unknown = (
        sorted(set(self.names) - set(patch)),
        sorted(set(patch) - set(self.names)),
      )
      raise UserError(
        f"the patch does not fit the space {self.name}: missing {missing}, unknown {unknown}"
      )
    return np.array([p.encode(patch[p.name]) for p in self.parameters], np.float32)

  def difference(self, other: "ParameterSpace") -> str:
    """Where the controls of two spaces mean different things, in words; empty if nowhere."""
    if self.names != other.names:
      apart = sorted(set(self.names) ^ set(other.names))
      return f"the parameters {', '.join(apart[:5])}" if apart else "the order of the parameters"
    for one, two in zip(self.parameters, other.parameters, strict=True):
      if one.effective != two.effective:
        (_, *mine), (name, *theirs) = one.effective, two.effective
        return "{}, {:g} to {:g} ({}) and {:g} to {:g} ({})".format(name, *mine, *theirs)
    return ""

  def to_dict(self) -> dict[str, Any]:
    """The space as JSON-ready data."""
    parameters = [dataclasses.asdict(p) for p in self.parameters]
    swaps = [dataclasses.asdict(swap) for swap in self.swaps]
    return {"name": self.name, "parameters": parameters} | ({"swaps": swaps} if swaps else {})

  @classmethod
  def from_dict(cls, data: Mapping[str, Any]) -> "ParameterSpace":
    """Inverse of `to_dict`.

    Raises:
      ValueError, TypeError, KeyError: the data is no space.
    """
    swaps = (
      Swap(**swap | {"pairs": tuple(tuple(pair) for pair in swap["pairs"])})
      for swap in data.get("swaps", ())
    )
    parameters = tuple(Continuous(**p) for p in data["parameters"])
    return cls(data["name"], parameters, tuple(swaps))
