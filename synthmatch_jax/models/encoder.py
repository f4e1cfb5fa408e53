"""The interface of all encoders, which map the mel of a sound to tokens."""

from collections.abc import Iterable
from typing import Any, get_args

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from synthmatch_jax.models.layers import Activation, ComputeDtype


class Encoder(nnx.Module):
  """Base class of all encoders, which map the mel of a sound to tokens.

  Attributes:
    num_frames: Mel frames of the input.
    num_bins: Mel bins of the input.
    token_width: Width of the tokens.
    class_tokens: Number of tokens, the first ones, whose mean stands for the whole sound.
    takes_token: Whether a token can be given to it beside the mel.
    activation: Form of the GELU.
    dtype: Compute dtype; weights are float32.
  """

  takes_token = False

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
    self, mel: Float[Array, "b t f"], token: Float[Array, "b w"] | None = None
  ) -> Float[Array, "b l w"]:
    """Maps sounds to tokens.

    Args:
      mel: Normalised log-mel spectrograms, time first.
      token: A token to look at beside the mel, for encoders that take one.

    Raises:
      ValueError: The mel does not have the frames and bins that the encoder was built for.
    """
    if mel.ndim != 3 or mel.shape[1:] != (self.num_frames, self.num_bins):
      raise ValueError(
        f"the model takes mels of shape (batch, {self.num_frames} frames,"
        f" {self.num_bins} bins), not {mel.shape}"
      )
    return self.encode(mel) if token is None else self.encode_with(mel, token)

  def encode(self, mel: Float[Array, "b t f"]) -> Float[Array, "b l w"]:
    """Maps mels of the right shape to tokens."""
    raise NotImplementedError

  def encode_with(
    self, mel: Float[Array, "b t f"], token: Float[Array, "b w"]
  ) -> Float[Array, "b l w"]:
    """Maps mels of the right shape, and a token beside each, to tokens."""
    raise NotImplementedError


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
