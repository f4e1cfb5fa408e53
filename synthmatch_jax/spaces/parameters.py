"""One parameter of a synth as one number in [0, 1]."""

import math
from dataclasses import dataclass
from typing import Literal

Curve = Literal["linear", "quadratic", "cubic", "quartic"]

# Text and ranges of parameters are shown to people and come with models of strangers.
_MOST_CHARACTERS, _LARGEST = 300, 1e9

_EXPONENTS: dict[Curve, int] = {"linear": 1, "quadratic": 2, "cubic": 3, "quartic": 4}


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
  """

  name: str
  meaning: str
  unit: str = ""
  low: float = 0.0
  high: float = 1.0
  curve: Curve = "linear"
  heard_with: str = ""

  def __post_init__(self):
    if not self.name:
      raise ValueError("a parameter has no name")
    for field in ("name", "meaning", "unit", "heard_with"):
      require_text(field, getattr(self, field))
    if self.curve not in tuple(_EXPONENTS):
      known = ", ".join(_EXPONENTS)
      raise ValueError(f"{self.name}: unknown curve {self.curve!r}; known are {known}")
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
    """What a patch depends on: name, range and curve, without what is there for people."""
    return self.name, self.low, self.high, self.curve

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
