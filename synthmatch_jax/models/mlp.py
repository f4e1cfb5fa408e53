"""The paper's MLP baseline."""

from flax import nnx
from jaxtyping import Array, Float

from synthmatch_jax.models.base import Regression
from synthmatch_jax.models.heads import BatchNormMLP


class MLP(Regression):
  """A multi-layer perceptron on the flattened mel (paper, section 3.2.1).

  There are five hidden layers of width 2048 (linear, batch norm, ReLU, dropout) and a linear
  output layer; for the reading of the paper see `BatchNormMLP`.

  Attributes:
    num_frames: mel frames of the input.
    num_bins: mel bins of the input.
    num_controls: length of the output.
    width: width of each hidden layer.
    depth: number of hidden layers.
    dropout: dropout rate, in [0, 1).
  """

  def __init__(
    self,
    *,
    num_frames: int,
    num_bins: int,
    num_controls: int,
    width: int = 2048,
    depth: int = 5,
    dropout: float = 0.3,
    rngs: nnx.Rngs,
  ):
    super().__init__(num_frames=num_frames, num_bins=num_bins, num_controls=num_controls)
    self.mlp = BatchNormMLP(
      in_features=num_frames * num_bins,
      out_features=num_controls,
      width=width,
      depth=depth,
      dropout=dropout,
      rngs=rngs,
    )

  def __call__(self, mel: Float[Array, "b t f"]) -> Float[Array, "b d"]:
    """See `Regression.__call__`."""
    self._check_shape(mel)
    return self.mlp(mel.reshape(len(mel), -1))
