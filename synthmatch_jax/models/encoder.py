"""The transformer encoder of ViT."""

import functools

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from synthmatch_jax.models.base import require_positive, require_rate
from synthmatch_jax.models.heads import Activation, ComputeDtype, gelu
from synthmatch_jax.models.layers import layer_norm, self_attention

_XAVIER = nnx.initializers.xavier_uniform()
_EPSILON = 1e-6  # As in ViT's LayerNorm, in its JAX code and in timm.


class Encoder(nnx.Module):
  """Pre-norm ViT encoder: `depth` blocks, then a LayerNorm (paper, section 2.1; its [13]).

  Dropout is applied as in big_vision's ViT: on each residual branch and within the MLPs, not on
  attention weights. Weights are initialised as in Google Research's ViT code: Glorot uniform,
  with zero biases.

  Attributes:
    width: width of the tokens.
    depth: number of blocks.
    heads: number of attention heads; it divides `width`.
    dropout: dropout rate, in [0, 1).
    activation: form of the GELU.
    dtype: compute dtype; weights are float32.
  """

  def __init__(
    self,
    *,
    width: int = 768,
    depth: int = 12,
    heads: int = 12,
    dropout: float = 0.0,
    activation: Activation = "gelu_tanh",
    dtype: ComputeDtype = "float32",
    rngs: nnx.Rngs,
  ):
    require_positive(width=width, depth=depth, heads=heads)
    require_rate(dropout=dropout)
    if width % heads:
      raise ValueError(f"{heads} heads do not divide a width of {width}")
    block = functools.partial(
      EncoderBlock,
      width=width,
      heads=heads,
      dropout=dropout,
      activation=activation,
      dtype=dtype,
      rngs=rngs,
    )
    self.blocks = nnx.List([block() for _ in range(depth)])
    self.norm = nnx.LayerNorm(width, epsilon=_EPSILON, dtype=jnp.dtype(dtype), rngs=rngs)

  def __call__(self, x: Float[Array, "b l w"]) -> Float[Array, "b l w"]:
    """Returns the tokens after all blocks, normalised."""
    tokens = x.reshape(-1, x.shape[-1])  # On a CPU, XLA copies less when flat.
    for block in self.blocks:
      tokens = block(tokens, length=x.shape[1])
    return layer_norm(self.norm, tokens).reshape(x.shape)


class EncoderBlock(nnx.Module):
  """Self-attention, then an MLP four times as wide; the arguments are those of `Encoder`."""

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
    norm = functools.partial(nnx.LayerNorm, width, epsilon=_EPSILON, dtype=compute, rngs=rngs)
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
