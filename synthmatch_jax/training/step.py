"""One training step and one validation step: pure functions, to be compiled."""

from collections.abc import Callable, Mapping

import jax
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Bool, Float

from synthmatch_jax.data.statistics import Statistics
from synthmatch_jax.training import losses
from synthmatch_jax.training.state import TrainState

Batch = Mapping[str, Float[Array, "b ..."] | Float[np.ndarray, "b ..."]]
"""`mel` (b, t, f) in dB and `controls` (b, d)."""
TrainStep = Callable[[TrainState, Batch], tuple[TrainState, Float[Array, ""]]]
Mask = Bool[Array, " b"] | Bool[np.ndarray, " b"]
EvalStep = Callable[[TrainState, Batch, Mask], Float[Array, " d"]]


def make_train_step(
  graphdef: nnx.GraphDef, optimizer: optax.GradientTransformation, statistics: Statistics
) -> TrainStep:
  """A function (state, batch) -> (next state, loss of the batch)."""

  def step(state, batch):
    def loss_of(params):
      # Copied, since a model may only change variables made at its own level of tracing.
      model = nnx.merge(graphdef, params, state.variables, copy=True)
      model.train()
      estimate = model(statistics.normalise(batch["mel"]))
      loss = losses.mean_squared_error(estimate, batch["controls"])
      return loss, nnx.state(model, nnx.Not(nnx.Param))

    (loss, variables), gradients = jax.value_and_grad(loss_of, has_aux=True)(state.params)
    updates, optimizer_state = optimizer.update(gradients, state.optimizer, state.params)
    following = TrainState(
      step=state.step + 1,
      params=optax.apply_updates(state.params, updates),
      variables=variables,
      optimizer=optimizer_state,
    )
    return following, loss

  return step


def make_eval_step(graphdef: nnx.GraphDef, statistics: Statistics) -> EvalStep:
  """A function (state, batch, mask) -> sum of squared errors of each control, where mask."""

  def step(state, batch, mask):
    model = nnx.merge(graphdef, state.params, state.variables)
    model.eval()
    estimate = model(statistics.normalise(batch["mel"]))
    return losses.squared_error_sums(estimate, batch["controls"], mask)

  return step
