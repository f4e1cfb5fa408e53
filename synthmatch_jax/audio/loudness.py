"""Measures how loud a sound is to the ear, and sets it."""

import functools
import math

import numpy as np
import pyloudnorm
from jaxtyping import Float

SILENT_PEAK = 1e-4
"""The peak under which a sound is silent, -80 dB of full scale: a sound card's hum is no note."""

THRESHOLD_DB = -60.0
"""The loudness, in LUFS, under which data sets draw a sound again (paper section 3.1)."""

LISTENING_DB = -23.0
"""The loudness, in LUFS, of what people are to listen to (EBU R 128)."""

_BLOCK_SECONDS = 0.4  # The standard's gating block.


def loudness_db(audio: Float[np.ndarray, " n"], sample_rate: int) -> float:
  """Measures integrated loudness in LUFS (ITU-R BS.1770-4, by pyloudnorm); -inf for silence.

  Blocks under the standard's absolute gate, -70 LUFS, do not count: a sound that nowhere
  exceeds it is -inf. Audio shorter than one 400 ms block is padded with zeros to its length, so
  a click gets the loudness of the block that holds it.

  Args:
    audio: A mono sound, full scale is 1; a full-scale sine of 1 kHz has -3 LUFS.
    sample_rate: The sample rate, in Hz.
  """
  block = math.ceil(_BLOCK_SECONDS * sample_rate)
  padded = np.pad(np.asarray(audio, np.float64), (0, max(0, block - audio.size)))
  if not padded.any():
    return -math.inf
  return float(_meter(sample_rate).integrated_loudness(padded))


def match_loudness(
  audio: Float[np.ndarray, " n"], target_db: float, sample_rate: int
) -> Float[np.ndarray, " n"]:
  """Applies the gain that brings a sound to a loudness, float32.

  The gain never takes the peak over full scale: a sound with high peaks stays softer than
  asked. A faint sound is measured as if its peak were at full scale, so the standard's absolute
  gate does not hide it. Silence comes back as it is.

  Args:
    audio: A mono sound, full scale is 1.
    target_db: The wanted loudness, in LUFS.
    sample_rate: The sample rate, in Hz.
  """
  peak = float(np.abs(audio).max(initial=0))
  if peak == 0:
    return audio.astype(np.float32)
  normalised = audio.astype(np.float64) / peak
  gain_db = target_db - loudness_db(normalised, sample_rate)
  return (min(1, 10 ** (gain_db / 20)) * normalised).astype(np.float32)


@functools.cache
def _meter(sample_rate: int) -> pyloudnorm.Meter:
  return pyloudnorm.Meter(sample_rate, block_size=_BLOCK_SECONDS)
