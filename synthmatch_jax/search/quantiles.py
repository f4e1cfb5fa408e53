"""The scale on which a search steps: the quantiles of a prior, where usual values are far apart."""

import numpy as np
from jaxtyping import Float

from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.spaces import prior

_EVEN, _POINTS = 250, 201
_NEAR = 1e-6  # Of a control: float32 tells no less.


class Quantiles:
  """A monotonic map of each control, from [0, 1] onto [0, 1].

  It is the distribution function of the prior, mixed with a fifth of values that are all alike, so
  that no value is out of reach. A peak of the prior, as an oscillator in unison, takes up much of
  the scale: a step lands on it, or leaves it, as often as a patch does.

  Attributes:
    values: The value of each control at even steps of the scale.
  """

  def __init__(self, recipe: Recipe):
    """Finds the map of a recipe's prior."""
    drawn = prior.draws(recipe.prior, recipe.space)
    even = np.broadcast_to(np.linspace(0, 1, _EVEN)[:, None], (_EVEN, drawn.shape[1]))
    both = np.concatenate([drawn, even]).astype(np.float64)
    self.values: Float[np.ndarray, "d p"] = np.quantile(both, np.linspace(0, 1, _POINTS), axis=0).T

  def there(self, controls: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
    """Maps controls; one that is on a peak comes to the middle of what the peak takes up."""
    even, rows = np.linspace(0, 1, _POINTS), list(zip(controls, self.values, strict=True))
    ends = [[np.interp(one + side, row, even) for one, row in rows] for side in (-_NEAR, _NEAR)]
    return np.mean(ends, axis=0)

  def back(self, mapped: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Maps back; what is beyond the scale comes to its end."""
    even = np.linspace(0, 1, _POINTS)
    columns = zip(mapped.T, self.values, strict=True)
    return np.stack([np.interp(column, even, row) for column, row in columns], axis=1)
