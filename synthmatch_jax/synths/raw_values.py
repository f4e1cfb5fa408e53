"""The raw values in [0, 1] by which a host knows the parameters of a plugin."""

from typing import Any

from synthmatch_jax.spaces.discrete import Choice
from synthmatch_jax.spaces.parameters import Continuous, Parameter


def raw_value(parameter: Parameter, value: Any) -> float:
  """Returns the raw value of a value in a patch.

  A continuous parameter has its raw value in patches. The options of a choice and the steps of a
  whole number stand at even distances from 0 to 1, where a plugin finds them, whether it rounds a
  raw value to the nearest step or cuts the range into equal parts.
  """
  if isinstance(parameter, Continuous):
    return value
  if isinstance(parameter, Choice):
    return parameter.options.index(value) / (len(parameter.options) - 1)
  return parameter.encode(value)


def value_at(parameter: Parameter, raw: float) -> Any:
  """Returns the value in a patch that is nearest to a raw value."""
  if isinstance(parameter, Continuous):
    return raw
  if isinstance(parameter, Choice):
    return parameter.options[round(min(max(raw, 0.0), 1.0) * (len(parameter.options) - 1))]
  return parameter.decode(raw)
