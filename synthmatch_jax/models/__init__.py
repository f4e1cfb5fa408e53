"""Models: networks that map mel spectrograms to controls, chosen by name."""

import inspect
import math
from functools import partial
from typing import Any, get_args

import jax
from flax import nnx

from synthmatch_jax.errors import UserError
from synthmatch_jax.models.ast import AST
from synthmatch_jax.models.base import Estimator
from synthmatch_jax.models.cnn import CNN
from synthmatch_jax.models.mlp import MLP
from synthmatch_jax.models.resnet import ResNet

MODELS: dict[str, partial[Estimator]] = {
  # The paper's three models (sections 2 and 3.2.1), at the default sizes of their classes.
  "ast_base": partial(AST),
  "cnn": partial(CNN),
  "mlp": partial(MLP),
  # A transformer small enough to train on two CPU cores.
  "ast_small": partial(AST, width=192, depth=6, heads=3, stride=10, head_width=192),
  # A convolutional baseline stronger than the paper's.
  "resnet": partial(ResNet),
  # For tests.
  "ast_tiny": partial(AST, width=64, depth=2, heads=2, stride=16, head_width=64),
  "cnn_tiny": partial(CNN, channels=8, width=64, depth=2),
  "resnet_tiny": partial(ResNet, width=16, stages=2, depth=1, head_width=64),
  "mlp_tiny": partial(MLP, width=64, depth=2),
}
"""Name -> constructor with its arguments; any other argument keeps the default of the class."""

# What a recipe's sizes and the seed say.
_OWN = ("self", "num_frames", "num_bins", "num_controls", "rngs")


def arguments(name: str) -> dict[str, type]:
  """Name -> type of the arguments that `create` takes for a model, from its constructor.

  Raises:
    UserError: there is no such model.
  """
  if name not in MODELS:
    raise UserError(f"no model {name!r}; known: {', '.join(MODELS)}")
  signature = inspect.signature(MODELS[name].func.__init__, eval_str=True)
  return {
    key: type(get_args(found.annotation)[0]) if get_args(found.annotation) else found.annotation
    for key, found in signature.parameters.items()
    if key not in _OWN
  }


def create(
  name: str, *, num_frames: int, num_bins: int, num_controls: int, seed: int, **overrides: Any
) -> Estimator:
  """Builds a model in training mode; the same arguments give the same weights.

  Args:
    name: key of `MODELS`.
    num_frames: mel frames of the input.
    num_bins: mel bins of the input.
    num_controls: length of the output.
    seed: seed of the weights and of dropout.
    **overrides: other arguments of the model's constructor, e.g. `stride=16`.

  Raises:
    UserError: there is no such model or argument (the message lists the known ones), or the
      arguments do not fit together.
  """
  known = arguments(name)
  unknown = [k for k in overrides if k not in known]
  if unknown:
    raise UserError(f"the model {name} has no argument {unknown[0]!r}; known: {', '.join(known)}")
  weights, dropout = jax.random.split(jax.random.key(seed))
  try:
    return MODELS[name](
      num_frames=num_frames,
      num_bins=num_bins,
      num_controls=num_controls,
      rngs=nnx.Rngs(params=weights, dropout=dropout),
      **overrides,
    )
  except (TypeError, ValueError) as error:
    raise UserError(f"the model {name} cannot be built: {error}") from error


def num_params(model: Any) -> int:
  """Counts the weights of a model, or of an nnx.State of weights; either may be abstract."""
  params = nnx.state(model, nnx.Param) if isinstance(model, nnx.Module) else model
  return sum(math.prod(p.shape) for p in jax.tree.leaves(params))
