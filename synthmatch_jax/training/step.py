"""One training step and one validation step, as pure functions that JAX compiles."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Bool, Float

from synthmatch_jax.data.batch import Batch
from synthmatch_jax.data.statistics import Statistics
from synthmatch_jax.training.augment import Masking
from synthmatch_jax.training.state import TrainState

TrainStep = Callable[[TrainState, Batch], tuple[TrainState, Float[Array, ""]]]
Mask = Bool[Array, " b"] | Bool[np.ndarray, " b"]
Sums = dict[str, Float[Array, "*rest"]]
"""The name of a measure -> its sum over records; a measure of parameters has a sum for each."""
EvalStep = Callable[[TrainState, Batch, Mask], Sums]

# Keeps what a loss draws at random independent of the masks of the same step.
_LOSS_STREAM = 1
# A validation draws the same at every step, so that losses can be compared.
_VALIDATION_SEED = 0


def make_train_step(
  graphdef: nnx.GraphDef,
  optimizer: optax.GradientTransformation,
  statistics: Statistics,
  *,
  masking: Masking | None = None,
  seed: int = 0,
  accumulate: int = 1,
  average_decay: float | None = None,
) -> TrainStep:
  """Makes a function (state, batch) -> (next state, loss of the batch).

  Args:
    graphdef: structure of the model.
    optimizer: optimizer of the weights.
    statistics: statistics by which mels are normalised.
    masking: masking of the mels, if any.
    seed: seed of what is drawn at random; a step's draws are a function of seed and step.
    accumulate: number of parts in which a batch is processed, one after the other, where the
      memory does not hold it at once; the gradient is that of the whole batch.
    average_decay: decay of the exponential moving average of the weights, if there is one.
  """

  def loss_of(params, variables, part, key):
    # Copied, since a model may only change variables made at its own level of tracing.
    model = nnx.merge(graphdef, params, variables, copy=True)
    model.train()
    mel = statistics.normalise(part["mel"])
    heard: Any = {**part, "mel": masking(mel, key) if masking else mel}
    losses, _ = model.loss(heard, jax.random.fold_in(key, _LOSS_STREAM))
    return losses.mean(), nnx.state(model, nnx.Not(nnx.Param))

  gradient_of = jax.value_and_grad(loss_of, has_aux=True)

  def in_parts(state, batch, key):
    def add(carried, part):
      variables, loss, gradients = carried
      number, part = part
      (more, variables), added = gradient_of(
        state.params, variables, part, jax.random.fold_in(key, number)
      )
      return (variables, loss + more, jax.tree.map(jnp.add, gradients, added)), None

    nothing = jax.tree.map(jnp.zeros_like, state.params)
    start = (state.variables, jnp.zeros(()), nothing)
    parts = jnp.arange(accumulate), jax.tree.map(lambda x: _in_parts(x, accumulate), dict(batch))
    (variables, loss, gradients), _ = jax.lax.scan(add, start, parts)
    mean = jax.tree.map(lambda x: x / accumulate, (loss, gradients))
    return (mean[0], variables), mean[1]

  def step(state, batch):
    key = jax.random.fold_in(jax.random.key(seed), state.step)
    if accumulate > 1:
      (loss, variables), gradients = in_parts(state, batch, key)
    else:
      (loss, variables), gradients = gradient_of(state.params, state.variables, batch, key)
    updates, optimizer_state = optimizer.update(gradients, state.optimizer, state.params)
    params = optax.apply_updates(state.params, updates)
    average = state.average
    if average_decay is not None:
      # The average is over fewer steps at first, so that nothing is left of the first weights.
      decay = jnp.minimum(average_decay, (1 + state.step) / (10 + state.step))
      average = optax.incremental_update(params, average, 1 - decay)
    following = TrainState(
      step=state.step + 1,
      params=params,
      variables=variables,
      optimizer=optimizer_state,
      average=average,
    )
    return following, loss

  return step


def make_eval_step(graphdef: nnx.GraphDef, statistics: Statistics) -> EvalStep:
  """Makes a function (state, batch, mask) -> sums of the loss and of what the model reports.

  Both are summed over the records where `mask` is true; the loss is called "loss".
  """

  def step(state, batch, mask):
    model = nnx.merge(graphdef, state.best_params, state.variables)
    model.eval()
    heard: Any = {**batch, "mel": statistics.normalise(batch["mel"])}
    losses, report = model.loss(heard, jax.random.key(_VALIDATION_SEED))
    return {
      name: jnp.sum(values, axis=0, where=mask[:, *[None] * (values.ndim - 1)])
      for name, values in {"loss": losses, **report}.items()
    }

  return step


def _in_parts(values: Array, count: int) -> Array:
  """Reshapes (b, ...) to (count, b / count, ...); no record moves to another device."""
  return values.reshape(-1, count, *values.shape[1:]).swapaxes(0, 1)
