"""Scales of measurement: how the values of a parameter compare, and what its error is called."""

from collections.abc import Mapping
from typing import Literal

Scale = Literal["numerical", "binary", "categorical", "ordinal"]
"""The scale of a parameter: a number, a switch, a choice, or a choice whose neighbours are alike.

What a network makes of a parameter, and how its errors are counted, depends on the scale alone.
"""

Layout = tuple[tuple[Scale, int], ...]
"""The scale of each parameter of a space, and the number of its controls."""

MEASURES: Mapping[Scale, str] = {
  "numerical": "numerical_mae",
  "binary": "binary_accuracy",
  "categorical": "categorical_accuracy",
  "ordinal": "categorical_accuracy",
}
"""Scale -> what tells how well its parameters are estimated: a mean error, or a share of hits."""
