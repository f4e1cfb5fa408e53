"""The paper's CNN baseline."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from synthmatch_jax.models.encoder import Encoder, require_positive
from synthmatch_jax.models.mlp import HiddenLayers


class CNN(Encoder):
  """Strided 2-D convolutions, then the MLP of the other baseline (paper, section 3.2.1).

  "5-layer, 128-channel 2D CNN with kernel size 7, stride 2, batch normalization and dropout of
  p = 0.3. This is followed by a 5-layer MLP using the same hyperparameters as the standalone
  MLP." Each layer is a convolution ("SAME" padding: 87 x 64 shrinks to 3 x 2), batch norm, ReLU
  and dropout of whole channels. The paper gives neither the order, the kind of dropout nor the
  padding; the first two are those of the code of its reference [7] (flow_synthesizer).

  Attributes:
    num_frames: Mel frames of the input.
    num_bins: Mel bins of the input.
    channels: Output channels of each convolution.
    conv_depth: Number of convolutions.
    kernel: Side of the square kernels.
    stride: Stride of each convolution, in time and frequency.
    width: Width of each hidden layer of the MLP.
    depth: Number of hidden layers of the MLP.
    dropout: Dropout rate, in [0, 1), in convolutions and MLP.
  """

  def __init__(
    self,
    *,
    num_frames: int,
    num_bins: int,
    channels: int = 128,
    conv_depth: int = 5,
    kernel: int = 7,
    stride: int = 2,
    width: int = 2048,
    depth: int = 5,
    dropout: float = 0.3,
    rngs: nnx.Rngs,
  ):
    super().__init__(num_frames=num_frames, num_bins=num_bins, token_width=width)
    require_positive(channels=channels, conv_depth=conv_depth, kernel=kernel, stride=stride)
    self.kernel, self.stride = kernel, stride
    rows, columns = num_frames, num_bins
    for _ in range(conv_depth):
      rows, columns = -(-rows // stride), -(-columns // stride)  # "SAME" rounds up.
    self.mlp = HiddenLayers(rows * columns * channels, width, depth, dropout=dropout, rngs=rngs)
    self.convs = nnx.List(
      [
        nnx.Conv(n, channels, (kernel, kernel), strides=stride, rngs=rngs)
        for n in [1] + [channels] * (conv_depth - 1)
      ]
    )
    self.norms = nnx.List(
      [nnx.BatchNorm(channels, momentum=0.9, rngs=rngs) for _ in range(conv_depth)]
    )
    self.dropout = nnx.Dropout(dropout, broadcast_dims=(1, 2), rngs=rngs)

  def encode(self, mel: Float[Array, "b t f"]) -> Float[Array, "b 1 w"]:
    """See `Encoder.encode`."""
    x = mel[..., None]
    for conv, norm in zip(self.convs, self.norms, strict=True):
      x = self.dropout(jax.nn.relu(norm(self._convolve(conv, x))))
    return self.mlp(x.reshape(len(mel), -1))[:, None]

  def _convolve(self, conv: nnx.Conv, x: Float[Array, "b t f c"]) -> Float[Array, "b u g e"]:
    """Applies a layer; for small images as one matrix product, which gives the same result.

    On a CPU, XLA takes several times as long for a convolution where the image, or in the
    backward pass the gradient, is smaller than the kernel. On other devices the product costs
    little, since the images are small.
    """
    counts = [-(-size // self.stride) for size in x.shape[1:3]]
    if min(counts) >= self.kernel:
      return conv(x)
    whole = [(n - 1) * self.stride + self.kernel for n in counts]
    more = [max(0, w - size) for w, size in zip(whole, x.shape[1:3], strict=True)]
    x = jnp.pad(x, ((0, 0), *((m // 2, m - m // 2) for m in more), (0, 0)))
    rows, columns = counts[0] * self.stride, counts[1] * self.stride
    side = range(self.kernel)
    taps = jnp.stack(
      [x[:, i : i + rows : self.stride, j : j + columns : self.stride] for i in side for j in side]
    )
    kernel = conv.kernel[...].reshape(len(taps), *conv.kernel.shape[2:])
    bias: Any = conv.bias  # Every layer has one.
    return jnp.einsum("kbtfc,kce->btfe", taps, kernel) + bias[...]
