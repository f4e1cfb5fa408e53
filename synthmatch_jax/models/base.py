"""What every model is: mel spectrograms in, controls out."""

from collections.abc import Iterable
from typing import Any

from flax import nnx
from jaxtyping import Array, Float


class MelModel(nnx.Module):
  """Base of all models: one picture of a sound in, one vector of controls out.

  Models start in training mode, as Flax NNX modules do; `eval()` switches dropout off and batch
  normalisation to its running statistics.

  Attributes:
    num_frames: mel frames of the input.
    num_bins: mel bins of the input.
    num_controls: length of the output.
  """

  def __init__(self, *, num_frames: int, num_bins: int, num_controls: int):
    require_positive(num_frames=num_frames, num_bins=num_bins, num_controls=num_controls)
    self.num_frames = num_frames
    self.num_bins = num_bins
    self.num_controls = num_controls

  def __call__(self, mel: Float[Array, "b t f"]) -> Float[Array, "b d"]:
    """Estimates the controls of each sound.

    Args:
      mel: log-mel spectrograms, time first, normalised over the training data to about zero
        mean and unit variance.

    Returns:
      Controls, float32: a linear output that training pulls towards [0, 1]. Not clamped, so
      that the loss has a gradient everywhere; whoever decodes clamps.

    Raises:
      ValueError: frames or bins are not those that the model was built for.
    """
    raise NotImplementedError

  def _check_shape(self, mel: Array) -> None:
    if mel.ndim != 3 or mel.shape[1:] != (self.num_frames, self.num_bins):
      raise ValueError(
        f"the model takes mels of shape (batch, {self.num_frames} frames,"
        f" {self.num_bins} bins), not {mel.shape}"
      )


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
