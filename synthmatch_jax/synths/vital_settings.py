"""How Vital holds the values of a patch, in its own names and numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthmatch_jax.spaces.discrete import Choice
from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.spaces.space import parameter_from_dict

# The largest difference between a value set and the value read back, as a share of the range. Vital
# holds float32; a hundredth of a cent of two octaves is 4e-6.
_TOLERANCE = 1e-5


@dataclass(frozen=True, kw_only=True)
class Setting:
  """A parameter, and the control or the two controls of Vital that hold its value.

  A value on a curve is held as its root: Vital's envelopes keep the fourth root of seconds. With a
  gain it is held as the product with it: a modulation is a share of what it moves. Two controls
  hold the nearest whole number and the rest, as a person would set them: the knob of a
  transposition has no fractions. A switch is held as 0 or 1, an option of a choice as a number.

  Attributes:
    parameter: The parameter, of any kind.
    controls: The names of the controls.
    values: The numbers that stand for the options of a choice.
    gain: What a continuous value is multiplied by; 0 where its root is held.
  """

  parameter: Any  # A `Parameter`; which kind decides how it is held.
  controls: tuple[str, ...]
  values: tuple[float, ...] = ()
  gain: float = 0.0

  def __post_init__(self):
    name, options = self.parameter.name, getattr(self.parameter, "options", ())
    if not 1 <= len(self.controls) <= (2 if isinstance(self.parameter, Continuous) else 1):
      raise ValueError(f"{name} sets {self.controls}: one control, or two by a continuous value")
    if len(set(self.values)) != len(options):
      raise ValueError(f"{name} has {len(options)} options and the values {self.values} for them")

  @classmethod
  def from_dict(cls, data: Mapping[str, Any]) -> "Setting":
    """Reads a parameter (see `parameter_from_dict`) that also says what it sets.

    The entry `sets` names the control, or lists two; without it the parameter has the control's
    name. The entry `values` lists the numbers of a choice's options; without it they are 0, 1, 2,
    ... The entry `gain` is explained above.

    Raises:
      ValueError, TypeError: The data is no parameter, or sets nothing.
    """
    plain = dict(data)
    sets, values = plain.pop("sets", plain.get("name", "")), plain.pop("values", None)
    gain = float(plain.pop("gain", 0.0))
    parameter = parameter_from_dict(plain)
    if values is None:
      values = range(len(parameter.options)) if isinstance(parameter, Choice) else ()
    controls = (sets,) if isinstance(sets, str) else tuple(sets)
    numbers = tuple(map(float, values))
    return cls(parameter=parameter, controls=controls, values=numbers, gain=gain)

  @property
  def told(self) -> tuple[Any, ...]:
    """All on which a sound depends, beside the parameter, for fingerprints."""
    return (self.controls, self.values, *([self.gain] if self.gain else []))

  def held(self, value: Any) -> tuple[float, ...]:
    """Returns the number that each control holds for a value of the parameter."""
    if isinstance(self.parameter, Choice):
      return (self.values[self.parameter.options.index(value)],)
    if isinstance(self.parameter, Continuous):
      value = value * self.gain if self.gain else value ** (1 / self.parameter.exponent)
    if len(self.controls) == 1:
      return (float(value),)
    whole = float(round(value))
    return whole, value - whole

  def value(self, held: Sequence[float]) -> Any:
    """Returns the value for which the controls hold these numbers; the inverse of `held`."""
    number = sum(held)
    if isinstance(self.parameter, Continuous):
      return number / self.gain if self.gain else number**self.parameter.exponent
    if isinstance(self.parameter, Choice):
      off = [abs(number - value) for value in self.values]
      return self.parameter.options[off.index(min(off))]
    return round(number)

  def agree(self, wanted: Any, found: Any) -> bool:
    """Returns whether a value read back is the one that was set."""
    if not isinstance(self.parameter, Continuous):
      return wanted == found
    return abs(found - wanted) <= _TOLERANCE * (self.parameter.high - self.parameter.low)
