"""Parameter spaces: ordered parameters, and the way between patches and control vectors."""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces.conditions import Condition
from synthmatch_jax.spaces.discrete import Choice, Integer, Switch
from synthmatch_jax.spaces.parameters import Continuous, Parameter, require_text
from synthmatch_jax.spaces.scales import Layout

_MOST_PARAMETERS = 4096

Patch = dict[str, Any]
"""Settings in the synth's own terms: parameter name -> value in the parameter's unit."""

KINDS: dict[str, Any] = {kind.kind: kind for kind in (Continuous, Integer, Switch, Choice)}
"""The kinds of parameters, by their names in JSON; a new one is a line here."""

SILENT_CONTROL = 0.03
"""A control up to here counts as zero: on Vital, where a gain is its square, that is -61 dB."""


@dataclass(frozen=True)
class ParameterSpace:
  """The parameters of one synth, in order.

  Controls are float32 in [0, 1], patches hold Python values. For continuous parameters
  `encode(decode(controls))` gives back every control to the last bit. People count the parameters
  of a space, models its `width`, since a choice takes several controls.

  Attributes:
    name: The name of the space, e.g. "massive16/vital".
    parameters: The parameters, in the order of the control vector.

  Raises:
    ValueError: There are no parameters, too many, two of one name, or a condition that cannot be.
  """

  name: str
  parameters: tuple[Parameter, ...]

  def __post_init__(self):
    require_text("the name of a space", self.name)
    if not self.parameters:
      raise ValueError(f"space {self.name} has no parameters")
    if len(self.parameters) > _MOST_PARAMETERS:
      raise ValueError(f"space {self.name} has more than {_MOST_PARAMETERS} parameters")
    if twice := [name for name, count in Counter(self.names).items() if count > 1]:
      raise ValueError(f"space {self.name} has two parameters called {twice[0]!r:.80}")
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
    """The names of the parameters, in order."""
    return tuple(p.name for p in self.parameters)

  @cached_property
  def outputs(self) -> tuple[str, ...]:
    """The names of the controls; a continuous space has those of its parameters."""
    return tuple(output for p in self.parameters for output in p.outputs)

  @property
  def width(self) -> int:
    """The length of the control vector, and the number of outputs of a network."""
    return len(self.outputs)

  @cached_property
  def layout(self) -> Layout:
    """The scale of each parameter, and the number of its controls."""
    return tuple((p.scale, len(p.outputs)) for p in self.parameters)

  @cached_property
  def is_numerical(self) -> bool:
    """Whether all parameters are numbers: there are neither switches nor choices."""
    return all(scale == "numerical" for scale, _ in self.layout)

  @cached_property
  def groups(self) -> dict[str, list[int]]:
    """The name of each group of parameters -> their places, in order."""
    names = dict.fromkeys(p.group for p in self.parameters if p.group)
    return {n: [i for i, p in enumerate(self.parameters) if p.group == n] for n in names}

  @cached_property
  def slices(self) -> dict[str, slice]:
    """The place of each parameter in the control vector."""
    ends = itertools.accumulate(len(p.outputs) for p in self.parameters)
    pairs = zip(self.parameters, ends, strict=True)
    return {p.name: slice(end - len(p.outputs), end) for p, end in pairs}

  @cached_property
  def _conditions(self) -> dict[str, Condition]:
    return {p.name: Condition(p.heard_when) for p in self.parameters if p.heard_when}

  def errors(
    self, target: Float[np.ndarray, "i w"], estimate: Float[np.ndarray, "i w"]
  ) -> Float[np.ndarray, "i p"]:
    """Returns how far each parameter is off, from 0 to 1, by the measure of its kind.

    Args:
      target: The true controls.
      estimate: The estimated controls.
    """
    pairs = zip(self.parameters, self.slices.values(), strict=True)
    return np.stack([p.errors(target[:, part], estimate[:, part]) for p, part in pairs], axis=1)

  def heard(self, controls: Float[np.ndarray, "i w"]) -> Bool[np.ndarray, "i p"]:
    """Returns which parameters can be heard in each patch.

    A parameter cannot be heard while the one that it is heard with is at zero or cannot be heard
    itself, as the position of an oscillator that is turned down, or while its condition fails. A
    switch is at zero where it is off.
    """
    heard = np.ones((len(controls), len(self.parameters)), bool)
    # A patch of hundreds of parameters is not decoded for the few that conditions name.
    named = frozenset[str]().union(*(one.names for one in self._conditions.values()))
    values = {
      p.name: np.array([_value(p, one) for one in controls[:, self.slices[p.name]]])
      for p in self.parameters
      if p.name in named
    }
    for name, condition in self._conditions.items():
      heard[:, self.names.index(name)] = condition.holds(values)
    itself = heard.copy()
    gates = {p.name: p.heard_with for p in self.parameters}
    scales = dict(zip(self.names, (scale for scale, _ in self.layout), strict=True))
    for i, name in enumerate(self.names):
      met = [name]  # Each one is met once, even if they form a circle.
      while (gate := gates[met[-1]]) in self.slices and gate not in met:
        column = controls[:, self.slices[gate].start]
        heard[:, i] &= column >= 0.5 if scales[gate] == "binary" else column > SILENT_CONTROL
        heard[:, i] &= itself[:, self.names.index(gate)]
        met.append(gate)
    return heard

  def named(self, controls: Float[np.ndarray, " w"]) -> dict[str, Any]:
    """Returns the control of each parameter by name, or the list of its controls, for JSON."""
    parts = {name: controls[part].tolist() for name, part in self.slices.items()}
    return {name: part[0] if len(part) == 1 else part for name, part in parts.items()}

  def decode(self, controls: Float[np.ndarray, " d"] | Sequence[float]) -> Patch:
    """Returns the patch of a control vector; controls outside [0, 1] are clamped."""
    if len(controls) != self.width:
      raise ValueError(f"{len(controls)} controls for the {self.width} of space {self.name}")
    pairs = zip(self.parameters, (controls[part] for part in self.slices.values()), strict=True)
    return {p.name: _value(p, part) for p, part in pairs}

  def encode(self, patch: Mapping[str, Any]) -> Float[np.ndarray, " d"]:
    """Returns the control vector (float32) of a patch; values out of range are clamped.

    Raises:
      UserError: A parameter of the space is missing in the patch, or the patch has others.
    """
    if set(patch) != (known := set(self.names)):
      missing, unknown = sorted(known - set(patch)), sorted(set(patch) - known)
      raise UserError(
        f"the patch does not fit the space {self.name}: missing {missing}, unknown {unknown}"
      )
    return self._joined([p.encode(patch[p.name]) for p in self.parameters])

  def place(self, drawn: Mapping[str, Any]) -> Float[np.ndarray, " d"]:
    """Returns the control vector (float32) of what a prior has drawn for each parameter."""
    return self._joined([p.place(drawn[p.name]) for p in self.parameters])

  def _joined(self, parts: Sequence[Any]) -> Float[np.ndarray, " d"]:
    return np.concatenate([np.atleast_1d(np.asarray(part, np.float32)) for part in parts])

  def difference(self, other: "ParameterSpace") -> str:
    """Says where the controls of two spaces mean different things; the text is empty if nowhere."""
    if self.names != other.names:
      apart = sorted(set(self.names) ^ set(other.names))
      return f"the parameters {', '.join(apart[:5])}" if apart else "the order of the parameters"
    for one, two in zip(self.parameters, other.parameters, strict=True):
      if one.effective != two.effective:
        return f"{one.name}, {one.span} and {two.span}"
    return ""

  def to_dict(self) -> dict[str, Any]:
    """Returns the space as data for JSON."""
    return {"name": self.name, "parameters": [parameter_to_dict(p) for p in self.parameters]}

  @classmethod
  def from_dict(cls, data: Mapping[str, Any]) -> "ParameterSpace":
    """Reads a space; the inverse of `to_dict`.

    Raises:
      ValueError, TypeError, KeyError: The data is no space.
    """
    return cls(data["name"], tuple(map(parameter_from_dict, data["parameters"])))


def _value(parameter: Parameter, part: Float[np.ndarray, " w"] | Sequence[float]) -> Any:
  return parameter.decode(part if len(part) > 1 else float(part[0]))


def parameter_to_dict(parameter: Parameter) -> dict[str, Any]:
  """Returns a parameter as data for JSON; one without a kind is continuous."""
  plain = dataclasses.asdict(parameter)
  is_plain = isinstance(parameter, Continuous)
  for field in ("heard_when", "group", *(() if is_plain else ("heard_with",))):
    if not plain[field]:  # As before there were these: earlier versions read it.
      del plain[field]
  return plain if is_plain else {"kind": parameter.kind, **plain}


def parameter_from_dict(data: Mapping[str, Any]) -> Any:
  """Reads a parameter; the inverse of `parameter_to_dict`.

  Raises:
    ValueError, TypeError: The data is no parameter.
  """
  plain = dict(data)
  kind = plain.pop("kind", "continuous")
  if not isinstance(kind, str) or kind not in KINDS:
    raise ValueError(f"a parameter has the kind {kind!r:.50}; known: {', '.join(KINDS)}")
  if "options" in plain:
    plain["options"] = tuple(plain["options"])
  return KINDS[kind](**plain)
