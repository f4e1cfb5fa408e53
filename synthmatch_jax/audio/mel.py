"""Mel spectrograms: the picture of a sound that models see, and those that metrics compare."""

import functools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio import filters
from synthmatch_jax.audio.stft import StftSettings, power_spectrogram


@dataclass(frozen=True, kw_only=True)
class MelSettings:
  """Settings of a log-mel spectrogram; data set, training and matching share one object.

  64 bins and hop 2048 at 44.1 kHz are the reading of the paper's "22 GB" for a million 4 s
  sounds (section 3.1: 64 x 87 x 4 bytes each); window length, band edges and floor are ours.

  Attributes:
    sample_rate: The sample rate of the audio, in Hz.
    n_fft: The length of the window (Hann) and of the Fourier transform, in samples.
    hop_length: The distance from frame to frame, in samples; frames are centred, edges are padded
      with zeros.
    n_mels: The number of mel bins (Slaney scale and area normalisation, librosa's default).
    f_min: The lower edge of the lowest bin, in Hz.
    f_max: The upper edge of the highest bin, in Hz.
    floor_db: The level below which power is cut off. A full-scale sine reaches about 45 dB, so -50
      keeps what 16-bit audio can hold.
  """

  sample_rate: int = 44_100
  n_fft: int = 4096
  hop_length: int = 2048
  n_mels: int = 64
  f_min: float = 20.0
  f_max: float = 20_000.0
  floor_db: float = -50.0

  @classmethod
  def of_ms(
    cls, window_ms: float, hop_ms: float, *, sample_rate: int, n_mels: int
  ) -> "MelSettings":
    """Returns settings from milliseconds (as `StftSettings.of_ms`), up to half the sample rate."""
    stft = StftSettings.of_ms(window_ms, hop_ms, sample_rate=sample_rate)
    return cls(
      sample_rate=sample_rate,
      n_fft=stft.n_fft,
      hop_length=stft.hop_length,
      n_mels=n_mels,
      f_min=0.0,
      f_max=sample_rate / 2,
    )

  @property
  def stft(self) -> StftSettings:
    """The lengths of window and hop."""
    return StftSettings(n_fft=self.n_fft, hop_length=self.hop_length)

  @property
  def centres(self) -> tuple[float, ...]:
    """The frequency of each bin, in Hz."""
    edges = filters.mel_frequencies(self.n_mels + 2, f_min=self.f_min, f_max=self.f_max)
    return tuple(edges[1:-1].tolist())

  def num_frames(self, num_samples: int) -> int:
    """Returns the number of frames that `num_samples` samples of audio give."""
    return 1 + num_samples // self.hop_length


def log_mel(audio: Float[np.ndarray, " n"], settings: MelSettings) -> Float[np.ndarray, "t f"]:
  """Computes the log-mel power spectrogram in dB, float32, time first.

  Equal to librosa's `power_to_db(melspectrogram(...), amin=floor, top_db=None)` (a test holds
  it to 1e-5) and about four times faster. The Fourier transform is done in float64, so that the
  quiet bins of loud frames do not drown in rounding.
  """
  power = _mel_power(np.asarray(audio, np.float64), settings)
  return (10 * np.log10(np.maximum(power, 10 ** (settings.floor_db / 10)))).astype(np.float32)


def mel_power(audio: Float[np.ndarray, " n"], settings: MelSettings) -> Float[np.ndarray, "t f"]:
  """Computes the mel power spectrogram without a floor, time first, in the precision of `audio`.

  Equal to librosa's `melspectrogram(...).T` (a test holds it). Audio shorter than one window is
  padded with zeros to its length.
  """
  return _mel_power(settings.stft.lengthen(audio), settings)


def power_db(power: Float[np.ndarray, "t f"], *, top_db: float) -> Float[np.ndarray, "t f"]:
  """Returns decibels of power, cut off `top_db` under their maximum and at -100 (as librosa)."""
  level = 10 * np.log10(np.maximum(power, 1e-10))
  return np.maximum(level, level.max() - top_db)


def _mel_power(audio: np.ndarray, settings: MelSettings) -> np.ndarray:
  """Computes the power of each frame in each band (t, f)."""
  power = power_spectrogram(audio, settings.stft)
  return power @ _bands(settings, power.dtype).T


@functools.lru_cache(maxsize=32)
def _bands(settings: MelSettings, dtype: np.dtype) -> np.ndarray:
  """The filter bank of the settings (f, k), in the precision of what is filtered."""
  return filters.mel_filters(
    sample_rate=settings.sample_rate,
    n_fft=settings.n_fft,
    n_mels=settings.n_mels,
    f_min=settings.f_min,
    f_max=settings.f_max,
  ).astype(dtype, copy=False)
