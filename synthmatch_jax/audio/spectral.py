"""Linear-frequency spectra."""

from dataclasses import dataclass

import librosa
import numpy as np
from jaxtyping import Float


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


DEFAULT_STFT = StftSettings()


def stft_magnitude(
  audio: Float[np.ndarray, " n"], settings: StftSettings = DEFAULT_STFT
) -> Float[np.ndarray, "t f"]:
  """Magnitudes of the short-time Fourier transform, float64, time first.

  Not scaled: a sine of amplitude 1 on a bin reaches n_fft / 4. Audio shorter than one window is
  padded with zeros to its length.

  Args:
    audio: mono.
    settings: lengths of window and hop.
  """
  padded = np.pad(audio.astype(np.float64), (0, max(0, settings.n_fft - audio.size)))
  spectrum = librosa.stft(padded, n_fft=settings.n_fft, hop_length=settings.hop_length)
  return np.abs(spectrum).T
