"""The Hann window, and the mel scale with its filter bank as in Slaney's Auditory Toolbox (1998).

Both are equal to librosa's to the last bit (a test holds it), so that mels are what they were when
librosa made them. librosa itself brings a compiler along (see shift.py).
"""

import functools

import numpy as np
import scipy.signal
from jaxtyping import Float

# The scale is linear up to 1 kHz, and logarithmic above: 27 mel are a factor of 6.4.
_HZ_A_MEL = 200.0 / 3
_BEND_HZ = 1000.0
_BEND_MEL = _BEND_HZ / _HZ_A_MEL
_LOG_STEP = np.log(6.4) / 27.0


@functools.cache
def hann(length: int) -> Float[np.ndarray, " length"]:
  """Returns a periodic Hann window, float64, shared and not to be written to."""
  window = np.asarray(scipy.signal.get_window("hann", length))
  window.flags.writeable = False
  return window


def mel_frequencies(count: int, *, f_min: float, f_max: float) -> Float[np.ndarray, " count"]:
  """Returns frequencies in Hz that are evenly spaced on the mel scale, both ends included."""
  mels = np.linspace(_mel(f_min), _mel(f_max), count)
  hz = _HZ_A_MEL * mels
  above = mels >= _BEND_MEL
  hz[above] = _BEND_HZ * np.exp(_LOG_STEP * (mels[above] - _BEND_MEL))
  return hz


@functools.cache
def mel_filters(
  *, sample_rate: int, n_fft: int, n_mels: int, f_min: float, f_max: float
) -> Float[np.ndarray, "f k"]:
  """Returns triangles of equal area over the bins of a Fourier transform, float64.

  The array is shared and cannot be written to.

  Args:
    sample_rate: The sample rate, in Hz.
    n_fft: The length of the transform; there are k = n_fft // 2 + 1 bins.
    n_mels: The number of triangles, f.
    f_min: The frequency at which the lowest one begins, in Hz.
    f_max: The frequency at which the highest one ends, in Hz.
  """
  edges = mel_frequencies(n_mels + 2, f_min=f_min, f_max=f_max)
  widths = np.diff(edges)[:, None]
  distances = edges[:, None] - np.fft.rfftfreq(n_fft, 1.0 / sample_rate)
  rising, falling = -distances[:-2] / widths[:-1], distances[2:] / widths[1:]
  heights = 2.0 / (edges[2:] - edges[:-2])
  bank = np.maximum(0, np.minimum(rising, falling)) * heights[:, None]
  bank.flags.writeable = False
  return bank


def _mel(hz: float) -> float:
  if hz < _BEND_HZ:
    return hz / _HZ_A_MEL
  return _BEND_MEL + float(np.log(hz / _BEND_HZ)) / _LOG_STEP
