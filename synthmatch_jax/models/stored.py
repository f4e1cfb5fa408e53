"""The weights of a model in a file (safetensors), which may come from a stranger.

The file says what it holds in a header. That is compared with what the model needs before any
weight is read, and both are bounded: a file may be long and occupy nothing of a disk.
"""

import hashlib
import inspect
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
from synthmatch_jax.models.base import Estimator

StoredDtype = Literal["float32", "float16"]

_BYTES = {"F32": 4, "F16": 2}
# The paper's model has 200 arrays in a header of 20 kB, and a model as deep as any is three times
# as deep; tracing one takes a fifth of a second a layer.
_MOST_HEADER_BYTES, _MOST_ARRAYS, _MOST_LAYERS = 1 << 18, 1024, 48
_LARGEST_ARGUMENT = 1 << 16
# Arguments that count layers -> arrays that each layer has at least, over all models.
_ARRAYS_OF_LAYERS = {"depth": 6, "conv_depth": 6, "stages": 10, "head_depth": 2}
# Of all weights as float32: the paper's model has 350 MB. Reading them takes some three times that.
_MOST_BYTES = 1 << 30
# Of one sound: the paper's model takes 2e10 operations, and its largest array has 4e5 values.
_MOST_FLOPS, _MOST_VALUES = 1e12, 1 << 24


def dumps(model: Estimator, *, dtype: StoredDtype) -> bytes:
  """The file's bytes.

  Raises:
    UserError: a weight is no number, or is too large for the dtype.
  """
  with np.errstate(over="ignore"):  # It is told below.
    arrays = {name: np.asarray(array).astype(dtype) for name, array in arrays_of(model).items()}
  _require_finite(arrays, advice=f"train it again, or store it as float32 and not {dtype}")
  return safetensors.save(arrays)


def read(
  path: Path, arguments: Mapping[str, Any], sizes: Mapping[str, Any], *, sha256: str = ""
) -> Estimator:
  """The model that a file holds the weights of; none is drawn at random on the way.

  Args:
    path: The file.
    arguments: The arguments that the model was built with, its name included.
    sizes: The sizes of its input and output, as `models.create` takes them.
    sha256: that the file must have; empty: it is not looked at.

  Returns:
    The model, in evaluation mode; its weights are float32.

  Raises:
    OSError, ValueError, SafetensorError: the file cannot be read, or is damaged.
    UserError: there is no such model, or the file is whole and not of this model.
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


def arrays_of(model: Estimator) -> dict[str, Any]:
  """Name -> array of all that inference computes with."""
  state = nnx.state(model, nnx.Any(nnx.Param, nnx.BatchStat))
  return {_name(path): variable.get_raw_value() for path, variable in nnx.to_flat_state(state)}


def _shapes(header: str, name: str) -> tuple[dict[str, tuple[int, ...]], int]:
  """Shape of every array that a header names, and the bytes of all of them."""
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


def _abstract(arguments: Mapping[str, Any], sizes: Mapping[str, Any], *, arrays: int) -> Estimator:
  """The model without weights, if it is one that a file with so many arrays can hold."""
  _check(arguments, arrays)
  try:
    model = nnx.eval_shape(lambda: models.create(**arguments, **sizes, seed=0))
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
  if not isinstance(name, str) or name not in models.MODELS:
    raise UserError(f"no model {name!r:.50}; known: {', '.join(models.MODELS)}")
  known = inspect.signature(models.MODELS[name].func.__init__).parameters
  for key, value in arguments.items():
    if key == "name":
      continue
    default = known[key].default if key in models.arguments(name) else None
    if default is None:
      raise UserError(
        f"the model {name} has no argument {key!r:.50}; known: {', '.join(models.arguments(name))}"
      )
    kind = (int, float) if isinstance(default, float) else type(default)
    most = _LARGEST_ARGUMENT
    if key in _ARRAYS_OF_LAYERS:
      most = min(_MOST_LAYERS, arrays // _ARRAYS_OF_LAYERS[key])
    if not isinstance(value, kind) or isinstance(value, bool) or len(str(value)) > 50:
      raise UserError(f"the model's {key} is of another kind than {default!r}: {value!r:.50}")
    if not isinstance(value, str) and not abs(value) <= most:
      raise UserError(f"the model's {key} is {value}; a file with its weights has at most {most}")


def _filled(abstract: Estimator, arrays: Mapping[str, np.ndarray]) -> Estimator:
  graphdef, state = nnx.split(abstract)
  flat = [
    (path, variable.replace(_value(path, variable, arrays)))
    for path, variable in nnx.to_flat_state(state)
  ]
  model = nnx.merge(graphdef, nnx.from_flat_state(flat))
  model.eval()
  return model


def _value(path: tuple[Any, ...], variable: Any, arrays: Mapping[str, np.ndarray]) -> Any:
  name = _name(path)
  if name in arrays:
    return jnp.asarray(arrays[name], jnp.float32)
  leaf = variable.get_raw_value()  # Of dropout, which does not act here.
  if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
    return jax.random.key(0)
  return jnp.zeros(leaf.shape, leaf.dtype)


def _require_finite(arrays: Mapping[str, np.ndarray], *, advice: str) -> None:
  for name, array in arrays.items():
    if not np.isfinite(array).all():
      raise UserError(f"the weights {name} hold what is no number (NaN or infinite): {advice}")


def _name(path: tuple[Any, ...]) -> str:
  return "/".join(map(str, path))
