"""The interface of all models: an encoder, which hears a sound, and a head, which answers to it."""

from collections.abc import Iterable
from typing import Any, get_args

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Key, PRNGKeyArray

from synthmatch_jax.data.batch import Batch
from synthmatch_jax.models.layers import Activation, ComputeDtype

Report = dict[str, Float[Array, "b *rest"]]
"""Name of a measure -> its value for each record, or for each parameter of each record."""


class Encoder(nnx.Module):
  """Base class of all encoders, which map the mel of a sound to tokens.

  Attributes:
    num_frames: mel frames of the input.
    num_bins: mel bins of the input.
    token_width: width of the tokens.
    class_tokens: number of tokens, the first ones, whose mean stands for the whole sound.
    activation: form of the GELU.
    dtype: compute dtype; weights are float32.
  """

  def __init__(
    self,
    *,
    num_frames: int,
    num_bins: int,
    token_width: int,
    class_tokens: int = 1,
    activation: Activation = "gelu_tanh",
    dtype: ComputeDtype = "float32",
  ):
    require_positive(num_frames=num_frames, num_bins=num_bins)
    require_choice(get_args(Activation), activation=activation)
    require_choice(get_args(ComputeDtype), dtype=dtype)
    self.num_frames, self.num_bins, self.token_width = num_frames, num_bins, token_width
    self.class_tokens, self.dtype = class_tokens, jnp.dtype(dtype)
    self.activation: Activation = activation

  def __call__(
    self, mel: Float[Array, "b t f"], note: Float[Array, "b 3"] | None = None
  ) -> Float[Array, "b l w"]:
    """Maps sounds to tokens.

    Args:
      mel: normalised log-mel spectrograms, time first.
      note: the notes as in `Batch`, where they are known; no encoder uses them yet.

    Raises:
      ValueError: the mel does not have the frames and bins that the encoder was built for.
    """
    del note
    if mel.ndim != 3 or mel.shape[1:] != (self.num_frames, self.num_bins):
      raise ValueError(
        f"the model takes mels of shape (batch, {self.num_frames} frames,"
        f" {self.num_bins} bins), not {mel.shape}"
      )
    return self.encode(mel)

  def encode(self, mel: Float[Array, "b t f"]) -> Float[Array, "b l w"]:
    """Maps mels of the right shape to tokens."""
    raise NotImplementedError


class Head(nnx.Module):
  """Base class of all heads, which map tokens to a loss and to answers.

  A head is built as `HEAD(encoder, num_controls=..., rngs=..., **arguments)`: it reads the width
  of the tokens, and what else it needs, from the encoder, and does not keep it.
  """

  def loss(
    self, tokens: Float[Array, "b l w"], batch: Batch, key: PRNGKeyArray
  ) -> tuple[Float[Array, " b"], Report]:
    """Computes the loss of each record; see `Estimator.loss`."""
    raise NotImplementedError

  def answers(
    self, tokens: Float[Array, "b l w"], *, keys: Key[Array, " b"], count: int
  ) -> Float[Array, "b n d"]:
    """Gives up to `count` answers to each sound; see `Estimator.answers`."""
    raise NotImplementedError


class Estimator(nnx.Module):
  """A model: it maps the mel of a sound to controls that reproduce it.

  Training asks a model for its loss and inference for its answers; neither knows more about it.
  Mels are normalised over the training data to about zero mean and unit variance. Models start
  in training mode, as Flax NNX modules do; `eval()` switches dropout off and batch normalisation
  to its running statistics.

  Attributes:
    encoder: maps the mel to tokens.
    head: maps the tokens to controls.
  """

  def __init__(self, encoder: Encoder, head: Head):
    self.encoder, self.head = encoder, head

  def __call__(self, mel: Float[Array, "b t f"]) -> Float[Array, "b d"]:
    """Gives one answer to each sound, with the same key for all of them; see `answers`."""
    keys = jnp.broadcast_to(jax.random.key(0), len(mel))
    return self.answers(mel, keys=keys, count=1)[:, 0]

  def loss(self, batch: Batch, key: PRNGKeyArray) -> tuple[Float[Array, " b"], Report]:
    """Computes the loss of each record, which training minimises.

    Args:
      batch: the records; their mels are normalised.
      key: key for what the loss draws at random; dropout has a stream of its own.

    Returns:
      The loss, and other measures to report for the validation split.
    """
    note = jnp.asarray(batch["note"]) if "note" in batch else None
    return self.head.loss(self.encoder(jnp.asarray(batch["mel"]), note), batch, key)

  def answers(
    self,
    mel: Float[Array, "b t f"],
    note: Float[Array, "b 3"] | None = None,
    *,
    keys: Key[Array, " b"],
    count: int,
  ) -> Float[Array, "b n d"]:
    """Gives up to `count` answers to each sound, the best one first.

    Args:
      mel: normalised log-mel spectrograms, time first.
      note: the notes as in `Batch`, where they are known.
      keys: keys for what is drawn at random, one for each sound, so that its answers do not
        depend on the other sounds of the batch.
      count: how many answers are wanted; a model that knows only one gives one.

    Returns:
      Controls, float32, not clamped; decoding clamps them.

    Raises:
      ValueError: the mel does not have the frames and bins that the model was built for.
    """
    return self.head.answers(self.encoder(mel, note), keys=keys, count=count)


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
