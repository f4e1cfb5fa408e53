"""Parameters with discrete values: whole numbers, switches, and choices between options."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from synthmatch_jax.spaces.parameters import Parameter, require_text
from synthmatch_jax.spaces.scales import Scale

_MOST_VALUES = 1024


@dataclass(frozen=True, kw_only=True)
class Integer(Parameter):
  """A whole number in a range; one output of the network gives its place in the range.

  Attributes:
    low: The least value, at control 0.
    high: The largest value, at control 1.
  """

  kind: ClassVar[str] = "integer"

  low: int
  high: int

  def __post_init__(self):
    super().__post_init__()
    if not (isinstance(self.low, int) and isinstance(self.high, int)):
      raise ValueError(f"{self.name}: the ends of the range must be whole numbers")
    if not 0 < self.high - self.low < _MOST_VALUES:
      raise ValueError(
        f"{self.name}: {self.low} to {self.high} is not a range of 2 to {_MOST_VALUES} values"
      )

  @property
  def span(self) -> str:
    """See `Parameter`."""
    return f"whole numbers from {self.low} to {self.high}"

  def decode(self, control: float) -> int:
    """Returns the nearest value; a control outside [0, 1] is clamped, and NaN is the least."""
    if not control > 0:
      return self.low
    return self.low + round(min(float(control), 1.0) * (self.high - self.low))

  def encode(self, value: Any) -> float:
    """Returns the place of a value in the range; a value out of range is clamped."""
    return (min(max(round(value), self.low), self.high) - self.low) / (self.high - self.low)

  def errors(
    self, target: Float[np.ndarray, "i w"], estimate: Float[np.ndarray, "i w"]
  ) -> Float[np.ndarray, " i"]:
    """Returns how far the values lie apart, as a share of the range."""
    steps = self.high - self.low
    places = (np.clip(x[:, 0].astype(np.float64), 0.0, 1.0) for x in (target, estimate))
    one, other = (np.round(place * steps) for place in places)
    return np.abs(one - other) / steps


@dataclass(frozen=True, kw_only=True)
class Switch(Parameter):
  """A switch; it is on where its one output of the network is at least 0.5."""

  kind: ClassVar[str] = "switch"

  @property
  def scale(self) -> Scale:
    """See `Parameter`."""
    return "binary"

  @property
  def span(self) -> str:
    """See `Parameter`."""
    return "off or on"

  def decode(self, control: float) -> int:
    """Returns 1 for on, 0 for off."""
    return int(control >= 0.5)

  def encode(self, value: Any) -> float:
    """Returns 1 for a value that is true, 0 for one that is false."""
    return 1.0 if value else 0.0

  def errors(
    self, target: Float[np.ndarray, "i w"], estimate: Float[np.ndarray, "i w"]
  ) -> Float[np.ndarray, " i"]:
    """Returns 1 where one is on and the other off, else 0."""
    return ((target[:, 0] >= 0.5) != (estimate[:, 0] >= 0.5)).astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class Choice(Parameter):
  """One of several options; each has an output of the network, and the largest one is chosen.

  Attributes:
    options: The names of the options, which are the values in a patch.
    ordered: Whether neighbouring options are alike, as the octaves of a footage switch are.
  """

  kind: ClassVar[str] = "choice"

  options: tuple[str, ...]
  ordered: bool = False

  def __post_init__(self):
    super().__post_init__()
    if not 2 <= len(self.options) <= _MOST_VALUES:
      raise ValueError(f"{self.name}: a choice has 2 to {_MOST_VALUES} options")
    for option in self.options:
      require_text(f"{self.name}: an option", option)
    if len(set(self.options)) != len(self.options):
      raise ValueError(f"{self.name}: two options have the same name")

  @property
  def scale(self) -> Scale:
    """See `Parameter`."""
    return "ordinal" if self.ordered else "categorical"

  @property
  def outputs(self) -> tuple[str, ...]:
    """See `Parameter`."""
    return tuple(f"{self.name}={option}" for option in self.options)

  @property
  def span(self) -> str:
    """See `Parameter`."""
    return ", ".join(self.options)

  def decode(self, control: Sequence[float] | Float[np.ndarray, " w"]) -> str:
    """Returns the option of the largest output; of equal ones, the first."""
    return self.options[int(np.argmax(np.nan_to_num(np.asarray(control), nan=-np.inf)))]

  def encode(self, value: Any) -> Float[np.ndarray, " w"]:
    """Returns the outputs that stand for an option: 1 for it, 0 for the others.

    Raises:
      ValueError: There is no such option.
    """
    if value not in self.options:
      raise ValueError(f"{self.name} has no option {value!r}; it has {self.span}")
    return (np.arange(len(self.options)) == self.options.index(value)).astype(np.float32)

  def place(self, drawn: Any) -> Float[np.ndarray, " w"]:
    """Returns the outputs of a drawn option, or of the option at a drawn place in [0, 1]."""
    if isinstance(drawn, str):
      return self.encode(drawn)
    count = len(self.options)
    return self.encode(self.options[min(int(drawn * count), count - 1)])

  def errors(
    self, target: Float[np.ndarray, "i w"], estimate: Float[np.ndarray, "i w"]
  ) -> Float[np.ndarray, " i"]:
    """Returns 0 for the same option, else 1; for ordered ones the share of the way between."""
    apart = np.abs(target.argmax(-1) - estimate.argmax(-1)).astype(np.float64)
    return apart / (len(self.options) - 1) if self.ordered else (apart > 0).astype(np.float64)
