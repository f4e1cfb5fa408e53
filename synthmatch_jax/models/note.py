"""The note of a sound in a model: what an encoder is told of it, and what a head makes of it."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float

from synthmatch_jax.models.encoder import Encoder
from synthmatch_jax.models.head import Report

PITCHES = 128
"""The semitones that a pitch is predicted among: those of MIDI."""

# In semitones; the shortest tells the octaves apart, the longest spans those that are played.
_PERIODS = (12.0, 24.0, 48.0, 96.0)
FEATURES = 6 + 2 * len(_PERIODS)
# What is near 0 after scaling: E4, half of full velocity, and the middle of 0.08 to 3 s.
_MIDDLE, _SCALE = (64.0, 64.0, 0.5), (32.0, 64.0, 2.5)
_C4, _A4 = 60.0, 69.0  # MIDI numbers.
_PARTS = 4  # Of a harmonic.
POWER = 2.6
"""What makes a power of a normalised level, whose deviation is some 11 dB: `exp(POWER * level)`."""
_LEAST = 1e-12
# Semitones: the width of a target, and how far a prediction looks around its peak.
_BLUR, _AROUND = 1.0, 2
_OCTAVES = 10.0  # A hold is between a thousandth and a thousand seconds, whatever the weights.


def features(note: Float[Array, "b 3"]) -> Float[Array, "b v"]:
  """Returns notes as numbers of about unit size.

  These are pitch, velocity and the logarithm of the hold, each with a flag that says whether it is
  known, and the pitch as sines of several periods, which tell near semitones apart. What is not
  known (NaN) gives zeros.
  """
  known = jnp.isfinite(note)
  pitch, velocity, hold = jnp.where(known, note, jnp.array(_MIDDLE)).T
  octaves = jnp.log2(jnp.maximum(hold, 2**-_OCTAVES) / _MIDDLE[2])
  centred = jnp.stack([pitch - _MIDDLE[0], velocity - _MIDDLE[1], octaves], axis=1)
  angles = 2 * jnp.pi * pitch[:, None] / jnp.array(_PERIODS)
  waves = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=1) * known[:, :1]
  return jnp.concatenate([known, centred / jnp.array(_SCALE), waves], axis=1)


class NoteInput(nnx.Module):
  """Base class of the ways in which an encoder is told a note.

  A way is built as `WAY(encoder, centres=..., rngs=...)`, with the frequencies of the mel bins; it
  does not keep the encoder.
  """

  def __call__(
    self, encoder: Encoder, mel: Float[Array, "b t f"], note: Float[Array, "b 3"]
  ) -> Float[Array, "b l w"]:
    """Maps sounds and notes, of which NaN is not known, to tokens."""
    raise NotImplementedError


class NoteToken(NoteInput):
  """The note is a token among those of the sound: every layer of a transformer can look at it."""

  def __init__(self, encoder: Encoder, *, centres: Sequence[float] = (), rngs: nnx.Rngs):
    del centres
    if not encoder.takes_token:
      raise ValueError("a note can be a token of a transformer only; take note=film")
    self.hidden = nnx.Linear(FEATURES, encoder.token_width, rngs=rngs)
    self.output = nnx.Linear(encoder.token_width, encoder.token_width, rngs=rngs)

  def __call__(
    self, encoder: Encoder, mel: Float[Array, "b t f"], note: Float[Array, "b 3"]
  ) -> Float[Array, "b l w"]:
    """See `NoteInput`."""
    token = self.output(jax.nn.gelu(self.hidden(features(note))))
    return encoder(mel, token.astype(encoder.dtype))


class NoteFilm(NoteInput):
  """The note scales and shifts the features that the head reads (FiLM, arXiv:1709.07871).

  It begins as the identity, as in the best results on pitch that are known for a space like ours.
  """

  def __init__(self, encoder: Encoder, *, centres: Sequence[float] = (), rngs: nnx.Rngs):
    del centres
    width, zeros = encoder.token_width, nnx.initializers.zeros
    self.hidden = nnx.Linear(FEATURES, width, rngs=rngs)
    self.output = nnx.Linear(width, 2 * width, kernel_init=zeros, rngs=rngs)

  def __call__(
    self, encoder: Encoder, mel: Float[Array, "b t f"], note: Float[Array, "b 3"]
  ) -> Float[Array, "b l w"]:
    """See `NoteInput`."""
    film = self.output(jax.nn.gelu(self.hidden(features(note)))).astype(encoder.dtype)
    scale, shift = jnp.split(film[:, None], 2, axis=-1)
    return encoder(mel) * (1 + scale) + shift


class NoteAligned(NoteInput):
  """The sound is heard in harmonics of the note, and the note is told as well.

  Half of the bins that the encoder sees are a quarter of a harmonic apart, from the first quarter
  on: partials of equal rank lie in the same place, whichever note is played, and an interval
  between two oscillators is a place, too. (The single note of the paper has that by itself.) The
  other half are the mel bins, each two of them as one, since filters stay where they are. Where the
  pitch is not known, harmonics are those of C4.
  """

  def __init__(self, encoder: Encoder, *, centres: Sequence[float] = (), rngs: nnx.Rngs):
    if len(centres) != encoder.num_bins or encoder.num_bins % 2:
      raise ValueError("note=aligned takes an even number of mel bins, and the frequency of each")
    self.centres = tuple(centres)
    self.told = (NoteToken if encoder.takes_token else NoteFilm)(encoder, rngs=rngs)

  def __call__(
    self, encoder: Encoder, mel: Float[Array, "b t f"], note: Float[Array, "b 3"]
  ) -> Float[Array, "b l w"]:
    """See `NoteInput`."""
    harmonics = in_harmonics(mel, note[:, 0], centres=self.centres, count=len(self.centres) // 2)
    pairs = mel.reshape(*mel.shape[:2], -1, 2).mean(axis=3)
    return self.told(encoder, jnp.concatenate([harmonics, pairs], axis=2), note)


def in_harmonics(
  mel: Float[Array, "b t f"],
  pitch: Float[Array, " b"],
  *,
  centres: Sequence[float],
  count: int,
) -> Float[Array, "b t h"]:
  """Returns the level of each sound at the quarters of the harmonics of its pitch.

  It is the mean power of the mel bins around: of those within a quarter of a harmonic, and at least
  of the two nearest. Where no bin is, it is the lowest level of the sound.

  Args:
    mel: Normalised log-mels.
    pitch: MIDI numbers with cents; NaN for C4.
    centres: Frequency of each bin, in Hz.
    count: Number of quarters, from the first one on.
  """
  near = quarters(pitch, centres=centres, count=count)
  total = near.sum(axis=2)
  loudest = mel.max(axis=2, keepdims=True)
  power = jnp.exp(POWER * (mel - loudest)) @ near.swapaxes(1, 2)
  power = power / jnp.maximum(total, _LEAST)[:, None]
  level = loudest + jnp.log(jnp.maximum(power, _LEAST)) / POWER
  lowest = mel.min(axis=(1, 2), keepdims=True)
  return jnp.where(total[:, None] > 0, jnp.maximum(level, lowest), lowest)


def quarters(
  pitch: Float[Array, " b"], *, centres: Sequence[float], count: int
) -> Float[Array, "b h f"]:
  """Returns how near the mel bins lie to the quarters of the harmonics of a pitch.

  It is 1 where a bin lies on a quarter, and falls to 0 a quarter of a harmonic away, or where that
  is farther, at the next bin.

  Args:
    pitch: See `in_harmonics`, as for the others.
    centres: See there.
    count: See there.
  """
  bins = jnp.array(centres)
  first = 440 * 2 ** ((jnp.nan_to_num(pitch, nan=_C4) - _A4) / 12) / _PARTS
  wanted = first[:, None] * jnp.arange(1, count + 1)
  reach = jnp.maximum(first[:, None, None], jnp.array(np.gradient(centres)))
  return jnp.maximum(1 - jnp.abs(wanted[:, :, None] - bins) / reach, 0)


class NoteHead(nnx.Module):
  """Predicts pitch and hold from the class token.

  The pitch is a distribution over semitones and not one number, since its errors are octaves and
  fifths: between two of them lies no pitch at all, and how sure it is shows in the distribution.
  Its target has soft neighbours, so that it says cents as well. The hold is one number, in octaves
  of a second.

  Attributes:
    note_loss: Weight of its loss: the cross-entropy of the pitch and the squared error of the hold,
      in octaves.
  """

  def __init__(self, encoder: Encoder, *, note_loss: float, rngs: nnx.Rngs):
    self.class_tokens, self.note_loss = encoder.class_tokens, note_loss
    self.output = nnx.Linear(encoder.token_width, PITCHES + 1, rngs=rngs)

  def __call__(
    self, tokens: Float[Array, "b l w"]
  ) -> tuple[Float[Array, "b p"], Float[Array, " b"]]:
    """Returns the logarithm of the probability of each semitone, and of the hold to base 2."""
    summary = tokens[:, : self.class_tokens].mean(axis=1).astype(jnp.float32)
    output = self.output(summary)
    return jax.nn.log_softmax(output[:, :PITCHES]), output[:, PITCHES]

  def loss(
    self, tokens: Float[Array, "b l w"], note: Float[Array, "b 3"], hidden: Bool[Array, "b 3"]
  ) -> tuple[Float[Array, " b"], Report]:
    """Computes the loss of each record, of what is hidden of its note.

    Returns:
      The loss, and the absolute errors of all records: of the pitch in semitones
      ("pitch_error") and of the hold in octaves ("hold_error").
    """
    log_probabilities, hold = self(tokens)
    distance = jnp.arange(PITCHES) - note[:, :1]
    wanted = jax.nn.softmax(-jnp.square(distance / _BLUR) / 2)
    entropy = -(wanted * log_probabilities).sum(axis=-1)
    octaves = hold - jnp.log2(jnp.maximum(note[:, 2], 2**-_OCTAVES))
    losses = jnp.where(hidden[:, 0], entropy, 0) + jnp.where(hidden[:, 2], octaves**2, 0)
    pitch = self.predict(tokens)[:, 0]
    report = {"pitch_error": jnp.abs(pitch - note[:, 0]), "hold_error": jnp.abs(octaves)}
    return self.note_loss * losses, report

  def predict(self, tokens: Float[Array, "b l w"]) -> Float[Array, "b 3"]:
    """Predicts the note of each sound.

    Returns:
      The pitch, a MIDI number with cents: the mean of the semitones around the most likely one. Its
      confidence, which is their probability. The hold in seconds.
    """
    log_probabilities, hold = self(tokens)
    peak = log_probabilities.argmax(axis=-1, keepdims=True)
    semitones = jnp.arange(PITCHES)
    near = jnp.where(jnp.abs(semitones - peak) <= _AROUND, jnp.exp(log_probabilities), 0)
    confidence = near.sum(axis=-1)
    pitch = (near * semitones).sum(axis=-1) / confidence
    return jnp.stack([pitch, confidence, 2 ** jnp.clip(hold, -_OCTAVES, _OCTAVES)], axis=1)
