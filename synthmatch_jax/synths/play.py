"""Playing examples as the recipe of a data set says."""

import contextlib
from collections.abc import Callable
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
  """Returns the sound of an example.

  Args:
    synth: The engine.
    recipe: The recipe of the data set that the example belongs to.
    example: The controls and the note.

  Raises:
    UserError: The controls of the engine mean something else than those of the recipe.
    RenderError: The engine failed; see `base.sound`.
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
  """Returns the engine that the data set of a recipe was rendered with.

  All that can be told without a plugin is checked before it is loaded.

  Args:
    recipe: The recipe of the data set.
    path: Where the plugin is, if the engine is one that is not where plugins usually are.

  Raises:
    UserError: There is no such engine here, or it has another version, other controls or another
      base preset, so that its sounds would not be those that the data set and its models know.
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
    locate.locate(found.plugin.files, option=path)  # Says that it is missing before it is loaded.
    here = fingerprint(found)  # Loads the plugin.
  if here != recipe.fingerprint:
    raise UserError(
      f"the data set was rendered by {recipe.fingerprint}, the engine here is {here}; install"
      " the same version or render the data set again"
    )
  return found


def fingerprint(engine: Engine) -> str:
  """Returns the fingerprint of an engine, which is made for it (see `Synth.fingerprint`)."""
  with hosting(engine) as host:
    return host.call(methodcaller("fingerprint"))


def hosting(
  engine: Engine, *, report: Callable[[str], None] | None = None
) -> contextlib.closing[hosts.Host]:
  """Returns a context manager: a host of the engine for a `with` block (see `hosts.host`)."""
  return contextlib.closing(hosts.host(engine, report=report))


def _named(recipe: Recipe, path: str) -> Engine:
  """Returns the engine as the recipe describes it; nothing of it is loaded."""
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
