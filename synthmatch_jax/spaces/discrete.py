"""Parameters with discrete values: whole numbers, switches, and choices between options."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

_MOST_VALUES = 1024


@dataclass(frozen=True, kw_only=True)
class Integer:
  """A whole number in a range; one output of the network gives its place in the range.

  Attributes:
    name: key in a patch.
    meaning: what the parameter does, in a few words.
    unit: unit of the value, e.g. "semitones" or "voices".
    low: least value, at control 0.
    high: largest value, at control 1.
    heard_when: condition under which it can be heard (see `spaces.conditions`); empty for always.
  """

  kind: ClassVar = "integer"
  width: ClassVar = 1

  name: str
  meaning: str
  unit: str = ""
  low: int
  high: int
  heard_when: str = ""

  def __post_init__(self):
    if not (isinstance(self.low, int) and isinstance(self.high, int)):
      raise ValueError(f"{self.name}: the ends of the range must be whole numbers")
    if not 0 < self.high - self.low < _MOST_VALUES:
      raise ValueError(
        f"{self.name}: {self.low} to {self.high} is not a range of 2 to {_MOST_VALUES} values"
      )

  @property
  def outputs(self) -> tuple[str, ...]:
    """The name of each output."""
    return (self.name,)

  def decode(self, outputs: Sequence[float] | Float[np.ndarray, " w"]) -> int:
    """Returns the nearest value; an output outside [0, 1] is clamped, and NaN counts as 0."""
    (control,) = outputs
    if not control > 0:
      return self.low
    return self.low + round(min(float(control), 1.0) * (self.high - self.low))

  def encode(self, value: Any) -> Float[np.ndarray, " w"]:
    """Returns the outputs for a value; a value out of range is clamped."""
    inside = min(max(round(value), self.low), self.high)
    return np.array([(inside - self.low) / (self.high - self.low)], np.float32)

  def errors(
    self, target: Float[np.ndarray, "*b w"], estimate: Float[np.ndarray, "*b w"]
  ) -> Float[np.ndarray, "*b"]:
    """Computes how far the values are apart, as a fraction of the range."""
    steps = self.high - self.low
    places = [
      np.round(np.clip(x[..., 0].astype(np.float64), 0, 1) * steps) for x in (target, estimate)
    ]
    return np.abs(places[0] - places[1]) / steps


@dataclass(frozen=True, kw_only=True)
class Switch:
  """A switch; it is on where its one output of the network is at least 0.5.

  Attributes:
    name: key in a patch.
    meaning: what the switch turns on.
    heard_when: see `Integer`.
  """

  kind: ClassVar = "switch"
  width: ClassVar = 1
  unit: ClassVar = ""

  name: str
  meaning: str
  heard_when: str = ""

  @property
  def outputs(self) -> tuple[str, ...]:
    """The name of each output."""
    return (self.name,)

  def decode(self, outputs: Sequence[float] | Float[np.ndarray, " w"]) -> int:
    """Returns 1 for on, 0 for off."""
    (control,) = outputs
    return int(control >= 0.5)

  def encode(self, value: Any) -> Float[np.ndarray, " w"]:
    """Returns the outputs for a value, true or false."""
    return np.array([1.0 if value else 0.0], np.float32)

  def errors(
    self, target: Float[np.ndarray, "*b w"], estimate: Float[np.ndarray, "*b w"]
  ) -> Float[np.ndarray, "*b"]:
    """Returns 1 where one is on and the other off, else 0."""
    return ((target[..., 0] >= 0.5) != (estimate[..., 0] >= 0.5)).astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class Choice:
  """One of several options; each has an output of the network, and the largest one is chosen.

  Attributes:
    name: key in a patch.
    meaning: what is chosen.
    options: names of the options, which are the values in a patch.
    ordered: whether neighbouring options are alike, as the octaves of a footage switch are.
    heard_when: see `Integer`.
  """

  kind: ClassVar = "choice"
  unit: ClassVar = ""

  name: str
  meaning: str
  options: tuple[str, ...]
  ordered: bool = False
  heard_when: str = ""

  def __post_init__(self):
    if not 2 <= len(self.options) <= _MOST_VALUES:
      raise ValueError(f"{self.name}: a choice has 2 to {_MOST_VALUES} options")
    if len(set(self.options)) != len(self.options):
      raise ValueError(f"{self.name}: two options have the same name")

  @property
  def width(self) -> int:
    """Number of outputs."""
    return len(self.options)

  @property
  def outputs(self) -> tuple[str, ...]:
    """The name of each output."""
    return tuple(f"{self.name}={option}" for option in self.options)

  def decode(self, outputs: Sequence[float] | Float[np.ndarray, " w"]) -> str:
    """Returns the option with the largest output; the first one in a tie."""
    return self.options[int(np.argmax(np.nan_to_num(np.asarray(outputs), nan=-np.inf)))]

  def encode(self, value: Any) -> Float[np.ndarray, " w"]:
    """Returns the outputs for an option: 1 for it, 0 for the others.

    Raises:
      ValueError: there is no such option.
    """
    if value not in self.options:
      raise ValueError(f"{self.name} has no option {value!r}; it has {', '.join(self.options)}")
    return (np.arange(self.width) == self.options.index(value)).astype(np.float32)

  def errors(
    self, target: Float[np.ndarray, "*b w"], estimate: Float[np.ndarray, "*b w"]
  ) -> Float[np.ndarray, "*b"]:
    """Returns 0 for equal options, else 1; for ordered ones, their distance scaled to [0, 1]."""
    apart = np.abs(target.argmax(-1) - estimate.argmax(-1)).astype(np.float64)
    return apart / (self.width - 1) if self.ordered else (apart > 0).astype(np.float64)
