"""The scale on which a search steps: the quantiles of the prior."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.spaces import prior

_DRAWS, _POINTS = 2_000, 401
# The share of the scale on which all values are alike, however rare a value is in the prior.
_EVEN = 0.2


@dataclass(frozen=True)
class Quantiles:
  """A place from 0 to 1 for each value of each control, such that likely values lie far apart.

  An even step on this scale is small where the prior is dense. Almost half of the patches of
  Vital's prior have oscillator 2 in unison, within some cents: on the knob that is a hundredth of
  the way, and any usual step leaves it out of tune; here it is two fifths of the scale. A search
  in these quantiles gets nearer with half of the renders (docs/search.md).

  Attributes:
    values: The values of each control at even places, increasing from 0 to 1.
  """

  values: Float[np.ndarray, "d k"]

  @classmethod
  def of(cls, recipe: Recipe) -> "Quantiles":
    """Returns the scale of a recipe's prior, from draws that are always the same.

    A fifth of it belongs to all values alike, so that a value that the prior never draws has a
    place as well.
    """
    drawn = np.sort(prior.draws(recipe.prior, recipe.space, count=_DRAWS), axis=0)
    even = np.linspace(0, 1, _POINTS)
    places = np.linspace(0, 1, _DRAWS + 2)
    rows = []
    for column in drawn.T:
      # The distribution function of the prior, mixed with that of the even distribution.
      knots = np.concatenate([[0.0], column, [1.0]])
      below = (1 - _EVEN) * places + _EVEN * knots
      rows.append(np.interp(even, below, knots))
    return cls(np.stack(rows))

  def places(self, controls: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
    """Returns the places of controls in [0, 1]."""
    even = np.linspace(0, 1, self.values.shape[1])
    pairs = zip(controls, self.values, strict=True)
    return np.array([np.interp(one, row, even) for one, row in pairs])

  def controls(self, places: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Returns the controls at places; below 0 they are 0, and above 1 they are 1."""
    even = np.linspace(0, 1, self.values.shape[1])
    pairs = zip(places.T, self.values, strict=True)
    return np.stack([np.interp(column, even, row) for column, row in pairs], axis=1)
