"""A parameter space: ordered parameters, and the way between patches and control vectors."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces.conditions import Condition
from synthmatch_jax.spaces.discrete import Choice, Integer, Switch
from synthmatch_jax.spaces.parameters import Continuous, Parameter, require_text

_MOST_PARAMETERS = 4096

Patch = dict[str, Any]
"""Settings in the synth's own terms: parameter name -> value in the parameter's unit."""

KINDS: dict[str, Any] = {kind.kind: kind for kind in (Continuous, Integer, Switch, Choice)}
"""The kinds of parameters, by their names in JSON; a new one is a line here."""

SILENT_CONTROL = 0.03
"""Up to here an amplitude counts as zero: on Vital, whose gain is its square, -61 dB."""


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

  Controls are float32 in [0, 1], patches are Python values: of continuous parameters
  `encode(decode(controls))` gives back every control to the last bit. People count the parameters
  of a space, models its `width`, since a choice takes several controls.

  Attributes:
    name: e.g. "massive16/vital".
    parameters: their order is the order of the control vector.
    swaps: symmetries of the synth, of which an evaluation takes account.
  """

  name: str
  parameters: tuple[Parameter, ...]
  swaps: tuple[Swap, ...] = ()

  def __post_init__(self):
    require_text("the name of a space", self.name)
    if not self.parameters:
      raise ValueError(f"space {self.name} has no parameters")
    if len(self.parameters) > _MOST_PARAMETERS:
      raise ValueError(f"space {self.name} has more than {_MOST_PARAMETERS} parameters")
    if len(set(self.names)) != len(self.names):
      raise ValueError(f"space {self.name} has two parameters of one name")
    values = self.decode(np.zeros(self.width))
    for name, condition in self._conditions.items():
      if unknown := sorted(condition.names - set(self.names)):
        raise ValueError(f"{name} is heard when {condition.text!r}, but there is no {unknown[0]}")
      try:
        condition.holds(values)
      except TypeError:
        raise ValueError(f"{name} is heard when {condition.text!r}: no such comparison") from None

  @cached_property
  def names(self) -> tuple[str, ...]:
    """Parameter names, in order."""
    return tuple(p.name for p in self.parameters)

  @cached_property
  def outputs(self) -> tuple[str, ...]:
    """The name of each control; those of a continuous space are the names of its parameters."""
    return tuple(output for p in self.parameters for output in p.outputs)

  @property
  def width(self) -> int:
    """Length of the control vector: the number of outputs of a network."""
    return len(self.outputs)

  @cached_property
  def slices(self) -> dict[str, slice]:
    """Where each parameter lies in the control vector."""
    ends = itertools.accumulate(len(p.outputs) for p in self.parameters)
    pairs = zip(self.parameters, ends, strict=True)
    return {p.name: slice(end - len(p.outputs), end) for p, end in pairs}

  @cached_property
  def _conditions(self) -> dict[str, Condition]:
    return {p.name: Condition(p.heard_when) for p in self.parameters if p.heard_when}

  def errors(
    self, target: Float[np.ndarray, "i w"], estimate: Float[np.ndarray, "i w"]
  ) -> Float[np.ndarray, "i p"]:
    """How far each parameter is off, from 0 to 1, by the measure of its kind.

    Args:
      target: true controls.
      estimate: estimated controls.
    """
    parts = [self.slices[name] for name in self.names]
    pairs = zip(self.parameters, parts, strict=True)
    return np.stack([p.errors(target[:, part], estimate[:, part]) for p, part in pairs], axis=1)

  def heard(self, controls: Float[np.ndarray, "i w"]) -> Bool[np.ndarray, "i p"]:
    """Which parameters can be heard in each patch.

    A parameter cannot while the one that it is heard with is at zero, or cannot be heard itself:
    the position of an oscillator that is turned down. Nor can it while its condition does not hold.
    """
    heard = np.ones((len(controls), len(self.parameters)), bool)
    gates = {p.name: with_ for p in self.parameters if (with_ := getattr(p, "heard_with", ""))}
    for i, name in enumerate(self.names):
      met = [name]  # Each is met once, were they in a circle.
      while (gate := gates.get(met[-1])) in self.slices and gate not in met:
        heard[:, i] &= controls[:, self.slices[gate].start] > SILENT_CONTROL
        met.append(gate)
    if self._conditions:
      patches = [self.decode(one) for one in controls]
      values = {name: np.array([patch[name] for patch in patches]) for name in self.names}
      for name, condition in self._conditions.items():
        heard[:, self.names.index(name)] &= condition.holds(values)
    return heard

  def named(self, controls: Float[np.ndarray, " w"]) -> dict[str, Any]:
    """Parameter name -> its control, or the list of its controls, JSON-ready."""
    parts = {name: controls[part].tolist() for name, part in self.slices.items()}
    return {name: part[0] if len(part) == 1 else part for name, part in parts.items()}

  def decode(self, controls: Float[np.ndarray, " d"] | Sequence[float]) -> Patch:
    """Patch of a control vector; controls outside [0, 1] are clamped."""
    if len(controls) != self.width:
      raise ValueError(f"{len(controls)} controls for the {self.width} of space {self.name}")
    parts = [controls[self.slices[name]] for name in self.names]
    pairs = zip(self.parameters, parts, strict=True)
    return {p.name: p.decode(part if len(part) > 1 else float(part[0])) for p, part in pairs}

  def encode(self, patch: Mapping[str, Any]) -> Float[np.ndarray, " d"]:
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
    return self._joined([p.encode(patch[p.name]) for p in self.parameters])

  def place(self, drawn: Mapping[str, Any]) -> Float[np.ndarray, " d"]:
    """Control vector (float32) of what a prior has drawn for each parameter."""
    return self._joined([p.place(drawn[p.name]) for p in self.parameters])

  def _joined(self, parts: Sequence[Any]) -> Float[np.ndarray, " d"]:
    return np.concatenate([np.atleast_1d(np.asarray(part, np.float32)) for part in parts])

  def difference(self, other: "ParameterSpace") -> str:
    """Where the controls of two spaces mean different things, in words; empty if nowhere."""
    if self.names != other.names:
      apart = sorted(set(self.names) ^ set(other.names))
      return f"the parameters {', '.join(apart[:5])}" if apart else "the order of the parameters"
    for one, two in zip(self.parameters, other.parameters, strict=True):
      if one.effective != two.effective:
        return f"{one.name}, {one.span} and {two.span}"
    return ""

  def to_dict(self) -> dict[str, Any]:
    """The space as JSON-ready data."""
    parameters = [parameter_to_dict(p) for p in self.parameters]
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
    parameters = tuple(parameter_from_dict(p) for p in data["parameters"])
    return cls(data["name"], parameters, tuple(swaps))


def parameter_to_dict(parameter: Any) -> dict[str, Any]:
  """A parameter as JSON-ready data; one without a kind is continuous."""
  plain = dataclasses.asdict(parameter)
  if not parameter.heard_when:
    del plain["heard_when"]
  if isinstance(parameter, Choice):
    plain["options"] = list(parameter.options)
  return plain if isinstance(parameter, Continuous) else {"kind": parameter.kind, **plain}


def parameter_from_dict(data: Mapping[str, Any]) -> Any:
  """Inverse of `parameter_to_dict`.

  Raises:
    ValueError, TypeError: the data is no parameter.
  """
  plain = dict(data)
  kind = plain.pop("kind", "continuous")
  if not isinstance(kind, str) or kind not in KINDS:
    raise ValueError(f"a parameter has the kind {kind!r:.50}; known: {', '.join(KINDS)}")
  if "options" in plain:
    plain["options"] = tuple(plain["options"])
  return KINDS[kind](**plain)
