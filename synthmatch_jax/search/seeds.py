"""Where a search can begin."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from synthmatch_jax import selection
from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.search.neighbours import Neighbours
from synthmatch_jax.search.quantiles import Quantiles
from synthmatch_jax.search.strategy import free
from synthmatch_jax.spaces import prior

if TYPE_CHECKING:
  from synthmatch_jax.search.stand_in import StandIn

DRAWS = 16
"""The number of answers to a sound that a model which draws them is asked for."""

STEERED = 4
"""The largest number of patches that are played of those that were steered through a proxy."""

BY_PROXY = "steered by the proxy"
"""The name of such a seed."""

_DRAWS = 512  # Of the prior.
_AT_ONCE = 8  # The fewest patches that are steered at once: the nearest ones, by the proxy.


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


def steered(
  stand_in: "StandIn",
  target: Float[np.ndarray, "t f"],
  starts: Sequence[Float[np.ndarray, " d"]],
  note: Note,
  *,
  recipe: Recipe,
  steps: int,
  count: int,
  locked: Collection[str] = (),
) -> list[Seed]:
  """Patches brought nearer to a sound by gradients through a proxy of the synth, the nearest first.

  The proxy ranks the starts, and what becomes of the nearest of them. Steps are of Adam (Kingma and
  Ba 2015) on the scale on which the search steps (`Quantiles`): they are as wide as usual values of
  a control are apart. A control on a peak of the prior, as an oscillator in unison, hardly moves,
  since a peak takes up much of that scale. Switches and choices stay.

  Args:
    stand_in: The proxy.
    target: The log-mel of the sound, in dB.
    starts: The patches to begin with, at least one.
    note: The note that they are played with.
    recipe: The recipe of the controls.
    steps: The number of steps; 0 only ranks.
    count: The largest number of seeds wanted; they are distinct.
    locked: Names of the parameters that stay.
  """
  found = np.stack(starts)
  if steps:
    scale = Quantiles(recipe)
    order = np.argsort(stand_in.distances(target, found, note), kind="stable")
    found = found[order[: max(_AT_ONCE, count)]]
    found = stand_in.descend(
      target,
      found,
      note,
      moved=np.stack([free(recipe.space, one, locked) for one in found]),
      begin=np.stack([scale.there(one) for one in found]),
      values=scale.values,
      steps=steps,
    )
  distances = stand_in.distances(target, found, note).astype(np.float64)
  chosen = selection.choose(list(found), distances, recipe.space, count=count)
  return [Seed(controls=found[i], name=BY_PROXY) for i in chosen]
