"""The head for spaces with switches and choices: each parameter is learnt by its own loss."""

import itertools
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Key, PRNGKeyArray

from synthmatch_jax.data.batch import Batch
from synthmatch_jax.models.encoder import Encoder
from synthmatch_jax.models.head import Report
from synthmatch_jax.models.regression import Regression
from synthmatch_jax.spaces.scales import MEASURES, Layout, Scale

Outputs = Float[Array, "b p w"]
"""Outputs of the network, or controls, of p parameters that have w controls each."""

# What is not known of a parameter costs the same on every scale: a twelfth, the squared error of
# the middle over all numbers. Probabilities that are all equal cost ln w, or ln 2 for a switch.
_CHANCE = 1 / 12

# How far the probability of an option spreads in a choice with an order: neighbours are two
# standard deviations away, and have e^-2 of what the option itself has.
_SPREAD = 0.5


class ByKind(Regression):
  """The paper's head (see `Regression`) with an output layer and a loss for every scale.

  Numbers are learnt by the squared error, switches by the binary cross-entropy, and choices by the
  cross-entropy. Where neighbours are alike, some of the probability that is to be learnt is theirs.
  Weights make the losses of parameters of which nothing is known equal, whatever their scale, and
  equal to the squared error of a number, for which learning rates are chosen: a choice of w
  options counts 1 / (12 ln w). Parameters that cannot be heard do not count, and the loss of a
  record is the mean over those that can.

  Answers are controls: numbers as they are, and probabilities for switches and choices.

  Attributes:
    layout: The scale and the number of controls of each parameter.
  """

  def __init__(
    self,
    encoder: Encoder,
    *,
    num_controls: int,
    layout: Layout,
    head_width: int = 768,
    head_depth: int = 0,
    rngs: nnx.Rngs,
  ):
    super().__init__(
      encoder, num_controls=num_controls, head_width=head_width, head_depth=head_depth, rngs=rngs
    )
    if sum(width for _, width in layout) != num_controls:
      raise ValueError(f"the layout is not one of {num_controls} controls")
    self.layout = layout

  def loss(
    self, tokens: Float[Array, "b l w"], batch: Batch, key: PRNGKeyArray
  ) -> tuple[Float[Array, " b"], Report]:
    """See `Estimator.loss`.

    The report holds the "error" of each parameter, from 0 to 1, and the measures of
    `spaces.scales` over the parameters that can be heard; NaN stands for what cannot. Whole
    numbers are not rounded.
    """
    del key
    outputs, controls = self(tokens), jnp.asarray(batch["controls"])
    shape = len(controls), len(self.layout)
    heard = jnp.asarray(batch["heard"]) if "heard" in batch else jnp.ones(shape, bool)
    losses, errors = jnp.zeros(shape), jnp.zeros(shape)
    for (scale, _), places, columns in self._alike():
      given, true = outputs[:, columns], controls[:, columns]
      losses = losses.at[:, places].set(_SCALES[scale].loss(given, true))
      answered = jnp.clip(_SCALES[scale].answer(given), 0.0, 1.0)
      errors = errors.at[:, places].set(_SCALES[scale].error(answered, true))
    errors = jnp.where(heard, errors, jnp.nan)
    report = {"error": errors}
    for measure in dict.fromkeys(MEASURES[scale] for scale, _ in self.layout):
      chosen = [i for i, (scale, _) in enumerate(self.layout) if MEASURES[scale] == measure]
      values = errors[:, chosen]
      hits = jnp.where(jnp.isnan(values), jnp.nan, values == 0)
      report[measure] = jnp.nanmean(hits if measure.endswith("accuracy") else values, axis=1)
    return jnp.sum(losses, axis=1, where=heard) / jnp.maximum(heard.sum(axis=1), 1), report

  def answers(
    self, tokens: Float[Array, "b l w"], *, keys: Key[Array, " b"], count: int
  ) -> Float[Array, "b n d"]:
    """See `Estimator.answers`; there is always one answer."""
    del keys, count
    outputs = self(tokens)
    for (scale, _), _, columns in self._alike():
      outputs = outputs.at[:, columns].set(_SCALES[scale].answer(outputs[:, columns]))
    return outputs[:, None]

  def _alike(self) -> list[tuple[tuple[Scale, int], np.ndarray, np.ndarray]]:
    """Returns the places of all parameters of a scale and a width, and those of their controls."""
    starts = np.array([0, *itertools.accumulate(width for _, width in self.layout)])
    found = []
    for kind in dict.fromkeys(self.layout):
      places = np.array([i for i, other in enumerate(self.layout) if other == kind])
      found.append((kind, places, starts[places, None] + np.arange(kind[1])))
    return found


class _Learnt(NamedTuple):
  """How parameters of a scale are learnt.

  Attributes:
    loss: Maps outputs and true controls to the loss of each parameter.
    answer: Maps outputs to controls.
    error: Maps the controls of an answer and the true ones to errors, from 0 to 1.
  """

  loss: Callable[[Outputs, Outputs], Float[Array, "b p"]]
  answer: Callable[[Outputs], Outputs]
  error: Callable[[Outputs, Outputs], Float[Array, "b p"]]


def _squared(outputs: Outputs, true: Outputs) -> Float[Array, "b p"]:
  return jnp.square(outputs - true)[..., 0]


def _binary_entropy(outputs: Outputs, true: Outputs) -> Float[Array, "b p"]:
  losses = jax.nn.softplus(outputs) - true * outputs
  return _CHANCE / math.log(2) * losses[..., 0]


def _cross_entropy(outputs: Outputs, true: Outputs) -> Float[Array, "b p"]:
  losses = -(true * jax.nn.log_softmax(outputs)).sum(axis=-1)
  return _CHANCE / math.log(outputs.shape[-1]) * losses


def _soft_cross_entropy(outputs: Outputs, true: Outputs) -> Float[Array, "b p"]:
  options = np.arange(outputs.shape[-1])
  spread = np.exp(-np.square((options[:, None] - options) / _SPREAD) / 2)
  soft = jnp.asarray(spread / spread.sum(axis=1, keepdims=True), outputs.dtype)
  return _cross_entropy(outputs, soft[true.argmax(axis=-1)])


def _steps(answered: Outputs, true: Outputs) -> Float[Array, "b p"]:
  """Returns how many options lie between what was answered and what is true."""
  return jnp.abs(answered.argmax(axis=-1) - true.argmax(axis=-1)).astype(jnp.float32)


_SCALES: Mapping[Scale, _Learnt] = {
  "numerical": _Learnt(
    loss=_squared,
    answer=lambda outputs: outputs,
    error=lambda answered, true: jnp.abs(answered - true)[..., 0],
  ),
  "binary": _Learnt(
    loss=_binary_entropy,
    answer=jax.nn.sigmoid,
    error=lambda answered, true: jnp.float32((answered >= 0.5) != (true >= 0.5))[..., 0],
  ),
  "categorical": _Learnt(
    loss=_cross_entropy,
    answer=jax.nn.softmax,
    error=lambda answered, true: jnp.float32(_steps(answered, true) > 0),
  ),
  "ordinal": _Learnt(
    loss=_soft_cross_entropy,
    answer=jax.nn.softmax,
    error=lambda answered, true: _steps(answered, true) / (true.shape[-1] - 1),
  ),
}
