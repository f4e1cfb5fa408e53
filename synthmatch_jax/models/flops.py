"""Counts the floating-point operations of a model, to compute the utilisation of the devices.

Only matrix products and convolutions count, a multiplication and an addition as one each, as is
usual for "model FLOPs" (PaLM, arXiv:2204.02311, appendix B); the rest is a few percent of an AST.
The operations counted are those of the model and not of the compiled program, so recomputation or
padding cannot inflate the utilisation.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
from flax import nnx

from synthmatch_jax.models.model import Model

_TRAINING = 3
"""Cost of a training step in forward passes: gradients of weights and inputs cost one more each."""


@dataclass(frozen=True, kw_only=True)
class Cost:
  """The cost of one answer to one sound.

  Attributes:
    flops: Floating-point operations.
    largest: Number of values of the largest array on the way.
  """

  flops: int
  largest: int


def forward_flops(model: Model) -> int | None:
  """Counts the FLOPs of one answer to one sound (see `forward_cost`)."""
  cost = forward_cost(model)
  return None if cost is None else cost.flops


def training_flops(model: Model) -> int | None:
  """Counts the FLOPs that a training step takes for each sound, without the optimizer."""
  cost = _cost(model, lambda copy: copy.learning())
  return None if cost is None else _TRAINING * cost.flops


def forward_cost(model: Model) -> Cost | None:
  """Counts the cost of one answer to one sound, from the model's traced program.

  Nothing is compiled or computed, so an abstract model (`nnx.eval_shape`) is enough.

  Returns:
    The cost, or None for a model with a loop or a branch that depends on values.
  """
  return _cost(model, lambda copy: copy.once())


def _cost(model: Model, computed: Callable[[Any], Any]) -> Cost | None:
  """Counts the cost of what is computed with a copy of the model."""
  graphdef, state = nnx.split(model)

  def run(state):
    copy = nnx.merge(graphdef, state)
    copy.eval()
    return computed(copy)

  program = jax.make_jaxpr(run)(jax.eval_shape(lambda: state))
  try:
    operations = list(_operations(program.jaxpr))
  except _UnknownError:
    return None
  outputs = [out for _, operation in operations for out in operation.outvars]
  return Cost(
    flops=sum(times * _flops(operation) for times, operation in operations),
    largest=max(math.prod(getattr(out.aval, "shape", ())) for out in outputs),
  )


class _UnknownError(Exception):
  """How often something is computed is decided only while the program runs."""


def _operations(program: Any) -> Iterator[tuple[int, Any]]:
  """Yields each operation of a program and of its subprograms, with how often it is computed."""
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
    # Every output takes as many products as an output channel has weights, padding included.
    kernel = operation.invars[1].aval.shape
    channels = kernel[operation.params["dimension_numbers"].rhs_spec[0]]
    return 2 * outputs * math.prod(kernel) // channels
  return 0
