"""A parameter of a plugin as the host sees it, and the control that it can become."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from synthmatch_jax.spaces.discrete import Choice, Integer, Switch
from synthmatch_jax.spaces.parameters import Continuous, Parameter

# A number of fewer steps is not continuous: a step of more than 5 % of the range is plainly heard.
MIN_STEPS = 20
# The names of a choice are asked at 1,001 positions, of which each should have several.
_MOST_OPTIONS = 128
_POSITIONS = (0.0, 0.25, 0.5, 0.75, 1.0)
_NEAR = 0.1  # Positions this near to that of the base state are left out.
# The names of parameters that play no part in a patch.
_APART = re.compile(r"\b(bypass|program|preset)\b", re.IGNORECASE)
_NUMBER = re.compile(r"\s*[-+]?(\d|\.\d|inf)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class PluginParameter:
  """A parameter of a plugin, as the host sees it.

  Attributes:
    name: The name that pedalboard makes from the title.
    title: The name that the plugin gives.
    unit: The unit of the values; empty if there is none.
    kind: The type of the values according to pedalboard.
    steps: The number of distinct texts at the 1,001 positions that pedalboard asks for.
    lowest: The text of the value at 0.
    highest: The text of the value at 1.
    default: The default as a raw value in [0, 1].
    value: The raw value in the base state.
    numeric: Whether nine texts in ten are numbers, perhaps with a unit.
    options: The texts of the steps, which are at even distances; empty where it has none such.
  """

  name: str
  title: str
  unit: str
  kind: Literal["float", "bool", "str"]
  steps: int
  lowest: str
  highest: str
  default: float
  value: float
  numeric: bool
  options: tuple[str, ...] = ()

  def control(self, meaning: str) -> Parameter | None:
    """Returns it as a control; None where it has few steps that are not as `options` must be."""
    about: dict[str, Any] = {"name": self.name, "meaning": meaning, "unit": self.unit}
    if self.kind != "bool" and self.numeric and self.steps >= MIN_STEPS:
      return Continuous(**about)
    if not self.options:
      return None
    if self.kind == "bool":
      return Switch(**about)
    if self.numeric and (whole := _whole(self.options)):
      return Integer(**about, low=whole[0], high=whole[-1])
    return Choice(**about, options=self.options, ordered=self.numeric)

  @property
  def candidate(self) -> bool:
    """Whether it may be one of the controls that the probe chooses."""
    return self.control(self.title) is not None and not _APART.search(self.title)

  @property
  def positions(self) -> list[float]:
    """At most five raw values from end to end, without that of the base state."""
    if not self.options or isinstance(self.control(""), Continuous):
      return [x for x in _POSITIONS if abs(x - self.value) > _NEAR]
    last = len(self.options) - 1
    base = round(self.value * last)
    return [i / last for i in sorted({round(x * last) for x in _POSITIONS}) if i != base]


def read(name: str, parameter: Any) -> PluginParameter:
  """Returns what pedalboard says of a parameter.

  Args:
    name: The name that pedalboard gives it.
    parameter: Its object.
  """
  texts = [str(value) for value in parameter.ranges.values()]
  return PluginParameter(
    name=name,
    title=parameter.name,
    unit=parameter.label or "",
    kind=parameter.type.__name__,
    steps=len(set(texts)),
    lowest=texts[0],
    highest=texts[-1],
    default=float(parameter.default_raw_value),
    value=float(parameter.raw_value),
    numeric=sum(bool(_NUMBER.match(text)) for text in texts) >= 0.9 * len(texts),
    options=options(parameter.ranges),
  )


def options(ranges: Mapping[tuple[float, float], Any]) -> tuple[str, ...]:
  """Returns the texts of the steps of a parameter, if there are few, and all where they should be.

  Args:
    ranges: The first and the last raw value of each step -> what the plugin calls it.
  """
  texts = [f"{v:g}" if isinstance(v, float) else str(v) for v in ranges.values()]
  last = len(texts) - 1
  if not 1 <= last < _MOST_OPTIONS or len(set(texts)) != len(texts):
    return ()
  even = all(low <= i / last <= high for i, (low, high) in enumerate(ranges))
  return tuple(texts) if even and texts[0] != "True" else ()


def _whole(texts: Sequence[str]) -> list[int]:
  """Returns the whole numbers in texts where each is one more than the last; else nothing."""
  try:
    numbers = [float(text) for text in texts]
  except ValueError:
    return []
  first = round(numbers[0])
  counted = list(range(first, first + len(numbers)))
  return counted if numbers == counted else []
