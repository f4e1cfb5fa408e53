"""An example made audible as a data set's recipe says."""

import contextlib
from collections.abc import Iterator
from operator import methodcaller

import numpy as np
from jaxtyping import Float

from synthmatch_jax.data.example import Example
from synthmatch_jax.data.recipe import RENDER_REVISION, Recipe
from synthmatch_jax.errors import UserError, brief
from synthmatch_jax.spaces.space import ParameterSpace
from synthmatch_jax.synths import hosts, locate, registry
from synthmatch_jax.synths.base import Synth, sound
from synthmatch_jax.synths.description import Description
from synthmatch_jax.synths.registry import Engine


def play(synth: Synth, recipe: Recipe, example: Example) -> Float[np.ndarray, " n"]:
  """The sound of an example: decoded by the recipe's space, with its length.

  Args:
    synth: the engine.
    recipe: the recipe of the data set that the controls belong to.
    example: the patch and the note.

  Raises:
    UserError: the engine's controls mean something else than the recipe's.
    RenderError: the engine failed; see `base.sound`.
  """
  _require_same(recipe.space, synth.space)
  return sound(
    synth,
    recipe.space.decode(example.controls),
    note=example.note,
    seconds=recipe.seconds,
    sample_rate=recipe.mel.sample_rate,
  )


def engine(recipe: Recipe, *, path: str = "") -> Engine:
  """The engine that the recipe's data set was rendered with.

  All that can be told without the plugin is looked at before it is loaded.

  Args:
    recipe: of the data set.
    path: where the plugin is, if it is one and not where plugins usually are.

  Raises:
    UserError: there is no such engine here, or it is another version, or has other controls or
      another base preset: its sounds would not be those that the data set and its models know.
  """
  if recipe.render_revision != RENDER_REVISION:
    raise UserError(
      f"the data set was made by revision {recipe.render_revision} of the code that plays, here is"
      f" revision {RENDER_REVISION}; build the data set again"
    )
  found = _named(recipe, path)
  _require_same(recipe.space, found.space)
  here = found.expected(recipe.fingerprint)
  if here == recipe.fingerprint and found.plugin is not None:
    locate.locate(found.plugin.files, option=path)  # It is missed here, before a process starts.
    here = fingerprint(found)  # Now the plugin is loaded.
  if here != recipe.fingerprint:
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


def _named(recipe: Recipe, path: str) -> Engine:
  """The engine as the recipe describes it; nothing of it is loaded."""
  if recipe.plugin is None:
    return registry.built_in(recipe.engine)
  try:
    plugin = Description.from_dict(recipe.plugin)
  except ValueError as error:
    raise UserError(f"the recipe's plugin {recipe.engine} is damaged: {brief(error)}") from None
  if plugin.name != recipe.engine:
    raise UserError(f"the recipe names the engine {recipe.engine} and describes {plugin.name}")
  return Engine(name=recipe.engine, plugin=plugin, path=path)


def _require_same(recipes: ParameterSpace, engines: ParameterSpace) -> None:
  if recipes is not engines and (apart := recipes.difference(engines)):
    raise UserError(
      f"the recipe's space {recipes.name} and the engine's {engines.name} differ in {apart}: the"
      " engine would play other sounds than the model or the data set means; take the version of"
      " synthmatch_jax that made it, or make it again"
    )
