"""The interface of all that is trained."""

from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from synthmatch_jax.data.batch import Batch
from synthmatch_jax.models.head import Report


class Model(nnx.Module):
  """Base class of what a run trains: an `Estimator`, or a `Proxy` of the synth.

  It starts in training mode, as Flax NNX modules do; `eval()` switches dropout off and batch
  normalisation to its running statistics.
  """

  @property
  def is_told_notes(self) -> bool:
    """Whether it may be told the note or not, so that validation asks it both ways."""
    return False

  def loss(self, batch: Batch, key: PRNGKeyArray) -> tuple[Float[Array, " b"], Report]:
    """Computes the loss of each record, which training minimises.

    Args:
      batch: The records; their mels are normalised.
      key: The key for what the loss draws at random; dropout has a stream of its own.

    Returns:
      The loss, and other measures to report for the validation split.
    """
    raise NotImplementedError

  def once(self) -> Array:
    """Computes what it is for, for one sound, so that it can be counted (`flops`)."""
    raise NotImplementedError

  def learning(self) -> Array:
    """Computes what a training step does forwards for one sound, so that it can be counted."""
    return self.once()
