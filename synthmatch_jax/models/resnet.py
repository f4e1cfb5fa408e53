"""A convolutional baseline stronger than the paper's."""

import jax
from flax import nnx
from jaxtyping import Array, Float

from synthmatch_jax.models.encoder import Encoder, require_positive, require_rate


class ResNet(Encoder):
  """Pre-activation residual blocks of 3 x 3 convolutions (He et al., arXiv:1603.05027).

  Unlike the paper's CNN it has shortcuts around its layers, and one small hidden layer after
  them. The first convolution and each stage halve time and frequency. The hidden layer, its only
  token, takes what is left of both without averaging it, since several controls determine how a
  sound starts and ends.

  Attributes:
    num_frames: Mel frames of the input.
    num_bins: Mel bins of the input.
    width: Channels of the first stage; every further stage has twice as many.
    stages: Number of stages.
    depth: Residual blocks in a stage.
    head_width: Width of the hidden layer.
    dropout: Dropout rate before and after the hidden layer, in [0, 1).
  """

  def __init__(
    self,
    *,
    num_frames: int,
    num_bins: int,
    width: int = 48,
    stages: int = 3,
    depth: int = 2,
    head_width: int = 256,
    dropout: float = 0.1,
    rngs: nnx.Rngs,
  ):
    super().__init__(num_frames=num_frames, num_bins=num_bins, token_width=head_width)
    require_positive(width=width, stages=stages, depth=depth, head_width=head_width)
    require_rate(dropout=dropout)
    rows, columns = num_frames, num_bins
    for _ in range(stages + 1):
      rows, columns = -(-rows // 2), -(-columns // 2)  # "SAME" rounds up.
    channels = [width * 2**stage for stage in range(stages)]
    self.stem = nnx.Conv(1, width, (7, 7), strides=2, padding="SAME", rngs=rngs)
    self.blocks = nnx.List(
      [
        _Block(before if i == 0 else n, n, stride=2 if i == 0 else 1, rngs=rngs)
        for before, n in zip([width, *channels], channels, strict=False)
        for i in range(depth)
      ]
    )
    self.norm = nnx.BatchNorm(channels[-1], momentum=0.9, rngs=rngs)
    self.hidden = nnx.Linear(rows * columns * channels[-1], head_width, rngs=rngs)
    self.dropout = nnx.Dropout(dropout, rngs=rngs)

  def encode(self, mel: Float[Array, "b t f"]) -> Float[Array, "b 1 w"]:
    """See `Encoder.encode`."""
    x = self.stem(mel[..., None])
    for block in self.blocks:
      x = block(x)
    x = jax.nn.relu(self.norm(x)).reshape(len(mel), -1)
    return self.dropout(jax.nn.relu(self.hidden(self.dropout(x))))[:, None]


class _Block(nnx.Module):
  """Two convolutions and a shortcut around them."""

  def __init__(self, before: int, channels: int, *, stride: int, rngs: nnx.Rngs):
    self.norms = nnx.List([nnx.BatchNorm(n, momentum=0.9, rngs=rngs) for n in (before, channels)])
    self.convs = nnx.List(
      [
        nnx.Conv(before, channels, (3, 3), strides=stride, use_bias=False, rngs=rngs),
        nnx.Conv(channels, channels, (3, 3), use_bias=False, rngs=rngs),
      ]
    )
    changes = stride > 1 or before != channels
    self.shortcut = (
      nnx.Conv(before, channels, (1, 1), strides=stride, use_bias=False, rngs=rngs)
      if changes
      else None
    )

  def __call__(self, x: Float[Array, "b t f c"]) -> Float[Array, "b u g e"]:
    activated = jax.nn.relu(self.norms[0](x))
    around = x if self.shortcut is None else self.shortcut(activated)
    inside = self.convs[0](activated)
    return around + self.convs[1](jax.nn.relu(self.norms[1](inside)))
