"""Moves a sound to another pitch, by a phase vocoder.

It is librosa's `effects.pitch_shift` to the last bit (a test holds it), without the compiler that
librosa brings along: a quarter of a gigabyte, seconds at the first call, and a cache to write to.
"""

import math

import numpy as np
import soxr
from jaxtyping import Complex, Float

from synthmatch_jax.audio.filters import hann

_N_FFT, _HOP = 2048, 512


def pitch_shift(
  audio: Float[np.ndarray, " n"], semitones: float, *, sample_rate: int
) -> Float[np.ndarray, " n"]:
  """Returns the sound at another pitch, as long as it was.

  Args:
    audio: A mono sound, float32.
    semitones: How much higher it is to be.
    sample_rate: The sample rate, in Hz.
  """
  rate = 2.0 ** (-float(semitones) / 12)
  stretched = _inverse(_stretch(_spectra(audio), rate), round(audio.size / rate))
  moved = soxr.resample(stretched, float(sample_rate) / rate, sample_rate, quality="soxr_hq")
  # The resampler says the length of its own, and the ratio of the rates says ours.
  expected = math.ceil(stretched.size * (sample_rate / (float(sample_rate) / rate)))
  return _of_length(_of_length(moved, expected), audio.size)


def _spectra(audio: Float[np.ndarray, " n"]) -> Complex[np.ndarray, "t k"]:
  padded = np.pad(audio, _N_FFT // 2)
  frames = np.lib.stride_tricks.sliding_window_view(padded, _N_FFT)[::_HOP]
  return np.fft.rfft(hann(_N_FFT) * frames).astype(np.complex64)


def _stretch(spectra: Complex[np.ndarray, "t k"], rate: float) -> Complex[np.ndarray, "u k"]:
  """Returns spectra at steps of `rate` frames, whose phases go on as they did from frame to frame.

  Source: D. P. W. Ellis, "A phase vocoder in Matlab" (2002), as librosa has it.
  """
  steps = np.arange(0, len(spectra), rate, dtype=np.float64)
  advance = _HOP * np.fft.rfftfreq(_N_FFT, 1 / (2 * np.pi))
  padded = np.pad(spectra, ((0, 2), (0, 0)))
  magnitudes, angles = np.abs(padded), np.angle(padded)
  phase = np.zeros(spectra.shape[1], np.complex64)
  phase.imag = angles[0]
  found = np.zeros((len(steps), spectra.shape[1]), np.complex64)
  for row, step in zip(found, steps, strict=True):
    at, part = int(step), np.mod(step, 1.0)
    row[:] = np.exp(phase)  # The C library's, which is a bit nearer than NumPy's own cos and sin.
    row *= (1.0 - part) * magnitudes[at] + part * magnitudes[at + 1]
    turned = angles[at + 1] - angles[at] - advance
    turned = turned - 2.0 * np.pi * np.round(turned / (2.0 * np.pi))
    phase.imag += advance + turned
  return found


def _inverse(spectra: Complex[np.ndarray, "t k"], length: int) -> Float[np.ndarray, " n"]:
  """Returns the sound of spectra: their frames, added where they overlap."""
  spectra = spectra[: math.ceil((length + _N_FFT) / _HOP)]
  window = hann(_N_FFT)
  total = np.zeros(_N_FFT + _HOP * (len(spectra) - 1), np.float32)
  weight = np.zeros_like(total)
  for start, frame in zip(range(0, total.size, _HOP), spectra, strict=False):
    total[start : start + _N_FFT] += window * np.fft.irfft(frame, n=_N_FFT)
    weight[start : start + _N_FFT] += window**2
  audio, weight = (_of_length(part[_N_FFT // 2 :], length) for part in (total, weight))
  heard = weight > np.finfo(np.float32).tiny
  audio[heard] /= weight[heard]
  return audio


def _of_length(audio: Float[np.ndarray, " n"], length: int) -> Float[np.ndarray, " length"]:
  return np.pad(audio[:length], (0, max(0, length - audio.size)))
