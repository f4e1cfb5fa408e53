"""Where a search can begin."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.search.neighbours import Neighbours
from synthmatch_jax.spaces import prior

_DRAWS = 512


@dataclass(frozen=True, kw_only=True)
class Seed:
  """A candidate that is tried first.

  Attributes:
    controls: The patch.
    name: Where it is from, for people.
  """

  controls: Float[np.ndarray, " d"]
  name: str


def middle(recipe: Recipe) -> Seed:
  """The middle of the recipe's prior: the median of each control, and the most likely options."""
  drawn = prior.draws(recipe.prior, recipe.space)[:_DRAWS]
  controls = np.median(drawn, axis=0)
  for part in recipe.space.slices.values():
    if part.stop - part.start > 1:
      controls[part] = drawn[:, part].mean(axis=0)
  return Seed(controls=controls.astype(np.float32), name="middle of the prior")


def nearest(
  neighbours: Neighbours, mels: Iterable[Float[np.ndarray, "t f"]], *, count: int
) -> list[Seed]:
  """The sounds of a data set that are nearest to a sound, the nearest first.

  Args:
    neighbours: The index of the data set.
    mels: The sound's log-mels, one for each way of listening to it.
    count: The number of seeds wanted.
  """
  found = neighbours.find(np.stack(list(mels)), count=count)
  return [Seed(controls=controls, name="nearest training sound") for controls in found]
