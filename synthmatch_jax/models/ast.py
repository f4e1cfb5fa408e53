"""The paper's model: an Audio Spectrogram Transformer."""

import math
from typing import Literal

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from synthmatch_jax.models.encoder import (
  Encoder,
  require_choice,
  require_positive,
  require_rate,
)
from synthmatch_jax.models.layers import Activation, ComputeDtype, layer_norm
from synthmatch_jax.models.transformer import EPSILON, Block

_TOKEN = nnx.initializers.truncated_normal(stddev=0.02)


class AST(Encoder):
  """Audio Spectrogram Transformer for sound matching (paper, sections 2.1 and 2.2).

  The mel is cut into overlapping square patches, each flattened and embedded linearly. A class
  token and a learnt position embedding of fixed size are added; the blocks of a pre-norm ViT
  encoder and a LayerNorm follow. The defaults are the paper's: ViT-Base on 13 x 9 patches of
  16 x 16 at stride 6. The tokens are the class tokens, then one for each patch.

  * Class token: the paper does not say how many there are. We read "copying the hyperparameters
    used in [...] ViT-Base" as ViT's single class token. With two, as in DeiT (class and
    distillation token), on which the AST of the paper's [10] is built, their outputs are averaged.
  * Padding: at stride 6 the last whole patch ends at frame 82 of 87. We repeat the last frame
    (and bin, for other sizes) until a patch covers every one: this prolongs the sound, whereas
    zeros, the mean of normalised mels, would add energy at the end of every decay.
  * Initialisation: as in Google Research's ViT code, Lecun normal in the patch embedding, with
    zero biases (for the blocks see `Block`). Tokens and positions are drawn from a truncated
    normal distribution with deviation 0.02, as in AST's code.

  Patch (i, j), i in time and j in frequency, is token `class_tokens + i * grid[1] + j`. A token
  that is given beside the mel comes last, without a position.

  Attributes:
    num_frames: Mel frames of the input.
    num_bins: Mel bins of the input.
    patch_size: Side of the square patches, in frames and bins.
    stride: Distance between patches, in frames and bins; at most `patch_size`.
    width: Width of the tokens.
    depth: Number of blocks.
    heads: Number of attention heads; it divides `width`.
    class_tokens: 1 as in ViT, 2 as in DeiT and AST.
    dropout: Dropout rate, in [0, 1), after the position embedding and in the blocks.
    activation: Form of the GELU, in blocks and head.
    dtype: Compute dtype; weights and controls are always float32.
    grid: Number of patches in time and in frequency.
  """

  takes_token = True

  def __init__(
    self,
    *,
    num_frames: int,
    num_bins: int,
    patch_size: int = 16,
    stride: int = 6,
    width: int = 768,
    depth: int = 12,
    heads: int = 12,
    class_tokens: Literal[1, 2] = 1,
    dropout: float = 0.0,
    activation: Activation = "gelu_tanh",
    dtype: ComputeDtype = "float32",
    rngs: nnx.Rngs,
  ):
    require_positive(width=width, depth=depth, heads=heads)
    require_choice((1, 2), class_tokens=class_tokens)
    require_rate(dropout=dropout)
    if width % heads:
      raise ValueError(f"{heads} heads do not divide a width of {width}")
    super().__init__(
      num_frames=num_frames,
      num_bins=num_bins,
      token_width=width,
      class_tokens=class_tokens,
      activation=activation,
      dtype=dtype,
    )
    self.stride, self.patch_size = stride, patch_size
    self.grid = _grid(num_frames, num_bins, patch_size, stride)
    # A convolution equals unfolding and a linear layer, and was measured no slower on a CPU.
    self.patch_embedding = nnx.Conv(
      in_features=1,
      out_features=width,
      kernel_size=(patch_size, patch_size),
      strides=stride,
      padding="VALID",
      dtype=self.dtype,
      rngs=rngs,
    )
    length = class_tokens + self.grid[0] * self.grid[1]
    self.class_embedding = nnx.Param(_TOKEN(rngs.params(), (class_tokens, width)))
    self.position_embedding = nnx.Param(_TOKEN(rngs.params(), (length, width)))
    shared = {"dropout": dropout, "activation": activation, "dtype": dtype, "rngs": rngs}
    self.blocks = nnx.List([Block(width=width, heads=heads, **shared) for _ in range(depth)])
    self.norm = nnx.LayerNorm(width, epsilon=EPSILON, dtype=self.dtype, rngs=rngs)
    self.dropout = nnx.Dropout(dropout, rngs=rngs)

  def encode(self, mel: Float[Array, "b t f"]) -> Float[Array, "b l w"]:
    """See `Encoder.encode`."""
    return self._transform(self.embed(mel))

  def encode_with(
    self, mel: Float[Array, "b t f"], token: Float[Array, "b w"]
  ) -> Float[Array, "b l w"]:
    """See `Encoder.encode_with`."""
    return self._transform(jnp.concatenate([self.embed(mel), token[:, None]], axis=1))

  def _transform(self, embedded: Float[Array, "b l w"]) -> Float[Array, "b l w"]:
    x = self.dropout(embedded)
    tokens = x.reshape(-1, x.shape[-1])  # On a CPU, XLA copies less when flat.
    for block in self.blocks:
      tokens = block(tokens, length=x.shape[1])
    return layer_norm(self.norm, tokens).reshape(x.shape)

  def embed(self, mel: Float[Array, "b t f"]) -> Float[Array, "b l w"]:
    """Embeds class tokens and patches, in this order, and adds their positions."""
    missing = [
      (count - 1) * self.stride + self.patch_size - size
      for count, size in zip(self.grid, mel.shape[1:], strict=True)
    ]
    mel = jnp.pad(mel, ((0, 0), (0, missing[0]), (0, missing[1])), mode="edge")
    patches = self.patch_embedding(mel[..., None])
    patches = patches.reshape(len(mel), -1, patches.shape[-1])
    class_tokens = self.class_embedding[...].astype(self.dtype)
    class_tokens = jnp.broadcast_to(class_tokens, (len(mel), *class_tokens.shape))
    tokens = jnp.concatenate([class_tokens, patches], axis=1)
    return tokens + self.position_embedding[...].astype(self.dtype)


def _grid(num_frames: int, num_bins: int, patch_size: int, stride: int) -> tuple[int, int]:
  """Returns the number of patches in time and in frequency that cover every frame and bin."""
  require_positive(patch_size=patch_size, stride=stride)
  if not stride <= patch_size <= min(num_frames, num_bins):
    raise ValueError(
      f"patches of {patch_size} at stride {stride} do not cover {num_frames} frames x"
      f" {num_bins} bins: a patch may not be larger than the mel or smaller than the stride"
    )
  return (
    math.ceil((num_frames - patch_size) / stride) + 1,
    math.ceil((num_bins - patch_size) / stride) + 1,
  )
