"""The parameters of a synth as outputs of a network, in [0, 1]."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

Curve = Literal["linear", "quadratic", "cubic", "quartic"]

# Text and ranges of parameters are shown to people and come with models of strangers.
_MOST_CHARACTERS, _LARGEST = 300, 1e9

_EXPONENTS: dict[Curve, int] = {"linear": 1, "quadratic": 2, "cubic": 3, "quartic": 4}


@runtime_checkable
class Parameter(Protocol):
  """What parameters of all kinds offer (`spaces.space.KINDS` lists the kinds).

  Attributes:
    kind: the name of the kind, in JSON.
    name: the key in a patch.
    meaning: what it does, in a few words.
    unit: the unit of the value in a patch; empty for none.
    heard_when: the condition under which it can be heard (`spaces.conditions`); empty for always.
  """

  kind: ClassVar[str]

  @property
  def name(self) -> str: ...  # noqa: D102 - see above.
  @property
  def meaning(self) -> str: ...  # noqa: D102
  @property
  def unit(self) -> str: ...  # noqa: D102
  @property
  def heard_when(self) -> str: ...  # noqa: D102

  @property
  def outputs(self) -> tuple[str, ...]:
    """The name of each output of the network that stands for the parameter."""
    ...

  @property
  def effective(self) -> tuple[Any, ...]:
    """All that a patch depends on, without what is there for people."""
    ...

  @property
  def span(self) -> str:
    """The values that it can have, in words."""
    ...

  def decode(self, control: Any) -> Any:
    """The value of an output, or of several; what is out of range is clamped."""
    ...

  def encode(self, value: Any) -> Any:
    """The output that stands for a value, or the outputs; the inverse of `decode`."""
    ...

  def place(self, drawn: Any) -> Any:
    """The output, or the outputs, of what a prior has drawn."""
    ...

  def errors(
    self, target: Float[np.ndarray, "i w"], estimate: Float[np.ndarray, "i w"]
  ) -> Float[np.ndarray, " i"]:
    """How far two values lie apart, from 0 to 1, of each row of outputs."""
    ...


@dataclass(frozen=True, kw_only=True)
class Continuous:
  """A continuous parameter: its place in a patch, and the curve to its control in [0, 1].

  A curve of exponent p is `value = (low^(1/p) + control (high^(1/p) - low^(1/p)))^p`: a quartic
  one gives an envelope time of 0 to 8 s fine steps near zero, as synths do on their knobs.

  Attributes:
    name: key in a patch; the paper's name where it has one.
    meaning: what it does, in a few words.
    unit: of the value in the patch, e.g. "s" or "semitones".
    low: value at control 0.
    high: value at control 1.
    curve: from control to value.
    heard_with: the parameter without which this one has no effect: while that is at zero, a
      wrong value here cannot be heard. Empty: it is always heard.
    heard_when: the same as a condition on any of the other parameters (see `Parameter`).
  """

  kind: ClassVar[str] = "continuous"

  name: str
  meaning: str
  unit: str = ""
  low: float = 0.0
  high: float = 1.0
  curve: Curve = "linear"
  heard_with: str = ""
  heard_when: str = ""

  def __post_init__(self):
    if not self.name:
      raise ValueError("a parameter has no name")
    for field in ("name", "meaning", "unit", "heard_with"):
      require_text(field, getattr(self, field))
    if self.curve not in tuple(_EXPONENTS):
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

  def decode(self, control: float) -> float:
    """Value of a control; a control outside [0, 1] is clamped."""
    if not control > 0:  # Also NaN: a safe value whatever the network says.
      return self.low
    if control >= 1:
      return self.high
    bottom, top = self._roots()
    return (bottom + float(control) * (top - bottom)) ** _EXPONENTS[self.curve]

  def encode(self, value: float) -> float:
    """Control of a value, the inverse of `decode`; a value out of range is clamped."""
    if not value > self.low:
      return 0.0
    if value >= self.high:
      return 1.0
    bottom, top = self._roots()
    return (float(value) ** (1 / _EXPONENTS[self.curve]) - bottom) / (top - bottom)

  @property
  def effective(self) -> tuple[str, float, float, str]:
    """See `Parameter`."""
    return self.name, self.low, self.high, self.curve

  @property
  def span(self) -> str:
    """See `Parameter`."""
    return f"{self.low:g} to {self.high:g} ({self.curve})"

  @property
  def outputs(self) -> tuple[str, ...]:
    """See `Parameter`."""
    return (self.name,)

  def place(self, drawn: float) -> float:
    """See `Parameter`; a prior draws controls."""
    return min(max(drawn, 0.0), 1.0)

  def errors(
    self, target: Float[np.ndarray, "i w"], estimate: Float[np.ndarray, "i w"]
  ) -> Float[np.ndarray, " i"]:
    """See `Parameter`: the difference of the controls."""
    return np.abs(estimate[:, 0].astype(np.float64) - target[:, 0].astype(np.float64))

  def _roots(self) -> tuple[float, float]:
    power = 1 / _EXPONENTS[self.curve]
    return self.low**power, self.high**power


def require_text(what: str, text: object, *, most: int = _MOST_CHARACTERS) -> None:
  """Raises a ValueError unless it is text of at most `most` characters.

  Args:
    what: names it in the error.
    text: to be looked at.
    most: characters.
  """
  if not isinstance(text, str):
    raise ValueError(f"{what} must be text, not {type(text).__name__}")
  if len(text) > most:
    raise ValueError(f"{what} must be text of at most {most} characters, not of {len(text)}")
