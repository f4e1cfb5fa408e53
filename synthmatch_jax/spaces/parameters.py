"""The parameters of a synth, and the outputs of a network, in [0, 1], that stand for them."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float

from synthmatch_jax.spaces.scales import Scale

Curve = Literal["linear", "quadratic", "cubic", "quartic"]

SOUNDLESS = ("meaning", "unit", "group", "heard_with", "heard_when", "ordered")
"""The fields of parameters on which no sound depends: they are for people and for evaluations."""

# The text and the ranges of parameters are shown to people, and come with models of strangers.
_MOST_CHARACTERS, _MOST_OF_GROUP, _LARGEST = 300, 50, 1e9

_EXPONENTS: dict[Curve, int] = {"linear": 1, "quadratic": 2, "cubic": 3, "quartic": 4}


@dataclass(frozen=True, kw_only=True)
class Parameter:
  """What parameters of all kinds have in common (`spaces.space.KINDS` lists the kinds).

  Attributes:
    kind: The name of the kind, in JSON.
    name: The key in a patch; the paper's name where it has one.
    meaning: What the parameter does, in a few words.
    unit: The unit of the value in a patch, e.g. "s" or "semitones"; empty for none.
    heard_when: The condition under which the parameter can be heard, given the others
      (`spaces.conditions`); empty for always.
    heard_with: The parameter without which this one has no effect: while that one is at zero, or
      cannot be heard itself, a wrong value here cannot be heard. Empty for none.
    group: The module of the synth that it belongs to, e.g. "filters"; empty for none.

  Raises:
    ValueError: A field is not what it must be.
  """

  kind: ClassVar[str]

  name: str
  meaning: str
  unit: str = ""
  heard_when: str = ""
  heard_with: str = ""
  group: str = ""

  def __post_init__(self):
    if not self.name:
      raise ValueError("a parameter has no name")
    for field in ("name", "meaning", "unit", "heard_with"):
      require_text(field, getattr(self, field))
    require_text("group", self.group, most=_MOST_OF_GROUP)
    if "/" in self.group:
      raise ValueError(f"{self.name}: the name of a group has no slash, as {self.group!r} has")

  @property
  def outputs(self) -> tuple[str, ...]:
    """The name of each output of the network that stands for the parameter."""
    return (self.name,)

  @property
  def scale(self) -> Scale:
    """The scale on which values compare."""
    return "numerical"

  @property
  def effective(self) -> tuple[Any, ...]:
    """The kind and all fields on which a sound depends."""
    fields = (f.name for f in dataclasses.fields(self) if f.name not in SOUNDLESS)
    return self.kind, *(getattr(self, name) for name in fields)

  @property
  def span(self) -> str:
    """The values that the parameter can have, in words."""
    raise NotImplementedError

  def decode(self, control: Any) -> Any:
    """Returns the value of an output, or of several; what is out of range is clamped."""
    raise NotImplementedError

  def encode(self, value: Any) -> Any:
    """Returns the output that stands for a value, or the outputs; the inverse of `decode`."""
    raise NotImplementedError

  def place(self, drawn: Any) -> Any:
    """Returns the output, or the outputs, of the value nearest to what a prior has drawn."""
    return self.encode(self.decode(drawn))

  def shown(self, value: Any) -> str:
    """Returns a value as pages show it: a number has three digits."""
    return value if isinstance(value, str) else f"{value:.3g}"

  def errors(
    self, target: Float[np.ndarray, "i w"], estimate: Float[np.ndarray, "i w"]
  ) -> Float[np.ndarray, " i"]:
    """Returns how far two values lie apart, from 0 to 1, for each row of outputs."""
    raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Continuous(Parameter):
  """A continuous parameter, with the curve from its control in [0, 1] to its value.

  A curve of exponent p is `value = (low^(1/p) + control (high^(1/p) - low^(1/p)))^p`: a quartic
  one gives an envelope time of 0 to 8 s fine steps near zero, as synths do on their knobs.

  Attributes:
    low: The value at control 0.
    high: The value at control 1.
    curve: The curve from control to value.
  """

  kind: ClassVar[str] = "continuous"

  low: float = 0.0
  high: float = 1.0
  curve: Curve = "linear"

  def __post_init__(self):
    super().__post_init__()
    if self.curve not in tuple(_EXPONENTS):  # Which takes lists, too.
      known = ", ".join(_EXPONENTS)
      raise ValueError(f"{self.name}: unknown curve {self.curve!r}; known: {known}")
    if not (math.isfinite(self.low) and math.isfinite(self.high)):
      raise ValueError(f"{self.name}: the range {self.low} to {self.high} has no ends")
    if max(abs(self.low), abs(self.high)) > _LARGEST:
      raise ValueError(f"{self.name}: no end of a range is beyond {_LARGEST:g}")
    if not self.low < self.high:
      raise ValueError(f"{self.name}: the range {self.low} to {self.high} is empty")
    if self.curve != "linear" and self.low < 0:
      raise ValueError(f"{self.name}: a {self.curve} curve cannot start below zero")

  @property
  def exponent(self) -> int:
    """The exponent of the curve."""
    return _EXPONENTS[self.curve]

  @property
  def span(self) -> str:
    """See `Parameter`."""
    return f"{self.low:g} to {self.high:g} ({self.curve})"

  def decode(self, control: float) -> float:
    """Returns the value of a control; a control outside [0, 1] is clamped."""
    if not control > 0:  # Also NaN: a safe value whatever the network says.
      return self.low
    if control >= 1:
      return self.high
    bottom, top = self._roots()
    return (bottom + float(control) * (top - bottom)) ** self.exponent

  def encode(self, value: float) -> float:
    """Returns the control of a value; a value out of range is clamped."""
    if not value > self.low:
      return 0.0
    if value >= self.high:
      return 1.0
    bottom, top = self._roots()
    return (float(value) ** (1 / self.exponent) - bottom) / (top - bottom)

  def place(self, drawn: float) -> float:
    """See `Parameter`; a prior draws controls."""
    return min(max(drawn, 0.0), 1.0)

  def errors(
    self, target: Float[np.ndarray, "i w"], estimate: Float[np.ndarray, "i w"]
  ) -> Float[np.ndarray, " i"]:
    """Returns the differences of the controls."""
    return np.abs(estimate[:, 0].astype(np.float64) - target[:, 0].astype(np.float64))

  def _roots(self) -> tuple[float, float]:
    power = 1 / self.exponent
    return self.low**power, self.high**power


def require_text(what: str, text: object, *, most: int = _MOST_CHARACTERS) -> None:
  """Raises a ValueError unless `text` is a string of at most `most` characters.

  Args:
    what: What the error calls the text.
    text: The text.
    most: The largest number of characters.
  """
  if not isinstance(text, str):
    raise ValueError(f"{what} must be text, not {type(text).__name__}")
  if len(text) > most:
    raise ValueError(f"{what} must be text of at most {most} characters, not of {len(text)}")
