"""What is hidden from a model during training: parts of mel spectrograms, and of notes."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from synthmatch_jax.config import require_least


@dataclass(frozen=True, kw_only=True)
class Masking:
  """Sets random bands of frames and of bins to the mean, as in SpecAugment (Park et al. 2019).

  In each sound, `time_masks` runs of up to `time_width` frames and `bin_masks` bands of up to
  `bin_width` bins are masked, at random places and of random widths. There is no time warping.

  Attributes:
    time_masks: Number of runs of frames; 0 for none.
    time_width: Longest run, in frames.
    bin_masks: Number of bands of bins; 0 for none.
    bin_width: Widest band, in bins.

  Raises:
    UserError: One of them is negative.
  """

  time_masks: int = 0
  time_width: int = 8
  bin_masks: int = 0
  bin_width: int = 8

  def __post_init__(self):
    require_least(0, **{f"masking.{name}": value for name, value in vars(self).items()})

  def __call__(self, mel: Float[Array, "b t f"], key: PRNGKeyArray) -> Float[Array, "b t f"]:
    """Masks normalised mels, each at places of its own."""
    over_time, over_bins = jax.random.split(key)
    size, frames, bins = mel.shape
    hidden = [
      _bands(over_time, size, self.time_masks, self.time_width, frames)[:, :, None],
      _bands(over_bins, size, self.bin_masks, self.bin_width, bins)[:, None, :],
    ]
    return jnp.where(hidden[0] | hidden[1], 0.0, mel)


def told(key: PRNGKeyArray, size: int, *, hidden: float) -> Bool[Array, "b 3"]:
  """Draws what a model is told of the notes of some records.

  Of a recording a note may be heard in part only, or not at all. So a share of the records is not
  told the whole note: half of these are told nothing of it, the others lack one of pitch, velocity
  and hold.

  Args:
    key: Key of what is drawn.
    size: Number of records.
    hidden: The share, in [0, 1].
  """
  which, what = jax.random.split(key)
  drawn = jax.random.uniform(which, (size, 1))
  one = jax.random.randint(what, (size, 1), 0, 3) == jnp.arange(3)
  return jnp.where(drawn < hidden / 2, False, ~one | (drawn >= hidden))


def _bands(key: PRNGKeyArray, size: int, count: int, width: int, length: int) -> Array:
  """Returns a mask (size, length) with `count` bands of up to `width`, true under a band."""
  widths, places = jax.random.split(key)
  wide = jax.random.randint(widths, (size, count, 1), 0, min(width, length) + 1)
  start = jax.random.uniform(places, (size, count, 1)) * (length - wide + 1)
  start = jnp.floor(start).astype(jnp.int32)
  position = jnp.arange(length)
  return jnp.any((position >= start) & (position < start + wide), axis=1)
