"""Takes away what a recording stands on: the offset and the noise floor of its recorder."""

import math
from dataclasses import dataclass

import numpy as np
import scipy.ndimage
import scipy.signal
from jaxtyping import Bool, Float, Int

from synthmatch_jax.audio.channels import high_pass
from synthmatch_jax.audio.pitch import HeardPitch, heard_pitch

_BLOCK_SECONDS = 0.05  # Longer than a period of the lowest note, 36 ms.
_FRAME_SECONDS = 0.046  # Long enough to tell noise from partials a semitone apart, from C4 on.
_OVERLAP = 4  # Frames over each sample.
_BANDS = np.geomspace(40, 16_000, 25)  # In Hz; about three to the octave.
_DIGITAL = 1e-8  # -80 dB of the loudest block: no recorder is that quiet, zeros are.
_HARMLESS = 1e-5  # -50 dB of the loudest block: well under the threshold of an onset.
_LOUDEST_FLOOR = 0.12  # -9 dB of the loudest frame: what is louder is no background.
_LOUDEST_ON_ONE_SIDE = 0.006  # -22 dB: what is louder and on one side only may be a sustain.
_SWELL_DB = 6.0  # A room and crackles swell by so much around the level at which they are flat.
_REACH_SECONDS = 0.1  # A floor on one side ends so near to that end of the recording.
_ALIKE_DB = 3.0  # Two spectra that differ by less over the bands have one shape.
_PEAK_DB, _PEAK_BINS = 13.0, 25  # A partial stands out of its surroundings; mean noise does not.
_FLAT_DB = 2.0  # A floor stays so near to its level; a note that dies away does not.
_LEAST_SECONDS = 0.15  # A shorter floor cannot be told.
_SILENCED = 1e-4  # -80 dB of the loudest sample: there is nothing but the floor.
_CLEARANCE = 8.0  # 9 dB: noise of a known level is hardly ever so far above it.


@dataclass(frozen=True, kw_only=True)
class Cleared:
  """What was taken away from a recording.

  Attributes:
    offset: Whether an offset was taken away.
    noise_db: The level of the noise, in dB of full scale; None if none was taken away.
  """

  offset: bool = False
  noise_db: float | None = None


def clear(
  audio: Float[np.ndarray, " n"], sample_rate: int, *, noise: bool = True
) -> tuple[Float[np.ndarray, " n"], Cleared]:
  """Takes away the offset and the noise of a recording.

  Args:
    audio: A mono sound.
    sample_rate: The sample rate, in Hz.
    noise: Whether to take the noise away as well.

  Returns:
    The recording, which is the same array if it has neither, and what was taken away.
  """
  centred = without_offset(audio, sample_rate)
  clean = without_noise(centred, sample_rate) if noise else centred
  noise_db = None
  if clean is not centred:
    silenced = np.abs(clean) < _SILENCED * np.abs(clean).max()
    noise_db = float(10 * np.log10(np.mean(np.square(centred[silenced], dtype=np.float64))))
  return clean, Cleared(offset=centred is not audio, noise_db=noise_db)


def without_offset(audio: Float[np.ndarray, " n"], sample_rate: int) -> Float[np.ndarray, " n"]:
  """Takes away a cheap recorder's offset, whether it is constant or settles (high pass, 15 Hz).

  There is one if a block of 50 ms is far from zero but hardly moves; a sound moves. Without one the
  same array is returned.

  Args:
    audio: A mono sound.
    sample_rate: The sample rate, in Hz.
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
  filtered = high_pass(sample_rate)
  start = scipy.signal.sosfilt_zi(filtered) * np.where(still[0], mean[0], 0)
  return np.asarray(scipy.signal.sosfilt(filtered, audio, zi=start)[0])


def without_noise(audio: Float[np.ndarray, " n"], sample_rate: int) -> Float[np.ndarray, " n"]:
  """Silences what does not stand out of the noise floor by 9 dB, in each moment and frequency.

  The floor is the spectrum of the quietest moments that last, if these are flat in time: a note
  that dies away or swells is no floor, nor is a note that never stops. Where there is no floor, or
  one that may be a part of the sound (see `_is_floor`), the same array is returned.

  Args:
    audio: A mono sound without offset.
    sample_rate: The sample rate, in Hz.
  """
  length = round(_FRAME_SECONDS * sample_rate / _OVERLAP) * _OVERLAP
  if audio.size < length or not audio.any():
    return audio
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


def _quiet(
  audio: Float[np.ndarray, " n"],
  power: Float[np.ndarray, "f t"],
  hz: Float[np.ndarray, " f"],
  sample_rate: int,
) -> Bool[np.ndarray, " t"]:
  """Finds the frames in which there is nothing but the floor; none if that cannot be told."""
  hop = round(_FRAME_SECONDS * sample_rate / _OVERLAP)
  total = power.sum(0)
  loudest = total.max()
  edges = np.unique(np.searchsorted(hz, _BANDS[hz[-1] > _BANDS]))
  bands = np.maximum(np.add.reduceat(power, edges, 0), _DIGITAL * loudest)
  # A mean of decibels over bands: rumble, which comes and goes in its own band, hardly moves it.
  # Nor does a note that rings on. The sum for hum, which is in few bands while the others fall on
  # to silence.
  for level in (10 * np.log10(bands).mean(0), 10 * np.log10(bands.sum(0))):
    level = scipy.ndimage.uniform_filter1d(level, 1 + 2 * round(0.04 * sample_rate / hop))
    flat = _flat(np.where(total < _DIGITAL * loudest, np.inf, level), sample_rate / hop)
    if not flat.any() or not _HARMLESS < total[flat].mean() / loudest < _LOUDEST_FLOOR:
      continue
    first, last = max(runs(flat), key=lambda run: run[1] - run[0])
    pitch = heard_pitch(audio[first * hop : last * hop], sample_rate)
    if _is_floor(flat, power, bands, pitch, sample_rate / hop):
      return flat
  return np.zeros_like(total, bool)


def _is_floor(
  flat: Bool[np.ndarray, " t"],
  power: Float[np.ndarray, "f t"],
  bands: Float[np.ndarray, "b t"],
  pitch: HeardPitch | None,
  frames_per_second: float,
) -> bool:
  """Tells whether flat moments are the recorder's, and not the sound's: a sustain, a breath.

  A recorder's noise has no pitch, unless it is hum, and it goes on under the loudest part. It is
  before and behind that part. If it is on one side only, it must look like noise and not like a
  chord and be softer than a sustain, or be hum; it must go on up to that end of the file, which
  must not hold digital silence, since a gate cuts the sound's own noise; and the loudest part must
  not be the same noise, only louder. What is in doubt is the sound's.
  """
  total = power.sum(0)
  peak, loudest = int(total.argmax()), total.max()
  digital = runs(total < _DIGITAL * loudest)
  gated = bool(np.any(digital[:, 1] - digital[:, 0] > _LEAST_SECONDS * frames_per_second))
  floor, loud = bands[:, flat].mean(1), bands[:, total > loudest / 4].mean(1)
  if floor[loud < floor / 4].sum() > floor.sum() / 2:
    return False  # The floor is gone where the sound is loudest.
  hum = pitch is not None and _is_mains(pitch.midi)
  level = scipy.ndimage.uniform_filter1d(total, 1 + 2 * round(0.04 * frames_per_second))
  # A floor swells and crackles: on the other side it may be nowhere flat, but is about as loud.
  near = flat | (np.abs(10 * np.log10(np.maximum(level, 1e-30) / total[flat].mean())) < _SWELL_DB)
  places = np.flatnonzero(near)
  least = _LEAST_SECONDS * frames_per_second
  before, behind = (
    bool(flat[side].any())
    or (side.size > least and _differ(bands[:, side].mean(1), floor) < _ALIKE_DB)
    for side in (places[places < peak], places[places > peak])
  )
  if before and behind:
    return pitch is None or hum
  spectrum = power[:, flat].mean(1)
  decibels = 10 * np.log10(np.maximum(spectrum, 1e-3 * spectrum.max()))
  peaks = scipy.signal.find_peaks(decibels, prominence=_PEAK_DB, wlen=_PEAK_BINS)[0]
  rest = places[0] if before else flat.size - 1 - places[-1]
  unlike = _differ(loud, floor) > _ALIKE_DB
  soft = total[flat].mean() < _LOUDEST_ON_ONE_SIDE * loudest
  noise = pitch is None and not peaks.size and soft
  return bool((noise or hum) and unlike and not gated and rest < _REACH_SECONDS * frames_per_second)


def _differ(one: Float[np.ndarray, " b"], other: Float[np.ndarray, " b"]) -> float:
  """Returns the standard deviation over the bands, in dB: 0 for spectra of one shape."""
  return float(np.std(10 * np.log10(one / other)))


def _is_mains(midi: float) -> bool:
  """Tells whether it is hum: a multiple of 50 or 60 Hz, from which notes are 2 % away at least."""
  hz = 440 * 2 ** ((midi - 69) / 12)
  return any(
    round(hz / mains) in range(1, 5) and abs(hz / mains / round(hz / mains) - 1) < 0.007
    for mains in (50, 60)
  )


def _flat(level: Float[np.ndarray, " t"], frames_per_second: float) -> Bool[np.ndarray, " t"]:
  """Finds where the level stays near the lowest one that is held, flat for 0.15 s.

  What is lower for a shorter time is no floor: a dropout, a fade, zeros at an end.
  """
  least_frames = max(2, math.ceil(_LEAST_SECONDS * frames_per_second))
  if level.size < least_frames:
    return np.zeros(level.size, bool)
  windows = np.lib.stride_tricks.sliding_window_view(level, least_frames)
  lowest, highest = windows.min(1), windows.max(1)
  least = lowest[np.isfinite(highest) & (highest < lowest + _FLAT_DB)].min(initial=np.inf)
  # A dip that is nearly so long may pass for held: the level at which most is flat is the floor's.
  return max((_near(level, float(least + up), least_frames) for up in (0, 1, 2, 3)), key=np.sum)


def _near(level: Float[np.ndarray, " t"], least: float, frames: int) -> Bool[np.ndarray, " t"]:
  """Finds where the level neither rises nor falls, close to and hardly ever below the least."""
  flat = np.zeros(level.size, bool)
  for start, end in runs((level > least - _FLAT_DB / 4) & (level < least + _FLAT_DB)):
    if end - start >= frames:
      drift = np.polyfit(np.arange(end - start), level[start:end], 1)[0] * (end - start)
      flat[start:end] = abs(drift) < _FLAT_DB / 2
  return flat


def runs(over: Bool[np.ndarray, " t"]) -> Int[np.ndarray, "r 2"]:
  """Returns the first place of each run of trues, and the place behind its last."""
  return np.flatnonzero(np.diff(np.concatenate([[False], over, [False]]))).reshape(-1, 2)
