"""Floating-point operations of a model, counted: what a rate is divided by to say how well it is.

Only products of matrices and convolutions count, a multiplication and an addition each as one, as
is usual for "model FLOPs" (PaLM, arXiv:2204.02311, appendix B): the rest is a few percent of an
AST. The count is of the mathematics and not of what a compiler makes of it, so recomputation or
padding cannot flatter a utilisation.
"""

import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from synthmatch_jax.models.base import Estimator

TRAINING = 3
"""A training step per forward pass: gradients of weights and of inputs cost one more each."""


def forward_flops(model: Estimator) -> int | None:
  """FLOPs of one answer to one sound, from the model's traced program.

  Nothing is compiled or computed; an abstract model (`nnx.eval_shape`) will do. A training step
  over a batch of b takes `TRAINING * b` times as many, the optimizer left aside.

  Returns:
    The count; None for a model with a loop or a branch whose length is not known before it runs.
  """
  graphdef, state = nnx.split(model)

  def run(state, mel):
    copy = nnx.merge(graphdef, state)
    copy.eval()
    return copy.answers(mel, keys=jax.random.split(jax.random.key(0), 1), count=1)

  mel = jax.ShapeDtypeStruct((1, model.num_frames, model.num_bins), jnp.float32)
  program = jax.make_jaxpr(run)(jax.eval_shape(lambda: state), mel)
  try:
    return sum(times * _flops(operation) for times, operation in _operations(program.jaxpr))
  except _UnknownError:
    return None


class _UnknownError(Exception):
  """The program decides while it runs how often something is computed."""


def _operations(program: Any) -> Iterator[tuple[int, Any]]:
  """How often each operation of a program, and of the programs within it, is computed."""
  for operation in program.eqns:
    if operation.primitive.name in ("while", "cond"):
      raise _UnknownError
    yield 1, operation
    rounds = operation.params["length"] if operation.primitive.name == "scan" else 1
    for parameter in jax.tree.leaves(operation.params, is_leaf=_is_program):
      if _is_program(parameter):
        for times, inner in _operations(getattr(parameter, "jaxpr", parameter)):
          yield rounds * times, inner


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
