"""The state that a training run carries from step to step, as one pytree."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class TrainState:
  """State of a run after some steps; its leaves are arrays (or shapes, when abstract).

  Attributes:
    step: Number of steps made, int32.
    params: Weights of the network, an nnx.State.
    variables: Other variables of the network: running statistics of batch normalisation, random
      state of dropout.
    optimizer: State of the optimizer.
    average: Exponential moving average of the weights; None where none is kept.
  """

  step: Any
  params: Any
  variables: Any
  optimizer: Any
  average: Any = None

  @property
  def best_params(self) -> Any:
    """The weights to use: the average where there is one, else `params`."""
    return self.params if self.average is None else self.average


def create(
  model: nnx.Module, optimizer: optax.GradientTransformation, *, averaged: bool = False
) -> tuple[nnx.GraphDef, TrainState]:
  """Splits a model into its structure, which is static, and the state of a run at step 0."""
  graphdef, params, variables = nnx.split(model, nnx.Param, ...)
  state = TrainState(
    step=jnp.zeros((), jnp.int32),
    params=params,
    variables=variables,
    optimizer=optimizer.init(params),
    average=jax.tree.map(jnp.copy, params) if averaged else None,
  )
  return graphdef, state
