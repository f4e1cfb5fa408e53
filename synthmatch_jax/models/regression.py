"""The paper's head: one answer, trained on the squared error of the controls."""

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Key, PRNGKeyArray

from synthmatch_jax.data.batch import Batch
from synthmatch_jax.models.encoder import Encoder, require_positive
from synthmatch_jax.models.head import Head, Report
from synthmatch_jax.models.layers import Activation, gelu


class Regression(Head):
  """Hidden layers (linear, GELU) on the class token, then a linear output layer.

  Paper, section 2.2: "a small 3-layer MLP of width 768 between the output of the Transformer
  encoder and the output layer". The paper names no activation; we take the encoder's. The loss is
  the paper's, too: the squared error averaged over all controls. Where the encoder has several
  class tokens, their outputs are averaged.

  Attributes:
    encoder: The encoder whose tokens it takes; hidden layers compute in its dtype, the output
      layer in float32.
    num_controls: Length of the answer.
    head_width: Width of each hidden layer.
    head_depth: Number of hidden layers; 0 for the output layer alone, as in the original AST.
  """

  def __init__(
    self,
    encoder: Encoder,
    *,
    num_controls: int,
    head_width: int = 768,
    head_depth: int = 0,
    rngs: nnx.Rngs,
  ):
    require_positive(num_controls=num_controls, head_width=head_width)
    if head_depth < 0:
      raise ValueError(f"head_depth must be at least 0, not {head_depth}")
    self.class_tokens = encoder.class_tokens
    self.activation: Activation = encoder.activation
    sizes = [encoder.token_width] + [head_width] * head_depth
    self.layers = nnx.List(
      [nnx.Linear(n, head_width, dtype=encoder.dtype, rngs=rngs) for n in sizes[:-1]]
    )
    self.output = nnx.Linear(sizes[-1], num_controls, rngs=rngs)

  def __call__(self, tokens: Float[Array, "b l w"]) -> Float[Array, "b d"]:
    """Estimates the controls of each sound.

    Returns:
      Controls, float32: a linear output that training pulls towards [0, 1]. It is not clamped,
      so that the loss has a gradient everywhere.
    """
    x = tokens[:, : self.class_tokens].mean(axis=1)
    for layer in self.layers:
      x = gelu(layer(x), self.activation)
    return self.output(x.astype(jnp.float32))

  def loss(
    self, tokens: Float[Array, "b l w"], batch: Batch, key: PRNGKeyArray
  ) -> tuple[Float[Array, " b"], Report]:
    """See `Estimator.loss`; the report holds the squared error ("mse") of each control."""
    del key
    errors = jnp.square(self(tokens) - batch["controls"])
    return errors.mean(axis=-1), {"mse": errors}

  def answers(
    self, tokens: Float[Array, "b l w"], *, keys: Key[Array, " b"], count: int
  ) -> Float[Array, "b n d"]:
    """See `Estimator.answers`; there is always one answer."""
    del keys, count
    return self(tokens)[:, None]
