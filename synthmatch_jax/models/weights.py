"""The weights of a model by their names in files, and models made of such weights.

Both may come from a stranger: what a file holds is compared with what the model needs before any
weight is read, and what a model takes is bounded.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from synthmatch_jax import models
from synthmatch_jax.arrays import digest as digest_of
from synthmatch_jax.errors import UserError, brief
from synthmatch_jax.models import flops
from synthmatch_jax.models.model import Model

# A model as deep as any is three times as deep as the paper's; tracing one takes a fifth of a
# second a layer.
_MOST_LAYERS = 48
_LARGEST_ARGUMENT = 1 << 16
# Arguments that count layers -> the least number of arrays in a layer, over all models.
_ARRAYS_OF_LAYERS = {"depth": 6, "conv_depth": 6, "stages": 10, "head_depth": 2}
_ARRAYS_OF_LAYERS |= {"flow_depth": 18, "proxy_depth": 6}
# For one sound; the paper's model takes 2e10 operations, and its largest array has 4e5 values.
_MOST_FLOPS, _MOST_VALUES = 1e12, 1 << 24


def blueprint(
  arguments: Mapping[str, Any], sizes: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]
) -> Model:
  """Builds a model without weights, for those of a file; none is drawn at random on the way.

  Args:
    arguments: The arguments that the model was built with, its name included.
    sizes: The sizes of its input and output, as `models.create` takes them.
    shapes: The name of each weight in the file -> its shape.

  Raises:
    UserError: There is no such model, it takes too much, or the file holds the weights of another.
  """
  abstract = _abstract(arguments, sizes, arrays=len(shapes))
  if shapes != {name: tuple(array.shape) for name, array in arrays_of(abstract).items()}:
    raise UserError("its weights are not those of its model; export it again")
  return abstract


def filled(abstract: Model, arrays: Mapping[str, np.ndarray]) -> Model:
  """Returns a blueprint with its weights in place, in evaluation mode."""
  # NumPy makes what is missing: JAX would compile a function for each shape.
  model = _put(abstract, jax.device_put(dict(arrays)), otherwise=_zeros)
  model.eval()
  return model


def functional(model: Model) -> Callable[[Mapping[str, Any]], Model]:
  """Returns a function of weights by their names, which may be traced, to the model with them."""
  return lambda arrays: _put(model, arrays, otherwise=lambda leaf: leaf)


def arrays_of(model: Model) -> dict[str, Any]:
  """Returns all arrays that inference computes with, by their names in files."""
  state = nnx.state(model, nnx.Any(nnx.Param, nnx.BatchStat))
  paths = paths_in_files(state)
  return {_name(paths[at]): found.get_raw_value() for at, found in nnx.to_flat_state(state)}


def digest(model: Model) -> str:
  """Returns 16 hexadecimal digits that stand for all arrays that inference computes with."""
  return digest_of(arrays_of(model))


def take_over(model: Model, other: Model) -> list[str]:
  """Gives a model the weights of another one, where both name and shape agree.

  Returns:
    The names in files of the weights that were taken.
  """
  theirs = arrays_of(other)
  state = nnx.state(model, nnx.Any(nnx.Param, nnx.BatchStat))
  paths = paths_in_files(state)
  taken = []
  for path, variable in nnx.to_flat_state(state):
    name = _name(paths[path])
    if name in theirs and theirs[name].shape == variable.get_raw_value().shape:
      variable.set_value(jnp.array(theirs[name]))
      taken.append(name)
  nnx.update(model, state)
  return taken


def paths_in_files(*states: Any) -> dict[tuple[Any, ...], tuple[Any, ...]]:
  """Maps the path of each weight in some `nnx.State` to its path in files, which stays the same.

  Up to version 0.1 no model had an encoder of its own: the encoders of that time have their weights
  at the top, and the output layers of the baselines are a part of "mlp", or are called "out".
  """
  paths = [path for state in states for path, _ in nnx.to_flat_state(state)]
  parts = {path[1] for path in paths if path[0] == "encoder"}
  output = ("mlp", "output") if "mlp" in parts else ("out",) if "stem" in parts else None
  kept = {"blocks", "norm"} if "class_embedding" in parts else parts if output is None else set()

  def in_files(path: tuple[Any, ...]) -> tuple[Any, ...]:
    if path[0] == "encoder":
      return path if path[1] in kept else path[1:]
    return output + path[2:] if output and path[:2] == ("head", "output") else path

  return {path: in_files(path) for path in paths}


def renamed(tree: Any, paths: Mapping[tuple[Any, ...], tuple[Any, ...]]) -> Any:
  """Moves the weights in every `nnx.State` of a pytree to other paths."""

  def move(part: Any) -> Any:
    if not isinstance(part, nnx.State):
      return part
    return nnx.from_flat_state([(paths[path], leaf) for path, leaf in nnx.to_flat_state(part)])

  return jax.tree.map(move, tree, is_leaf=lambda part: isinstance(part, nnx.State))


def _abstract(arguments: Mapping[str, Any], sizes: Mapping[str, Any], *, arrays: int) -> Model:
  """Builds the model without weights, if a file with so many arrays can hold it."""
  _check(arguments, arrays)
  try:
    model = nnx.eval_shape(lambda: models.create(**arguments, **sizes, seed=None))
    cost = flops.forward_cost(model)
  except (ArithmeticError, TypeError, ValueError) as error:
    raise UserError(f"the model {arguments['name']} cannot be built: {brief(error)}") from None
  if cost is None:
    raise UserError(f"what the model {arguments['name']} takes for one sound cannot be counted")
  if cost.flops > _MOST_FLOPS or cost.largest > _MOST_VALUES:
    raise UserError(
      f"the model takes {cost.flops:.2g} operations and arrays of {cost.largest:.2g} values for"
      f" one sound, more than the {_MOST_FLOPS:.2g} and {_MOST_VALUES:.2g} allowed"
    )
  return model


def _check(arguments: Mapping[str, Any], arrays: int) -> None:
  """Raises a UserError unless each argument is of the kind of its default, and not too large."""
  name = arguments.get("name")
  defaults = models.arguments(name, arguments.get("head", "regression"))
  for key, value in arguments.items():
    if key in ("name", "head"):
      continue
    if key not in defaults:
      raise UserError(f"the model {name} has no argument {key!r:.50}; known: {', '.join(defaults)}")
    default = defaults[key]
    kind = (int, float) if isinstance(default, float) else type(default)
    most = _LARGEST_ARGUMENT
    if key in _ARRAYS_OF_LAYERS:
      most = min(_MOST_LAYERS, arrays // _ARRAYS_OF_LAYERS[key])
    if not isinstance(value, kind) or isinstance(value, bool) or len(str(value)) > 50:
      raise UserError(f"the model's {key} is of another kind than {default!r}: {value!r:.50}")
    if not isinstance(value, str) and not abs(value) <= most:
      raise UserError(f"the model's {key} is {value}; a file with its weights has at most {most}")


def _put(model: Model, arrays: Mapping[str, Any], *, otherwise: Callable[[Any], Any]) -> Model:
  """Returns a model with other weights; what else it holds is made of what is there."""
  graphdef, state = nnx.split(model)
  paths = paths_in_files(state)
  flat = []
  for path, variable in nnx.to_flat_state(state):
    name = _name(paths[path])
    value = arrays[name] if name in arrays else otherwise(variable.get_raw_value())
    flat.append((path, variable.replace(value)))
  return nnx.merge(graphdef, nnx.from_flat_state(flat))


def _zeros(leaf: Any) -> Any:
  """Returns the state of dropout, which does not act here, with zeros."""
  if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
    return jax.random.wrap_key_data(jax.device_put(np.zeros(2, np.uint32)), impl="threefry2x32")
  return jax.device_put(np.zeros(leaf.shape, leaf.dtype))


def _name(path: tuple[Any, ...]) -> str:
  return "/".join(map(str, path))
