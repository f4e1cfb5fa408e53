"""Floating-point operations of a model, counted: what a rate is divided by to say how well it is.

Only products of matrices and convolutions count, a multiplication and an addition each as one, as
is usual for "model FLOPs" (PaLM, arXiv:2204.02311, appendix B): the rest is a few percent of an
AST. The count is of the mathematics and not of what a compiler makes of it, so recomputation or
padding cannot flatter a utilisation.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from synthmatch_jax.models.base import MelModel

TRAINING = 3
"""A training step per forward pass: gradients of weights and of inputs cost one more each."""


@dataclass(frozen=True, kw_only=True)
class Cost:
  """What one forward pass over one sound takes.

  Attributes:
    flops: floating-point operations.
    largest: values of the largest array on the way.
  """

  flops: int
  largest: int


def forward_flops(model: MelModel) -> int:
  """FLOPs of one forward pass over one sound (see `forward_cost`).

  A training step over a batch of b takes `TRAINING * b` times as many, the optimizer left aside.
  """
  return forward_cost(model).flops


def forward_cost(model: MelModel) -> Cost:
  """The cost of one forward pass over one sound, from the model's traced program.

  Nothing is compiled or computed; an abstract model (`nnx.eval_shape`) will do.
  """
  graphdef, state = nnx.split(model)

  def run(state, mel):
    copy = nnx.merge(graphdef, state)
    copy.eval()
    return copy(mel)

  mel = jax.ShapeDtypeStruct((1, model.num_frames, model.num_bins), jnp.float32)
  program = jax.make_jaxpr(run)(jax.eval_shape(lambda: state), mel)
  operations = list(_operations(program.jaxpr))
  outputs = [out for operation in operations for out in operation.outvars]
  return Cost(
    flops=sum(map(_flops, operations)),
    largest=max(math.prod(getattr(out.aval, "shape", ())) for out in outputs),
  )


def _operations(program: Any) -> Iterator[Any]:
  """Operations of a program and of the programs within it."""
  for operation in program.eqns:
    if operation.primitive.name in ("scan", "while", "cond"):
      raise NotImplementedError(f"operations within a {operation.primitive.name} are not counted")
    yield operation
    for parameter in jax.tree.leaves(operation.params, is_leaf=_is_program):
      if _is_program(parameter):
        yield from _operations(getattr(parameter, "jaxpr", parameter))


def _is_program(parameter: Any) -> bool:
  return hasattr(parameter, "eqns") or hasattr(getattr(parameter, "jaxpr", None), "eqns")


def _flops(operation: Any) -> int:
  outputs = math.prod(operation.outvars[0].aval.shape)
  if operation.primitive.name == "dot_general":
    (contracted, _), _ = operation.params["dimension_numbers"]
    shape = operation.invars[0].aval.shape
    return 2 * outputs * math.prod(shape[axis] for axis in contracted)
  if operation.primitive.name == "conv_general_dilated":
    # Every output is as many products as one output channel has weights (the padded included).
    kernel = operation.invars[1].aval.shape
    channels = kernel[operation.params["dimension_numbers"].rhs_spec[0]]
    return 2 * outputs * math.prod(kernel) // channels
  return 0
