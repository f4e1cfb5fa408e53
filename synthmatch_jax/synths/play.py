"""A control vector made audible as a data set's recipe says."""

import contextlib
from collections.abc import Iterator
from operator import methodcaller

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.recipe import REVISION, Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.synths import hosts
from synthmatch_jax.synths.base import Synth
from synthmatch_jax.synths.description import Description
from synthmatch_jax.synths.registry import Engine


def play(
  synth: Synth, recipe: Recipe, controls: Float[np.ndarray, " d"], note: Note | None = None
) -> Float[np.ndarray, " n"]:
  """The sound of the controls: decoded by the recipe's space, with its length.

  Args:
    synth: the engine.
    recipe: of the data set that the controls belong to.
    controls: of the patch.
    note: played instead of the recipe's.
  """
  return synth.render(
    recipe.space.decode(controls),
    note=note or recipe.note,
    seconds=recipe.seconds,
    sample_rate=recipe.mel.sample_rate,
  )


def engine(recipe: Recipe, *, path: str = "") -> Engine:
  """The engine that the recipe's data set was rendered with.

  Args:
    recipe: of the data set.
    path: where the plugin is, if it is one and not where plugins usually are.

  Raises:
    UserError: the engine here is another version or has another base preset: its sounds would
      not be those that the data set and its models know.
  """
  if recipe.revision != REVISION:
    raise UserError(
      f"the data set was made by revision {recipe.revision} of the record code, here is revision"
      f" {REVISION}; build the data set again"
    )
  plugin = Description.from_dict(recipe.plugin) if recipe.plugin is not None else None
  found = Engine(name=recipe.engine, plugin=plugin, path=path)
  if (here := fingerprint(found)) != recipe.fingerprint:
    raise UserError(
      f"the data set was rendered by {recipe.fingerprint}, the engine here is {here}; install"
      " the same version or render the data set again"
    )
  return found


def fingerprint(engine: Engine) -> str:
  """What the engine says it is (see `Synth.fingerprint`)."""
  with hosting(engine) as host:
    return host.call(methodcaller("fingerprint"))


@contextlib.contextmanager
def hosting(engine: Engine) -> Iterator[hosts.Host]:
  """A host for the time of a `with` block."""
  host = hosts.host(engine)
  try:
    yield host
  finally:
    host.close()
