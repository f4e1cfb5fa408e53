"""One training step and one validation step, as pure functions that JAX compiles."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from synthmatch_jax.data.batch import Batch
from synthmatch_jax.data.statistics import Statistics
from synthmatch_jax.training.audio_loss import AudioLoss
from synthmatch_jax.training.augment import Masking, told
from synthmatch_jax.training.disturbance import Disturbance
from synthmatch_jax.training.state import TrainState

TrainStep = Callable[[TrainState, Batch], tuple[TrainState, Float[Array, ""]]]
Mask = Bool[Array, " b"] | Bool[np.ndarray, " b"]
Sums = dict[str, tuple[Float[Array, "*rest"], Int[Array, "*rest"]]]
"""The name of a measure -> its sum over records, and the number of records that have a value; a
measure of parameters has both for each."""
EvalStep = Callable[[TrainState, Batch, Mask], Sums]

# They keep what is drawn at random for the same step independent; masks have the step's own key.
_LOSS_STREAM, _NOTE_STREAM, _DISTURBANCE_STREAM = 1, 2, 3
# A validation draws the same at every step, so that losses can be compared.
_VALIDATION_SEED = 0


def make_train_step(
  graphdef: nnx.GraphDef,
  optimizer: optax.GradientTransformation,
  statistics: Statistics,
  *,
  masking: Masking | None = None,
  disturbance: Disturbance | None = None,
  audio: AudioLoss | None = None,
  note_hidden: float = 0.0,
  seed: int = 0,
  accumulate: int = 1,
  average_decay: float | None = None,
) -> TrainStep:
  """Makes a function (state, batch) -> (next state, loss of the batch).

  Args:
    graphdef: Structure of the model.
    optimizer: Optimizer of the weights.
    statistics: Statistics by which mels are normalised.
    masking: Masking of the mels, if any.
    disturbance: What happens to sounds before they are heard, if anything.
    audio: What is added to the loss by a proxy of the synth, if anything.
    note_hidden: Share of the records of which a model is not told the whole note (see `told`).
    seed: Seed of what is drawn at random; a step's draws are a function of seed and step.
    accumulate: Number of parts in which a batch is processed, one after the other, where the
      memory does not hold it at once; the gradient is that of the whole batch.
    average_decay: Decay of the exponential moving average of the weights, if there is one.
  """

  def hear(part, key):
    heard = dict(part)
    if disturbance:
      heard = disturbance(heard, jax.random.fold_in(key, _DISTURBANCE_STREAM))
    if "note" in heard:
      stream = jax.random.fold_in(key, _NOTE_STREAM)
      heard["told"] = told(stream, len(heard["note"]), hidden=note_hidden)
    mel = statistics.normalise(heard["mel"])
    return heard | {"mel": masking(mel, key) if masking else mel}

  def loss_of(params, variables, part, key, step):
    # Copied, since a model may only change variables made at its own level of tracing.
    model = nnx.merge(graphdef, params, variables, copy=True)
    model.train()
    of_loss = jax.random.fold_in(key, _LOSS_STREAM)
    losses, _ = model.loss(hear(part, key), of_loss, hear=audio and audio.of(part, step))
    return losses.mean(), nnx.state(model, nnx.Not(nnx.Param))

  gradient_of = jax.value_and_grad(loss_of, has_aux=True)

  def in_parts(state, batch, key):
    def add(carried, part):
      variables, loss, gradients = carried
      number, part = part
      (more, variables), added = gradient_of(
        state.params, variables, part, jax.random.fold_in(key, number), state.step
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
      (loss, variables), gradients = gradient_of(
        state.params, state.variables, batch, key, state.step
      )
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


def make_eval_step(
  graphdef: nnx.GraphDef, statistics: Statistics, *, audio: AudioLoss | None = None
) -> EvalStep:
  """Makes a function (state, batch, mask) -> sums of the loss and of what the model reports.

  Both are summed over the records where `mask` is true; the loss is called "loss". What a model
  reports is NaN for a record that has no value, which is then left out. A model that has to do with
  notes is told them, and asked once more without: what it reports then is called "untold/NAME", and
  is one number for all parameters. An audio loss counts from the first validation on, so that all
  validations of a run compare.
  """

  def step(state, batch, mask):
    model = nnx.merge(graphdef, state.best_params, state.variables)
    model.eval()
    heard: Any = {**batch, "mel": statistics.normalise(batch["mel"])}
    key = jax.random.key(_VALIDATION_SEED)
    losses, report = model.loss(heard, key, hear=audio and audio.of(batch))
    measures = {"loss": losses, **report}
    if "note" in batch and model.is_told_notes:
      untold: Any = {**heard, "told": jnp.zeros(batch["note"].shape, bool)}
      _, report = model.loss(untold, key)
      measures |= {
        f"untold/{n}": jnp.nanmean(v.reshape(len(v), -1), axis=1) for n, v in report.items()
      }
    return {name: _sum(values, mask, strict=name == "loss") for name, values in measures.items()}

  return step


def _sum(
  values: Float[Array, "b *rest"], mask: Mask, *, strict: bool
) -> tuple[Float[Array, "*rest"], Int[Array, "*rest"]]:
  """Returns the sum over records, and their number; NaN is no value, or one if it is `strict`."""
  chosen = jnp.broadcast_to(mask[:, *[None] * (values.ndim - 1)], values.shape)
  chosen = chosen if strict else chosen & ~jnp.isnan(values)
  return jnp.sum(values, axis=0, where=chosen), chosen.sum(axis=0)


def _in_parts(values: Array, count: int) -> Array:
  """Reshapes (b, ...) to (count, b / count, ...); no record moves to another device."""
  return values.reshape(-1, count, *values.shape[1:]).swapaxes(0, 1)
