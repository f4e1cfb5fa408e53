"""Pieces of a preset of Vital that are no numbers: wavetables and the shapes of LFOs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from synthmatch_jax.spaces.discrete import Choice
from synthmatch_jax.spaces.space import parameter_from_dict
from synthmatch_jax.synths import wavetables

_STEPS = (0.75, 0.25, 1.0, 0.0, 0.5, 0.9, 0.1, 0.6)


@dataclass(frozen=True)
class Shape:
  """The shape of an LFO: straight lines between points, which Vital can make round.

  Attributes:
    points: The points: a place in the period from 0 to 1, and a height from 0 to 1.
    smooth: Whether the lines are half periods of a cosine instead.
  """

  points: tuple[tuple[float, float], ...]
  smooth: bool = False

  def as_json(self, name: str) -> dict[str, Any]:
    """Returns the shape as it stands in a preset of Vital, which counts heights from the top."""
    flat = [number for place, height in self.points for number in (place, 1.0 - height)]
    count = len(self.points)
    return {
      "name": name,
      "num_points": count,
      "points": flat,
      "powers": [0.0] * count,
      "smooth": self.smooth,
    }


def _steps(heights: Sequence[float]) -> tuple[tuple[float, float], ...]:
  ends = np.linspace(0.0, 1.0, len(heights) + 1)
  return tuple((float(x), h) for i, h in enumerate(heights) for x in ends[i : i + 2])


SHAPES = {
  "sine": Shape(((0.0, 0.0), (0.5, 1.0), (1.0, 0.0)), smooth=True),
  "triangle": Shape(((0.0, 0.0), (0.5, 1.0), (1.0, 0.0))),
  "saw up": Shape(((0.0, 0.0), (1.0, 1.0))),
  "saw down": Shape(((0.0, 1.0), (1.0, 0.0))),
  "square": Shape(_steps((1.0, 0.0))),
  "steps": Shape(_steps(_STEPS)),
}
"""The shapes of LFOs, by name."""

_SECTIONS: dict[str, tuple[Sequence[str], Callable[[str], dict[str, Any]]]] = {
  "wavetables": (wavetables.NAMES, wavetables.table),
  "lfos": (tuple(SHAPES), lambda name: SHAPES[name].as_json(name)),
}


@dataclass(frozen=True, kw_only=True)
class Piece:
  """A choice between pieces of a preset that no control holds.

  Attributes:
    parameter: The choice; its options are names of pieces.
    section: The list of the preset that the piece is in, "wavetables" or "lfos".
    index: The place in that list.
  """

  parameter: Choice
  section: str
  index: int

  def __post_init__(self):
    name = self.parameter.name
    if self.section not in _SECTIONS:
      raise ValueError(f"{name} is a piece of {self.section!r}; known: {', '.join(_SECTIONS)}")
    if unknown := [o for o in self.parameter.options if o not in _SECTIONS[self.section][0]]:
      raise ValueError(f"{name}: there is no {unknown[0]!r} among the {self.section}")

  @classmethod
  def from_dict(cls, data: Mapping[str, Any]) -> "Piece":
    """Reads a choice whose entry `piece` names its place, e.g. "wavetables/0".

    Raises:
      ValueError, TypeError, KeyError: The data is no such choice.
    """
    plain = dict(data)
    section, index = plain.pop("piece").split("/")
    return cls(parameter=parameter_from_dict(plain), section=section, index=int(index))

  def put(self, option: str, settings: dict[str, Any]) -> None:
    """Puts the piece of an option into the settings of a preset, in a list of their own."""
    pieces = list(settings[self.section])
    pieces[self.index] = _SECTIONS[self.section][1](option)
    settings[self.section] = pieces

  @property
  def told(self) -> tuple[Any, ...]:
    """All on which a sound depends, for fingerprints."""
    return self.section, self.index, self.parameter.options, wavetables.REVISION
