"""The paper's MLP baseline."""

import jax
from flax import nnx
from jaxtyping import Array, Float

from synthmatch_jax.models.encoder import Encoder, require_positive, require_rate


class MLP(Encoder):
  """A multi-layer perceptron on the flattened mel, whose only token is its last hidden layer.

  There are five hidden layers of width 2048 (paper, section 3.2.1); see `HiddenLayers`.

  Attributes:
    num_frames: Mel frames of the input.
    num_bins: Mel bins of the input.
    width: Width of each hidden layer.
    depth: Number of hidden layers.
    dropout: Dropout rate, in [0, 1).
  """

  def __init__(
    self,
    *,
    num_frames: int,
    num_bins: int,
    width: int = 2048,
    depth: int = 5,
    dropout: float = 0.3,
    rngs: nnx.Rngs,
  ):
    super().__init__(num_frames=num_frames, num_bins=num_bins, token_width=width)
    self.mlp = HiddenLayers(num_frames * num_bins, width, depth, dropout=dropout, rngs=rngs)

  def encode(self, mel: Float[Array, "b t f"]) -> Float[Array, "b 1 w"]:
    """See `Encoder.encode`."""
    return self.mlp(mel.reshape(len(mel), -1))[:, None]


class HiddenLayers(nnx.Module):
  """The hidden layers of the baselines' MLP: each is linear, batch norm, ReLU and dropout.

  Paper, section 3.2.1: "5-layer MLP with width of 2048, including batch normalization and a
  dropout of p = 0.3, with ReLU activations". We read "5-layer" as five hidden layers of that
  width and an output layer after them, as the paper counts the layers of its AST head (the code of
  its reference [7], flow_synthesizer, counts the output layer as the fifth). The order within a
  layer is that of this code; so are the bias before the normalisation and the momentum, which are
  PyTorch's defaults.

  Where a run keeps an average of its weights, that is used with the running statistics of the
  weights that were averaged, here and in the ResNet; to compute them anew gained nothing that
  could be relied on.
  """

  def __init__(self, in_features: int, width: int, depth: int, *, dropout: float, rngs: nnx.Rngs):
    require_positive(in_features=in_features, width=width, depth=depth)
    require_rate(dropout=dropout)
    sizes = [in_features] + [width] * (depth - 1)
    self.layers = nnx.List([nnx.Linear(n, width, rngs=rngs) for n in sizes])
    self.norms = nnx.List([nnx.BatchNorm(width, momentum=0.9, rngs=rngs) for _ in sizes])
    self.dropout = nnx.Dropout(dropout, rngs=rngs)

  def __call__(self, x: Float[Array, "b v"]) -> Float[Array, "b w"]:
    """Maps vectors to the output of the last hidden layer."""
    for layer, norm in zip(self.layers, self.norms, strict=True):
      x = self.dropout(jax.nn.relu(norm(layer(x))))
    return x
