"""The paper's model: an Audio Spectrogram Transformer with a linear output."""

import math
from typing import Literal, get_args

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from synthmatch_jax.models.base import Regression, require_choice, require_positive
from synthmatch_jax.models.encoder import Encoder
from synthmatch_jax.models.heads import Activation, ComputeDtype, MLPHead

_TOKEN = nnx.initializers.truncated_normal(stddev=0.02)


class AST(Regression):
  """Audio Spectrogram Transformer for sound matching (paper, sections 2.1 and 2.2).

  The mel is cut into overlapping square patches, each flattened and embedded linearly. A class
  token and a learnt position embedding of fixed size are added; a pre-norm ViT encoder follows,
  and an MLP head on the class token. The defaults are the paper's: ViT-Base on 13 x 9 patches
  of 16 x 16 at stride 6.

  * Class token: the paper does not say how many there are. We read "copying the hyperparameters
    used in [...] ViT-Base" as ViT's single class token. With two, as in DeiT (class and
    distillation token), on which the AST of the paper's [10] is built, their outputs are averaged.
  * Padding: at stride 6 the last whole patch ends at frame 82 of 87. We repeat the last frame
    (and bin, for other sizes) until a patch covers every one: this prolongs the sound, whereas
    zeros, the mean of normalised mels, would add energy at the end of every decay.
  * Initialisation: as in Google Research's ViT code, Lecun normal in patch embedding and head,
    with zero biases (for the encoder see `Encoder`). Tokens and positions are drawn from a
    truncated normal distribution with deviation 0.02, as in AST's code.

  Patch (i, j), i in time and j in frequency, is token `class_tokens + i * grid[1] + j`.

  Attributes:
    num_frames: mel frames of the input.
    num_bins: mel bins of the input.
    num_controls: length of the output.
    patch_size: side of the square patches, in frames and bins.
    stride: distance between patches, in frames and bins; at most `patch_size`.
    width: width of the tokens.
    depth: number of encoder blocks.
    heads: number of attention heads; it divides `width`.
    head_width: width of the hidden layers between encoder and output.
    head_depth: number of these layers; 3 in the paper, 0 in the original AST.
    class_tokens: 1 as in ViT, 2 as in DeiT and AST.
    dropout: dropout rate, in [0, 1), after the position embedding and in the encoder.
    activation: form of the GELU, in encoder and head.
    dtype: compute dtype; weights and controls are always float32.
    grid: number of patches in time and in frequency.
  """

  def __init__(
    self,
    *,
    num_frames: int,
    num_bins: int,
    num_controls: int,
    patch_size: int = 16,
    stride: int = 6,
    width: int = 768,
    depth: int = 12,
    heads: int = 12,
    head_width: int = 768,
    head_depth: int = 3,
    class_tokens: Literal[1, 2] = 1,
    dropout: float = 0.0,
    activation: Activation = "gelu_tanh",
    dtype: ComputeDtype = "float32",
    rngs: nnx.Rngs,
  ):
    super().__init__(num_frames=num_frames, num_bins=num_bins, num_controls=num_controls)
    require_choice((1, 2), class_tokens=class_tokens)
    require_choice(get_args(Activation), activation=activation)
    require_choice(get_args(ComputeDtype), dtype=dtype)
    self.stride, self.patch_size = stride, patch_size
    self.class_tokens, self.dtype = class_tokens, jnp.dtype(dtype)
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
    shared = {"activation": activation, "dtype": dtype, "rngs": rngs}
    self.encoder = Encoder(width=width, depth=depth, heads=heads, dropout=dropout, **shared)
    self.dropout = nnx.Dropout(dropout, rngs=rngs)
    self.head = MLPHead(
      in_features=width, out_features=num_controls, width=head_width, depth=head_depth, **shared
    )

  def __call__(self, mel: Float[Array, "b t f"]) -> Float[Array, "b d"]:
    """See `Regression.__call__`."""
    return self.head(self.tokens(mel)[:, : self.class_tokens].mean(axis=1))

  def tokens(self, mel: Float[Array, "b t f"]) -> Float[Array, "b l w"]:
    """Returns the encoder's output: the class tokens, then a token for each patch."""
    self._check_shape(mel)
    return self.encoder(self.dropout(self._embed(mel)))

  def _embed(self, mel: Float[Array, "b t f"]) -> Float[Array, "b l w"]:
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
