"""The interface of all models: each defines its own loss and gives its own answers."""

from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Key, PRNGKeyArray

from synthmatch_jax.data.batch import Batch

Report = dict[str, Float[Array, "b *rest"]]
"""Name of a measure -> its value for each record, or for each parameter of each record."""


class Estimator(nnx.Module):
  """Base class of all models, which map the mel of a sound to controls that reproduce it.

  Training asks a model for its loss and inference for its answers; neither knows more about it.
  Mels are normalised over the training data to about zero mean and unit variance. Models start
  in training mode, as Flax NNX modules do; `eval()` switches dropout off and batch normalisation
  to its running statistics.

  Attributes:
    num_frames: mel frames of the input.
    num_bins: mel bins of the input.
    num_controls: length of an answer.
  """

  def __init__(self, *, num_frames: int, num_bins: int, num_controls: int):
    require_positive(num_frames=num_frames, num_bins=num_bins, num_controls=num_controls)
    self.num_frames = num_frames
    self.num_bins = num_bins
    self.num_controls = num_controls

  def loss(self, batch: Batch, key: PRNGKeyArray) -> tuple[Float[Array, " b"], Report]:
    """Computes the loss of each record, which training minimises.

    Args:
      batch: the records; their mels are normalised.
      key: key for what the loss draws at random; dropout has a stream of its own.

    Returns:
      The loss, and other measures to report for the validation split.
    """
    raise NotImplementedError

  def answers(
    self, mel: Float[Array, "b t f"], *, keys: Key[Array, " b"], count: int
  ) -> Float[Array, "b n d"]:
    """Gives up to `count` answers to each sound, the best one first.

    Args:
      mel: normalised log-mel spectrograms, time first.
      keys: keys for what is drawn at random, one for each sound, so that its answers do not
        depend on the other sounds of the batch.
      count: how many answers are wanted; a model that knows only one gives one.

    Returns:
      Controls, float32, not clamped; decoding clamps them.

    Raises:
      ValueError: the mel does not have the frames and bins that the model was built for.
    """
    raise NotImplementedError

  def _check_shape(self, mel: Array) -> None:
    if mel.ndim != 3 or mel.shape[1:] != (self.num_frames, self.num_bins):
      raise ValueError(
        f"the model takes mels of shape (batch, {self.num_frames} frames,"
        f" {self.num_bins} bins), not {mel.shape}"
      )


class Regression(Estimator):
  """A model with one answer to each sound, trained on the squared error of its controls.

  The loss is the paper's (section 2.2): the squared error averaged over all controls.
  """

  def __call__(self, mel: Float[Array, "b t f"]) -> Float[Array, "b d"]:
    """Estimates the controls of each sound.

    Args:
      mel: normalised log-mel spectrograms, time first.

    Returns:
      Controls, float32: a linear output that training pulls towards [0, 1]. It is not clamped,
      so that the loss has a gradient everywhere.

    Raises:
      ValueError: the mel does not have the frames and bins that the model was built for.
    """
    raise NotImplementedError

  def loss(self, batch: Batch, key: PRNGKeyArray) -> tuple[Float[Array, " b"], Report]:
    """See `Estimator.loss`; the report holds the squared error ("mse") of each control."""
    del key
    errors = jnp.square(self(jnp.asarray(batch["mel"])) - batch["controls"])
    return errors.mean(axis=-1), {"mse": errors}

  def answers(
    self, mel: Float[Array, "b t f"], *, keys: Key[Array, " b"], count: int
  ) -> Float[Array, "b n d"]:
    """See `Estimator.answers`; there is always one answer."""
    del keys, count
    return self(mel)[:, None]


def require_choice(choices: Iterable[Any], **values: Any) -> None:
  """Raises a ValueError that names the first value that is none of the choices."""
  choices = tuple(choices)
  for name, value in values.items():
    if value not in choices:
      raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}, not {value}")


def require_positive(**sizes: int) -> None:
  """Raises a ValueError that names the first size below 1."""
  for name, size in sizes.items():
    if size < 1:
      raise ValueError(f"{name} must be at least 1, not {size}")


def require_rate(**rates: float) -> None:
  """Raises a ValueError that names the first dropout rate outside [0, 1)."""
  for name, rate in rates.items():
    if not 0 <= rate < 1:
      raise ValueError(f"{name} must be at least 0 and below 1, not {rate}")
