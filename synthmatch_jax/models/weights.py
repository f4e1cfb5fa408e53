"""Keeps the weights of a model in a file (safetensors), which may come from a stranger.

The header of the file says what it holds. It is compared with what the model needs before any
weight is read, and both are bounded, since a long file may occupy no space on a disk.
"""

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from safetensors import numpy as safetensors

from synthmatch_jax import models, untrusted
from synthmatch_jax.errors import UserError, brief
from synthmatch_jax.models import flops
from synthmatch_jax.models.model import Model

StoredDtype = Literal["float32", "float16"]

_BYTES = {"F32": 4, "F16": 2}
# The paper's model has 200 arrays in a header of 20 kB, and a model as deep as any is three times
# as deep; tracing one takes a fifth of a second a layer.
_MOST_HEADER_BYTES, _MOST_ARRAYS, _MOST_LAYERS = 1 << 18, 1024, 48
_LARGEST_ARGUMENT = 1 << 16
# Arguments that count layers -> the least number of arrays in a layer, over all models.
_ARRAYS_OF_LAYERS = {"depth": 6, "conv_depth": 6, "stages": 10, "head_depth": 2}
_ARRAYS_OF_LAYERS |= {"flow_depth": 18, "proxy_depth": 6}
# All weights as float32; the paper's model has 350 MB. Reading takes some three times as much.
_MOST_BYTES = 1 << 30
# For one sound; the paper's model takes 2e10 operations, and its largest array has 4e5 values.
_MOST_FLOPS, _MOST_VALUES = 1e12, 1 << 24


def dumps(model: Model, *, dtype: StoredDtype) -> bytes:
  """Returns the bytes of a file with the weights of a model.

  Raises:
    UserError: a weight is no number, or is too large for the dtype.
  """
  with np.errstate(over="ignore"):  # An overflow is found below.
    arrays = {name: np.asarray(array).astype(dtype) for name, array in arrays_of(model).items()}
  _require_finite(arrays, advice=f"train it again, or store it as float32 and not {dtype}")
  return safetensors.save(arrays)


def read(
  path: Path, arguments: Mapping[str, Any], sizes: Mapping[str, Any], *, sha256: str = ""
) -> Model:
  """Builds a model with the weights in a file; none is drawn at random on the way.

  Args:
    path: The file.
    arguments: The arguments that the model was built with, its name included.
    sizes: The sizes of its input and output, as `models.create` takes them.
    sha256: The SHA-256 that the file must have; empty where it is not known.

  Returns:
    The model, in evaluation mode; its weights are float32.

  Raises:
    OSError, ValueError, SafetensorError: the file cannot be read, or is damaged.
    UserError: there is no such model, or the file holds the weights of another one.
  """
  with untrusted.opened(path) as (file, size):
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or not 2 <= length <= min(size - 8, _MOST_HEADER_BYTES):
      raise ValueError(f"{path.name} has no header of weights")
    header = file.read(length)
    shapes, held = _shapes(header.decode(), path.name)
    if size != 8 + length + held:
      raise ValueError(f"{path.name} is not as long as its header says")
    if 4 * sum(map(math.prod, shapes.values())) > _MOST_BYTES:
      raise ValueError(f"{path.name} holds more weights than fit into {_MOST_BYTES >> 20:,} MiB")
    abstract = _abstract(arguments, sizes, arrays=len(shapes))
    if shapes != {name: tuple(array.shape) for name, array in arrays_of(abstract).items()}:
      raise UserError(f"the weights in {path.parent} are not those of its model; export it again")
    file.seek(0)
    data = file.read(size)
  if sha256:
    untrusted.require_sum(path.name, hashlib.sha256(data).hexdigest(), sha256)
  arrays = safetensors.load(data)
  _require_finite(arrays, advice="export it again")
  return _filled(abstract, arrays)


def arrays_of(model: Model) -> dict[str, Any]:
  """Returns all arrays that inference computes with, by their names in files."""
  state = nnx.state(model, nnx.Any(nnx.Param, nnx.BatchStat))
  paths = paths_in_files(state)
  return {_name(paths[at]): found.get_raw_value() for at, found in nnx.to_flat_state(state)}


def digest(model: Model) -> str:
  """Returns 16 hexadecimal digits that stand for all arrays that inference computes with."""
  state = hashlib.sha256()
  for name, array in sorted(arrays_of(model).items()):
    state.update(name.encode() + np.asarray(array).tobytes())
  return state.hexdigest()[:16]


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


def _shapes(header: str, name: str) -> tuple[dict[str, tuple[int, ...]], int]:
  """Returns the shape of every array in a header, and the bytes of all of them together."""
  said = untrusted.parse_json(header.rstrip(" "))
  if not isinstance(said, dict) or len(said) > _MOST_ARRAYS:
    raise ValueError(f"{name} has no header of weights")
  shapes, held = {}, 0
  for array, about in said.items():
    if array == "__metadata__":
      continue
    if not isinstance(about, dict) or about.get("dtype") not in tuple(_BYTES):
      raise ValueError(f"{name} holds {array:.50}, which is not of {', '.join(_BYTES)}")
    shape = about.get("shape")
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
      raise ValueError(f"{name} holds {array:.50}, which has no shape")
    shapes[array] = tuple(shape)
    held += math.prod(shape) * _BYTES[about["dtype"]]
  return shapes, held


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


def _filled(abstract: Model, arrays: Mapping[str, np.ndarray]) -> Model:
  graphdef, state = nnx.split(abstract)
  paths = paths_in_files(state)
  flat = [
    (path, variable.replace(_value(_name(paths[path]), variable, arrays)))
    for path, variable in nnx.to_flat_state(state)
  ]
  model = nnx.merge(graphdef, nnx.from_flat_state(flat))
  model.eval()
  return model


def _value(name: str, variable: Any, arrays: Mapping[str, np.ndarray]) -> Any:
  # NumPy converts and makes them: JAX would compile a function for each shape.
  if name in arrays:
    return jax.device_put(arrays[name].astype(np.float32))
  leaf = variable.get_raw_value()  # The state of dropout, which does not act here.
  if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
    return jax.random.wrap_key_data(jax.device_put(np.zeros(2, np.uint32)), impl="threefry2x32")
  return jax.device_put(np.zeros(leaf.shape, leaf.dtype))


def _require_finite(arrays: Mapping[str, np.ndarray], *, advice: str) -> None:
  for name, array in arrays.items():
    if not np.isfinite(array).all():
      raise UserError(f"the weights {name} hold what is no number (NaN or infinite): {advice}")


def _name(path: tuple[Any, ...]) -> str:
  return "/".join(map(str, path))
