"""Linear-frequency and mel spectra, not yet in decibels."""

import functools
from dataclasses import dataclass

import numpy as np
import scipy.fft
from jaxtyping import Float

from synthmatch_jax.audio import filters


@dataclass(frozen=True, kw_only=True)
class StftSettings:
  """Settings of a short-time Fourier transform.

  The window is a periodic Hann window; frames are centred, edges padded with zeros. The lengths
  are ours (46 ms and 12 ms at 44.1 kHz): the paper names none.

  Attributes:
    n_fft: window and FFT length, in samples.
    hop_length: from frame to frame, in samples.
  """

  n_fft: int = 2048
  hop_length: int = 512

  @classmethod
  def of_ms(cls, window_ms: float, hop_ms: float, *, sample_rate: int) -> "StftSettings":
    """Lengths given in milliseconds, cut to whole samples: 25 ms at 44.1 kHz are 1102."""
    return cls(
      n_fft=int(window_ms * sample_rate / 1_000), hop_length=int(hop_ms * sample_rate / 1_000)
    )


DEFAULT_STFT = StftSettings()


@dataclass(frozen=True, kw_only=True)
class MelBands:
  """A mel filter bank (Slaney scale and area normalisation, librosa's default).

  Attributes:
    n_mels: number of bands.
    f_min: lower edge of the lowest band, in Hz.
    f_max: upper edge of the highest band, in Hz; None is half the sample rate.
  """

  n_mels: int
  f_min: float = 0.0
  f_max: float | None = None


def stft_magnitude(
  audio: Float[np.ndarray, " n"], settings: StftSettings = DEFAULT_STFT
) -> Float[np.ndarray, "t f"]:
  """Magnitudes of the short-time Fourier transform, time first, in the precision of `audio`.

  Not scaled: a sine of amplitude 1 on a bin reaches n_fft / 4. Audio shorter than one window is
  padded with zeros to its length. Equal to librosa's `abs(stft(...)).T` (a test holds it) and
  twice as fast.

  Args:
    audio: mono.
    settings: lengths of window and hop.
  """
  return np.abs(_stft(audio, settings))


def stft_power(
  audio: Float[np.ndarray, " n"], settings: StftSettings, *, bins: int | None = None
) -> Float[np.ndarray, "t f"]:
  """The squares of `stft_magnitude`, which are cheaper than the magnitudes.

  Args:
    audio: mono.
    settings: lengths of window and hop.
    bins: how many, from 0 Hz on; all by default.
  """
  spectrum = _stft(audio, settings)[:, :bins]
  return np.real(spectrum) ** 2 + np.imag(spectrum) ** 2


def mel_power(
  audio: Float[np.ndarray, " n"],
  settings: StftSettings,
  *,
  sample_rate: int,
  bands: MelBands,
) -> Float[np.ndarray, "t f"]:
  """Mel power spectrogram, time first, in the precision of `audio`.

  Equal to librosa's `melspectrogram(...).T` (a test holds it); short audio is padded as in
  `stft_magnitude`.

  Args:
    audio: mono.
    settings: lengths of window and hop.
    sample_rate: of the audio, in Hz.
    bands: the filter bank.
  """
  power = stft_power(audio, settings)
  return power @ _mel_filters(settings.n_fft, sample_rate, bands).astype(power.dtype)


def power_db(power: Float[np.ndarray, "t f"], *, top_db: float) -> Float[np.ndarray, "t f"]:
  """Decibels of power, cut off `top_db` under their maximum and at -100 (librosa's default)."""
  level = 10 * np.log10(np.maximum(power, 1e-10))
  return np.maximum(level, level.max() - top_db)


def _stft(audio: np.ndarray, settings: StftSettings) -> np.ndarray:
  """The transform (t, f)."""
  missing = max(0, settings.n_fft - audio.size)
  half = settings.n_fft // 2
  padded = np.pad(audio, (half, half + missing))
  frames = np.lib.stride_tricks.sliding_window_view(padded, settings.n_fft)
  window = filters.hann(settings.n_fft).astype(audio.dtype)
  return np.asarray(scipy.fft.rfft(frames[:: settings.hop_length] * window))


@functools.cache
def _mel_filters(n_fft: int, sample_rate: int, bands: MelBands) -> np.ndarray:
  """Filters (n_fft // 2 + 1, f), float64."""
  triangles = filters.mel_filters(
    sample_rate=sample_rate,
    n_fft=n_fft,
    n_mels=bands.n_mels,
    f_min=bands.f_min,
    f_max=sample_rate / 2 if bands.f_max is None else bands.f_max,
  )
  return np.ascontiguousarray(triangles.T)
