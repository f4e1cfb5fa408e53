"""The block of a ViT encoder."""

import functools

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from synthmatch_jax.models.layers import (
  Activation,
  ComputeDtype,
  gelu,
  layer_norm,
  self_attention,
)

EPSILON = 1e-6
"""Epsilon of every LayerNorm, as in ViT's JAX code and in timm."""

_XAVIER = nnx.initializers.xavier_uniform()


class Block(nnx.Module):
  """Self-attention, then an MLP four times as wide, each after a LayerNorm (paper, its [13]).

  Dropout is applied as in big_vision's ViT: on each residual branch and within the MLP, not on
  attention weights. Weights are initialised as in Google Research's ViT code: Glorot uniform,
  with zero biases.

  Attributes:
    width: Width of the tokens.
    heads: Number of attention heads; it divides `width`.
    dropout: Dropout rate, in [0, 1).
    activation: Form of the GELU.
    dtype: Compute dtype; weights are float32.
  """

  def __init__(
    self,
    *,
    width: int,
    heads: int,
    dropout: float,
    activation: Activation,
    dtype: ComputeDtype,
    rngs: nnx.Rngs,
  ):
    compute = jnp.dtype(dtype)
    norm = functools.partial(nnx.LayerNorm, width, epsilon=EPSILON, dtype=compute, rngs=rngs)
    linear = functools.partial(nnx.Linear, kernel_init=_XAVIER, dtype=compute, rngs=rngs)
    self.activation: Activation = activation
    self.attention_norm, self.mlp_norm = norm(), norm()
    self.attention = nnx.MultiHeadAttention(
      heads, width, kernel_init=_XAVIER, decode=False, dtype=compute, rngs=rngs
    )
    self.expand, self.contract = linear(width, 4 * width), linear(4 * width, width)
    self.dropout = nnx.Dropout(dropout, rngs=rngs)

  def __call__(self, x: Float[Array, "n w"], *, length: int) -> Float[Array, "n w"]:
    """Returns the tokens after the block: those of all sounds, `length` tokens each."""
    normal = layer_norm(self.attention_norm, x)
    x = x + self.dropout(self_attention(self.attention, normal, length=length))
    hidden = self.expand(layer_norm(self.mlp_norm, x))
    hidden = self.dropout(gelu(hidden, self.activation))
    return x + self.dropout(self.contract(hidden))
