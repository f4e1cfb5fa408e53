"""The mel front end: the one picture of a sound that models see."""

import functools
from dataclasses import dataclass

import numpy as np
import scipy.fft
from jaxtyping import Float

from synthmatch_jax.audio import filters

# Frames transformed at once: they fit into a core's cache, which makes it four times faster. A
# multiple of 8, so that no frame meets another arithmetic of the transform (and other last bits).
_BLOCK = 16


@dataclass(frozen=True, kw_only=True)
class MelSettings:
  """Settings of a log-mel spectrogram; data set, training and matching share one object.

  64 bins and hop 2048 at 44.1 kHz are the reading of the paper's "22 GB" for a million 4 s
  sounds (section 3.1: 64 x 87 x 4 bytes each); window length, band edges and floor are ours.

  Attributes:
    sample_rate: of the audio, in Hz.
    n_fft: window (Hann) and FFT length, in samples.
    hop_length: from frame to frame, in samples; frames are centred, edges padded with zeros.
    n_mels: number of mel bins (Slaney scale and area normalisation, librosa's default).
    f_min: lower edge of the lowest bin, in Hz.
    f_max: upper edge of the highest bin, in Hz.
    floor_db: power below this level is cut off. A full-scale sine reaches about 45 dB, so -50
      keeps what 16-bit audio can hold.
  """

  sample_rate: int = 44_100
  n_fft: int = 4096
  hop_length: int = 2048
  n_mels: int = 64
  f_min: float = 20.0
  f_max: float = 20_000.0
  floor_db: float = -50.0

  def num_frames(self, num_samples: int) -> int:
    """Frames that `num_samples` samples of audio give."""
    return 1 + num_samples // self.hop_length


def log_mel(audio: Float[np.ndarray, " n"], settings: MelSettings) -> Float[np.ndarray, "t f"]:
  """Log-mel power spectrogram in dB, float32, time first.

  Equal to librosa's `power_to_db(melspectrogram(...), amin=floor, top_db=None)` (a test holds
  it to 1e-5) and about four times faster. The Fourier transform is done in float64, so that the
  quiet bins of loud frames do not drown in rounding.
  """
  half = settings.n_fft // 2
  padded = np.pad(np.asarray(audio, np.float64), half)
  frames = np.lib.stride_tricks.sliding_window_view(padded, settings.n_fft)
  frames = frames[:: settings.hop_length]
  window, bands = _constants(settings)
  power = np.empty((len(frames), settings.n_fft // 2 + 1))
  for start in range(0, len(frames), _BLOCK):
    block = slice(start, start + _BLOCK)
    spectrum = np.asarray(scipy.fft.rfft(frames[block] * window))
    power[block] = np.real(spectrum) ** 2 + np.imag(spectrum) ** 2
  mel = power @ bands.T
  return (10 * np.log10(np.maximum(mel, 10 ** (settings.floor_db / 10)))).astype(np.float32)


@functools.cache
def _constants(settings: MelSettings) -> tuple[np.ndarray, np.ndarray]:
  """Window (n_fft,) and mel filters (f, n_fft // 2 + 1), float64."""
  bands = filters.mel_filters(
    sample_rate=settings.sample_rate,
    n_fft=settings.n_fft,
    n_mels=settings.n_mels,
    f_min=settings.f_min,
    f_max=settings.f_max,
  )
  return filters.hann(settings.n_fft), bands
