"""A recording without what it stands on: the offset and the noise floor of its recorder."""

import numpy as np
import scipy.ndimage
import scipy.signal
from jaxtyping import Bool, Float, Int

from synthmatch_jax.audio.pitch import heard_pitch

_BLOCK_SECONDS = 0.05  # Longer than a period of the lowest note, 36 ms.
_HIGH_PASS_HZ = 15.0  # An octave below the lowest note of a piano.

_FRAME_SECONDS = 0.046  # Tells partials a semitone apart from C4 on from noise between them.
_OVERLAP = 4  # Frames over each sample.
_BANDS = np.geomspace(40, 16_000, 25)  # In Hz; about three to the octave.
_DIGITAL = 1e-8  # -80 dB of the loudest block: no recorder is that quiet, zeros are.
_HARMLESS = 1e-5  # -50 dB of the loudest block: well under the threshold of an onset.
_LOUDEST_FLOOR = 0.06  # -12 dB of the loudest frame: what is louder is no background.
_FLAT_DB = 2.0  # A floor stays within that of its quietest moment; a note that dies away does not.
_LEAST_SECONDS = 0.15  # Of a floor that can be told.
_CLEARANCE = 8.0  # 9 dB: noise of a known level is hardly ever so far above it.


def clear(audio: Float[np.ndarray, " n"], sample_rate: int) -> Float[np.ndarray, " n"]:
  """A recording without its offset and its noise; the same array if it has neither.

  Args:
    audio: mono.
    sample_rate: in Hz.
  """
  return without_noise(without_offset(audio, sample_rate), sample_rate)


def without_offset(audio: Float[np.ndarray, " n"], sample_rate: int) -> Float[np.ndarray, " n"]:
  """Takes away a cheap recorder's offset, whether it is constant or settles (high pass, 15 Hz).

  There is one if a block of 50 ms is far from zero but hardly moves; a sound moves. Without one the
  same array is returned.

  Args:
    audio: mono.
    sample_rate: in Hz.
  """
  length = round(_BLOCK_SECONDS * sample_rate)
  if audio.size < length:
    return audio
  blocks = np.lib.stride_tricks.sliding_window_view(audio, length)[:: length // 2]
  weights = np.hanning(length)
  mean = blocks @ (weights / weights.sum())
  moving = np.maximum(np.square(blocks) @ (weights / weights.sum()) - mean**2, 0)
  still = mean**2 > np.maximum(20 * moving, _HARMLESS * moving.max())
  if not still.any():
    return audio
  filtered = scipy.signal.butter(2, _HIGH_PASS_HZ, "highpass", fs=sample_rate, output="sos")
  start = scipy.signal.sosfilt_zi(filtered) * mean[still.argmax()]
  return np.asarray(scipy.signal.sosfilt(filtered, audio, zi=start)[0])


def without_noise(audio: Float[np.ndarray, " n"], sample_rate: int) -> Float[np.ndarray, " n"]:
  """Silences what does not stand out of the noise floor by 9 dB, in each moment and frequency.

  The floor is the spectrum of the quietest moments, if these are flat in time: a note that dies
  away or swells is no floor, nor is a note that never stops. Where there is no floor that could be
  taken for a sound the same array is returned.

  Args:
    audio: mono, without offset.
    sample_rate: in Hz.
  """
  if not _noisy(audio, sample_rate):
    return audio
  length = round(_FRAME_SECONDS * sample_rate / _OVERLAP) * _OVERLAP
  overlap = length - length // _OVERLAP
  # Mirrored at both ends: zeros behind the end would be its quietest moment.
  hz, _, spectrum = scipy.signal.stft(
    audio.astype(np.float32), sample_rate, nperseg=length, noverlap=overlap, boundary="even"
  )
  power = np.square(np.abs(spectrum))
  quiet = _quiet(audio, power, hz, sample_rate)
  if not quiet.any():
    return audio
  noise = scipy.ndimage.maximum_filter1d(power[:, quiet].mean(1), 3)
  heard = scipy.ndimage.uniform_filter(power, 3) > _CLEARANCE * noise[:, None]
  _, found = scipy.signal.istft(spectrum * heard, sample_rate, nperseg=length, noverlap=overlap)
  return found[: audio.size]


def _noisy(audio: np.ndarray, sample_rate: int) -> bool:
  """Whether the quietest block that is not digital silence is loud enough to be in the way."""
  length = round(_BLOCK_SECONDS * sample_rate)
  blocks = np.square(audio[: audio.size // length * length].reshape(-1, length)).mean(1)
  sounding = blocks[blocks > _DIGITAL * blocks.max(initial=0)]
  return bool(sounding.size) and bool(sounding.min() > _HARMLESS * sounding.max())


def _quiet(
  audio: Float[np.ndarray, " n"],
  power: Float[np.ndarray, "f t"],
  hz: Float[np.ndarray, " f"],
  sample_rate: int,
) -> Bool[np.ndarray, " t"]:
  """The frames in which there is nothing but the floor; none if that cannot be told."""
  hop = round(_FRAME_SECONDS * sample_rate / _OVERLAP)
  total = power.sum(0)
  loudest = total.max()
  edges = np.unique(np.searchsorted(hz, _BANDS[hz[-1] > _BANDS]))
  bands = np.maximum(np.add.reduceat(power, edges, 0), _DIGITAL * loudest)
  zeros = runs(audio == 0)
  recorded = np.all(zeros[:, 1] - zeros[:, 0] < _LEAST_SECONDS * sample_rate)
  # A mean of decibels over bands: rumble, which comes and goes in its own band, hardly moves it.
  # Nor does a note that rings on, hence the pitch. The sum for hum, which is in few bands while the
  # others fall on to silence: it has a pitch, but is in no recording with digital silence.
  means, sums = 10 * np.log10(bands).mean(0), 10 * np.log10(bands.sum(0))
  for level, may_have_pitch in ((means, False), (sums, recorded)):
    level = scipy.ndimage.uniform_filter1d(level, 1 + 2 * round(0.04 * sample_rate / hop))
    flat = _flat(np.where(total < _DIGITAL * loudest, np.inf, level), sample_rate / hop)
    if flat.any() and total[flat].mean() < _LOUDEST_FLOOR * loudest:
      first, last = max(runs(flat), key=lambda run: run[1] - run[0])
      if may_have_pitch or heard_pitch(audio[first * hop : last * hop], sample_rate) is None:
        return flat
  return np.zeros_like(total, bool)


def _flat(level: Float[np.ndarray, " t"], frames_per_second: float) -> Bool[np.ndarray, " t"]:
  """Where the level stays near its minimum, neither rising nor falling for 0.15 s."""
  near = level < level.min() + _FLAT_DB
  flat = np.zeros_like(near)
  for start, end in runs(near):
    frames = end - start
    if frames < max(2, _LEAST_SECONDS * frames_per_second):
      continue
    drift = np.polyfit(np.arange(frames), level[start:end], 1)[0] * frames
    flat[start:end] = abs(drift) < _FLAT_DB / 2
  return flat


def runs(over: Bool[np.ndarray, " t"]) -> Int[np.ndarray, "r 2"]:
  """First place of each run of trues, and the place behind its last."""
  return np.flatnonzero(np.diff(np.concatenate([[False], over, [False]]))).reshape(-1, 2)
