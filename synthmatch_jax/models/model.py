"""The interface of all that is trained."""

from collections.abc import Callable

from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from synthmatch_jax.data.batch import Batch
from synthmatch_jax.models.head import Report

Heard = tuple[Float[Array, " b"], Report]
"""The loss of each record, and other measures to report for the validation split."""


class Model(nnx.Module):
  """Base class of what a run trains: an `Estimator`, or a `Proxy` of the synth.

  It starts in training mode, as Flax NNX modules do; `eval()` switches dropout off and batch
  normalisation to its running statistics.
  """

  @property
  def is_told_notes(self) -> bool:
    """Whether it may be told the note or not, so that validation asks it both ways."""
    return False

  def loss(
    self,
    batch: Batch,
    key: PRNGKeyArray,
    *,
    hear: Callable[[Float[Array, "b d"]], Heard] | None = None,
  ) -> Heard:
    """Computes the loss of each record, which training minimises.

    Args:
      batch: The records; their mels are normalised.
      key: The key for what the loss draws at random; dropout has a stream of its own.
      hear: Hears answers and gives losses to be added, for models that give one to each sound.
    """
    raise NotImplementedError

  def once(self) -> Array:
    """Computes what it is for, for one sound, so that it can be counted (`flops`)."""
    raise NotImplementedError

  def learning(self) -> Array:
    """Computes what a training step does forwards for one sound, so that it can be counted."""
    return self.once()
