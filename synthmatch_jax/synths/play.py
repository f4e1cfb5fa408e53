"""A control vector made audible as a data set's recipe says."""

import numpy as np
from jaxtyping import Float

from synthmatch_jax.data.recipe import REVISION, Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.synths import registry
from synthmatch_jax.synths.base import Synth


def play(
  synth: Synth, recipe: Recipe, controls: Float[np.ndarray, " d"]
) -> Float[np.ndarray, " n"]:
  """The sound of the controls: decoded by the recipe's space, with its note and length."""
  return synth.render(
    recipe.space.decode(controls),
    note=recipe.note,
    seconds=recipe.seconds,
    sample_rate=recipe.mel.sample_rate,
  )


def engine(recipe: Recipe) -> registry.SynthFactory:
  """Maker of the engine that the recipe's data set was rendered with.

  Raises:
    UserError: the engine here is another version or has another base preset: its sounds would
      not be those that the data set and its models know.
  """
  if recipe.revision != REVISION:
    raise UserError(
      f"the data set was made by revision {recipe.revision} of the record code, here is revision"
      f" {REVISION}; build the data set again"
    )
  make = registry.factory(recipe.engine)
  if (here := make().fingerprint()) != recipe.fingerprint:
    raise UserError(
      f"the data set was rendered by {recipe.fingerprint}, the engine here is {here}; install"
      " the same version or render the data set again"
    )
  return make
