"""What the world does to a sound before it is heard, done to mel spectrograms during training."""

import functools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from synthmatch_jax.audio import filters
from synthmatch_jax.audio.mel import MelSettings, mel_power
from synthmatch_jax.config import require_share

# In the order in which they happen to a sound; the numbers of their streams are their places.
KINDS = ("detune", "onset", "room", "tilt", "noise", "hum", "band", "gain")
"""What can happen to a sound, each with a share of the sounds and a measure of its own."""

_RANGE_DB = 50.0  # From the softest floor of noise or hum to the loudest.
_STEEPEST = 2.0  # Of a floor's power over frequency: 0 is white, 1 pink, 2 brown.
_MAINS_HZ, _HARMONICS = (50.0, 60.0), 12
_LEAST_ROOM_SECONDS = 0.1
_LEAST_WET_DB = -20.0  # What a room adds, against the sound itself; the most is as much.
_MOST_HIGH_PASS_HZ = 300.0  # A telephone's.
_SLOPE_DB = 48.0  # An octave, beyond the edges of a band.
_TILTED_ABOUT_HZ = 1_000.0


@dataclass(frozen=True, kw_only=True)
class Disturbance:
  """Disturbs sounds as recordings are disturbed; each kind is drawn for itself.

  Everything is computed on the power of log-mels, as far as that says it: powers add up, whatever
  the phases, and there is neither clipping nor a constant offset.

  Attributes:
    mel: The settings of the spectrograms.
    detune: Share of the sounds that are out of tune, as is the note that is told with them.
    detune_cents: How far at most, in cents, up or down.
    onset: Share of the sounds that begin early or late.
    onset_frames: By how many frames at most.
    room: Share of the sounds that are smeared over time, as by a room.
    room_seconds: The longest time in which its reverberation falls by 60 dB; the shortest is 0.1.
    tilt: Share of the sounds whose spectrum is tilted about 1 kHz.
    tilt_db: By how many dB an octave at most, up or down.
    noise: Share of the sounds with a floor of noise, from white to brown.
    noise_db: Level of the loudest floor, against the loudest frame of the sound; the softest is
      50 dB below.
    hum: Share of the sounds with the hum of mains of 50 or 60 Hz.
    hum_db: Level of the loudest hum, likewise.
    band: Share of the sounds of which a band is heard only, noise included.
    band_hz: The narrowest low pass; the highest high pass is a telephone's, 300 Hz.
    gain: Share of the sounds that are louder or softer.
    gain_db: By how many dB at most.

  Raises:
    UserError: A share is out of [0, 1].
  """

  mel: MelSettings
  detune: float = 0.0
  detune_cents: float = 50.0
  onset: float = 0.0
  onset_frames: float = 1.0
  room: float = 0.0
  room_seconds: float = 1.0
  tilt: float = 0.0
  tilt_db: float = 3.0
  noise: float = 0.0
  noise_db: float = -20.0
  hum: float = 0.0
  hum_db: float = -20.0
  band: float = 0.0
  band_hz: float = 3_400.0
  gain: float = 0.0
  gain_db: float = 6.0

  def __post_init__(self):
    require_share(**{f"disturbance.{kind}": getattr(self, kind) for kind in KINDS})

  def __call__(self, batch: dict[str, Any], key: PRNGKeyArray) -> dict[str, Any]:
    """Disturbs the sounds of a `Batch`, whose mels are in dB, each in its own way.

    A note's pitch becomes the one that is heard.
    """
    kinds = [kind for kind in KINDS if getattr(self, kind) > 0]
    if not kinds:
      return batch
    mel, floor_db = batch["mel"], self.mel.floor_db
    power = jnp.where(mel > floor_db, 10 ** (mel / 10), 0.0)
    for kind in kinds:
      which, how = jax.random.split(jax.random.fold_in(key, KINDS.index(kind)))
      if kind == "detune":
        cents = jax.random.uniform(how, (len(mel),), minval=-1) * self.detune_cents
        cents = jnp.where(jax.random.uniform(which, cents.shape) < self.detune, cents, 0.0)
        power = self._detuned(power, cents)
        if "note" in batch:
          batch = batch | {"note": jnp.asarray(batch["note"]).at[:, 0].add(cents / 100)}
      else:
        chosen = jax.random.uniform(which, (len(mel), 1, 1)) < getattr(self, kind)
        power = jnp.where(chosen, getattr(self, f"_{kind}")(power, how), power)
    return batch | {"mel": 10 * jnp.log10(jnp.maximum(power, 10 ** (floor_db / 10)))}

  def _detuned(self, power: Float[Array, "b t f"], cents: Float[Array, " b"]):
    """Moves spectra along the bins; between these, power is nearer to the truth than its level."""
    ratio = 2 ** (cents[:, None] / 1200)
    place = jnp.interp(self._centres / ratio, self._centres, jnp.arange(power.shape[2]))
    return _between(power, place[:, None, :], axis=2)

  def _onset(self, power: Float[Array, "b t f"], key: PRNGKeyArray):
    """Moves sounds in time: silence comes before one that begins late, and its end goes on."""
    late = self.onset_frames * jax.random.uniform(key, (len(power), 1, 1), minval=-1)
    place = jnp.arange(power.shape[1])[:, None] - late
    share = jnp.clip(1 + place, 0, 1)  # Of a frame before the sound nothing is heard.
    return share * _between(power, jnp.maximum(place, 0), axis=1)

  def _room(self, power: Float[Array, "b t f"], key: PRNGKeyArray):
    """Adds an exponential tail to every frame, and keeps the energy of the sound."""
    length, level = jax.random.split(key)
    shape, hop = (len(power), 1, 1), self.mel.hop_length / self.mel.sample_rate
    shortest = min(_LEAST_ROOM_SECONDS, self.room_seconds)
    seconds = shortest * (self.room_seconds / shortest) ** jax.random.uniform(length, shape)
    kept = 10 ** (-6 * hop / seconds)  # Of the power, from frame to frame.
    wet = _db(jax.random.uniform(level, shape, minval=_LEAST_WET_DB, maxval=0.0))
    steps = jnp.arange(power.shape[1])
    since = steps[:, None] - steps
    tail = jnp.where(since >= 0, (1 - kept) * kept ** jnp.maximum(since, 0), 0.0)
    return (power + wet * (tail @ power)) / (1 + wet)

  def _tilt(self, power: Float[Array, "b t f"], key: PRNGKeyArray):
    octaves = np.log2(self._centres / _TILTED_ABOUT_HZ)
    return power * _db(
      self.tilt_db * octaves * jax.random.uniform(key, (len(power), 1, 1), minval=-1)
    )

  def _noise(self, power: Float[Array, "b t f"], key: PRNGKeyArray):
    """Adds noise, whose power in a bin fluctuates from frame to frame as that of real noise."""
    colour, level, frames = jax.random.split(key, 3)
    slope = jax.random.uniform(colour, (len(power), 1, 1), maxval=_STEEPEST)
    spectrum = (self._centres / _TILTED_ABOUT_HZ) ** -slope
    # A chi-squared variable by Wilson and Hilferty (1931): the cube of a normal one.
    spread = np.sqrt(2 / (9 * self._freedoms))
    normal = 1 - spread**2 + spread * jax.random.normal(frames, power.shape)
    return power + self._floor(power, spectrum, level, self.noise_db) * jnp.maximum(normal, 0) ** 3

  def _hum(self, power: Float[Array, "b t f"], key: PRNGKeyArray):
    mains, level = jax.random.split(key)
    which = jax.random.randint(mains, (len(power),), 0, len(self._hums))
    spectrum = jnp.asarray(self._hums)[which][:, None, :]
    return power + self._floor(power, spectrum, level, self.hum_db)

  def _band(self, power: Float[Array, "b t f"], key: PRNGKeyArray):
    def edge(key: PRNGKeyArray, low: float, high: float) -> Array:
      return low * (high / low) ** jax.random.uniform(key, (len(power), 1, 1))

    low, high = jax.random.split(key)
    below = edge(low, self.mel.f_min, _MOST_HIGH_PASS_HZ) / self._centres
    above = self._centres / edge(high, self.band_hz, self.mel.f_max)
    octaves = jnp.maximum(jnp.log2(below), 0) + jnp.maximum(jnp.log2(above), 0)
    return power * _db(-_SLOPE_DB * octaves)

  def _gain(self, power: Float[Array, "b t f"], key: PRNGKeyArray):
    return power * _db(self.gain_db * jax.random.uniform(key, (len(power), 1, 1), minval=-1))

  def _floor(self, power, spectrum, key: PRNGKeyArray, most_db: float):
    """Scales a spectrum to an energy that is drawn, against the loudest frame of each sound."""
    shape = (len(power), 1, 1)
    level = jax.random.uniform(key, shape, minval=most_db - _RANGE_DB, maxval=most_db)
    loudest = (power * self._widths).sum(axis=2, keepdims=True).max(axis=1, keepdims=True)
    return spectrum * _db(level) * loudest / (spectrum * self._widths).sum(axis=2, keepdims=True)

  @functools.cached_property
  def _edges(self) -> np.ndarray:
    return filters.mel_frequencies(self.mel.n_mels + 2, f_min=self.mel.f_min, f_max=self.mel.f_max)

  @property
  def _centres(self) -> np.ndarray:
    """The frequency of each bin, in Hz."""
    return np.array(self.mel.centres, np.float32)

  @property
  def _widths(self) -> np.ndarray:
    """The width of each bin in Hz, by which its power is a density."""
    return ((self._edges[2:] - self._edges[:-2]) / 2).astype(np.float32)

  @functools.cached_property
  def _freedoms(self) -> np.ndarray:
    """The degrees of freedom of noise in each bin: two for every independent Fourier bin."""
    mel = self.mel
    bank = filters.mel_filters(
      sample_rate=mel.sample_rate,
      n_fft=mel.n_fft,
      n_mels=mel.n_mels,
      f_min=mel.f_min,
      f_max=mel.f_max,
    )
    # A Hann window makes neighbouring Fourier bins alike: 1.5 of them count as one.
    independent = bank.sum(axis=1) ** 2 / np.maximum((bank**2).sum(axis=1), 1e-30)
    return (2 * np.maximum(independent / 1.5, 1)).astype(np.float32)

  @functools.cached_property
  def _hums(self) -> np.ndarray:
    """The power of hums (50 and 60 Hz) in each bin; harmonic k has the amplitude 1 / k."""
    time = np.arange(4 * self.mel.n_fft) / self.mel.sample_rate
    k = np.arange(1, _HARMONICS + 1)[:, None]
    tones = [(np.sin(2 * np.pi * k * mains * time) / k).sum(axis=0) for mains in _MAINS_HZ]
    spectra = [mel_power(tone, self.mel) for tone in tones]
    return np.stack([power[len(power) // 2] for power in spectra]).astype(np.float32)


def _db(level: Any) -> Any:
  """Returns the factor of power of a level in dB."""
  return 10 ** (level / 10)


def _between(values: Float[Array, "b t f"], place: Array, *, axis: int) -> Float[Array, "b t f"]:
  """Interpolates between the values along an axis; beyond its ends are its last values."""
  last = values.shape[axis] - 1
  place = jnp.clip(place, 0, last)
  below = jnp.floor(place).astype(jnp.int32)
  low, high = (jnp.take_along_axis(values, jnp.minimum(below + n, last), axis=axis) for n in (0, 1))
  return low + (place - below) * (high - low)
