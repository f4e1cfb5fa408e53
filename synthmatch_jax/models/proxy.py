"""A model of the synth: what a patch sounds like, without playing it."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from synthmatch_jax.data.batch import Batch
from synthmatch_jax.models.encoder import require_positive
from synthmatch_jax.models.model import Heard, Model
from synthmatch_jax.models.note import FEATURES, POWER, features, quarters

# Groups of frames: the shortest period of the waves that tell a time; and their number.
_SHORTEST, _WAVES = 4.0, 12
_LEAST = 1e-6
_LEVEL = 0.1  # The weight of the error of the level, beside that of all bins.


class Proxy(Model):
  """Maps controls and a note to the log-mel spectrogram of their sound.

  It is trained on the sounds that models are trained on, and stands in for the synth where
  gradients, or thousands of sounds, are needed. Every group of frames is computed from the patch,
  the note, and the times since the onset and since the end of the hold, so that envelopes stay
  where they are; groups look at their neighbours by short convolutions.

  A mel is the sum of two parts, as that of a filtered tone is: one over frequency, and one over the
  quarters of the note's harmonics, where partials and intervals lie in the same place whichever
  note is played (see `note.quarters`). Where a note is not known, they are those of C4.

  Attributes:
    num_frames: Mel frames of the output.
    num_bins: Mel bins of the output.
    centres: Frequency of each mel bin, in Hz.
    seconds: Length of the sounds.
    proxy_group: Frames that are computed together.
  """

  def __init__(
    self,
    *,
    num_frames: int,
    num_bins: int,
    num_controls: int,
    seconds: float,
    centres: Sequence[float],
    proxy_width: int = 192,
    proxy_hidden: int = 768,
    proxy_depth: int = 3,
    proxy_group: int = 2,
    rngs: nnx.Rngs,
  ):
    require_positive(num_frames=num_frames, num_bins=num_bins, num_controls=num_controls)
    require_positive(proxy_width=proxy_width, proxy_hidden=proxy_hidden)
    require_positive(proxy_depth=proxy_depth, proxy_group=proxy_group)
    if len(centres) != num_bins:
      raise ValueError(f"a proxy takes the frequency of each of its {num_bins} mel bins")
    self.centres, self.num_quarters = tuple(centres), 2 * num_bins
    self.num_frames, self.num_bins, self.proxy_group = num_frames, num_bins, proxy_group
    self.num_controls, self.seconds = num_controls, seconds
    count = 2 * (2 * _WAVES + 1)
    self.hidden = nnx.List(
      [
        nnx.Linear(num_controls + FEATURES, proxy_hidden, rngs=rngs),
        nnx.Linear(proxy_hidden, proxy_hidden, rngs=rngs),
      ]
    )
    self.begin = nnx.Linear(proxy_hidden, proxy_width, rngs=rngs)
    self.times = nnx.Linear(count, proxy_width, rngs=rngs)
    self.blocks = nnx.List(
      [_Block(proxy_width, proxy_hidden, rngs=rngs) for _ in range(proxy_depth)]
    )
    self.norm = nnx.LayerNorm(proxy_width, rngs=rngs)
    self.output = nnx.Linear(proxy_width, proxy_group * (num_bins + self.num_quarters), rngs=rngs)

  def __call__(
    self, controls: Float[Array, "b d"], note: Float[Array, "b 3"] | None = None
  ) -> Float[Array, "b t f"]:
    """Returns the mels of sounds, normalised as those that models hear.

    Args:
      controls: The patches; they are clamped to [0, 1], as decoding does.
      note: The notes as in `Batch`; None where all sounds have the same one.
    """
    clamped = jnp.clip(controls, 0.0, 1.0)
    known = jnp.full((len(controls), 3), jnp.nan) if note is None else note
    patch = jnp.concatenate([2 * clamped - 1, features(known)], axis=1)
    for layer in self.hidden:
      patch = jax.nn.gelu(layer(patch))
    x = self.times(self._clock(known[:, 2])) + self.begin(patch)[:, None]
    for block in self.blocks:
      x = block(x, patch)
    frames = self.output(self.norm(x)).reshape(len(x), -1, self.num_bins + self.num_quarters)
    mel, tone = jnp.split(frames[:, : self.num_frames], [self.num_bins], axis=2)
    near = quarters(known[:, 0], centres=self.centres, count=self.num_quarters)
    return mel + tone @ (near / jnp.maximum(near.sum(axis=1, keepdims=True), _LEAST))

  def loss(self, batch: Batch, key: PRNGKeyArray, *, hear: Any = None) -> Heard:
    """See `Model.loss`; the loss is the mean absolute error of the normalised mel and of its level.

    Most bins of a mel are far below the few that are heard. What makes use of a proxy compares mels
    at the same power, which those few decide; so their error counts once more. The report holds
    the squared error of the mel ("mel_mse") and the absolute error of the level ("level").
    """
    del key, hear
    note = jnp.asarray(batch["note"]) if "note" in batch else None
    mel, wanted = self(jnp.asarray(batch["controls"]), note), jnp.asarray(batch["mel"])
    level = jnp.abs(_level(mel) - _level(wanted))
    losses = jnp.abs(mel - wanted).mean(axis=(1, 2)) + _LEVEL * level
    return losses, {"mel_mse": jnp.square(mel - wanted).mean(axis=(1, 2)), "level": level}

  def once(self) -> Array:
    """See `Model.once`."""
    return self(jnp.zeros((1, self.num_controls)), jnp.ones((1, 3)))

  def _clock(self, hold: Float[Array, " b"]) -> Float[Array, "b g v"]:
    """Tells the groups the time since the onset, and since the end of the hold where it is known.

    The unit is the length of a sound. The waves tell groups apart, the ramps before from after.
    """
    groups = -(-self.num_frames // self.proxy_group)
    place = (jnp.arange(groups) + 0.5) / groups
    after = place - jnp.where(jnp.isfinite(hold), hold, 0.0)[:, None] / self.seconds
    known = jnp.isfinite(hold)[:, None, None]
    since_onset = jnp.broadcast_to(_waves(place, groups), (len(hold), groups, 2 * _WAVES + 1))
    return jnp.concatenate([since_onset, _waves(after, groups) * known], axis=-1)


def _waves(place: Float[Array, "*s g"], groups: int) -> Float[Array, "*s g v"]:
  most = groups / _SHORTEST
  rates = jnp.asarray(np.geomspace(0.25, max(most, 0.5), _WAVES), jnp.float32)
  angles = 2 * jnp.pi * place[..., None] * rates
  ramp = jnp.tanh(4 * place)[..., None]
  return jnp.concatenate([jnp.sin(angles), jnp.cos(angles), ramp], axis=-1)


def _level(mel: Float[Array, "b t f"]) -> Float[Array, " b"]:
  """The level of the whole sound, in the unit of its bins."""
  return jax.nn.logsumexp(POWER * mel, axis=(1, 2)) / POWER


class _Block(nnx.Module):
  """Groups of frames look at their neighbours, scaled and shifted by the patch."""

  def __init__(self, width: int, hidden: int, *, rngs: nnx.Rngs):
    self.norm = nnx.LayerNorm(width, use_scale=False, use_bias=False, rngs=rngs)
    self.film = nnx.Linear(hidden, 2 * width, rngs=rngs)
    self.expand = nnx.Conv(width, 2 * width, (3,), rngs=rngs)
    self.contract = nnx.Linear(2 * width, width, rngs=rngs)

  def __call__(self, x: Float[Array, "b g w"], patch: Float[Array, "b v"]) -> Float[Array, "b g w"]:
    """Returns the groups after the block."""
    scale, shift = jnp.split(self.film(patch)[:, None], 2, axis=-1)
    normal = self.norm(x) * (1 + scale) + shift
    return x + self.contract(jax.nn.gelu(self.expand(normal)))
