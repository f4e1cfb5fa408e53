"""Finds the pitch of a sound: frame by frame, and as the one note that is heard."""

from dataclasses import dataclass

import numpy as np
import scipy.fft
import soxr
from jaxtyping import Bool, Float

_BLOCK = 128  # Frames that are transformed at once: a few megabytes, which stay in a core's cache.


@dataclass(frozen=True, kw_only=True)
class PitchSettings:
  """Settings of the pitch estimator, chosen on sounds of known pitch (see `pitch_track`).

  Attributes:
    sample_rate: The rate at which sounds are analysed, in Hz; faster ones are resampled (soxr, HQ).
    window_ms: The length over which a period is compared with the next.
    hop_ms: The time from frame to frame; frames are centred, edges are padded with zeros.
    f_min: The lowest pitch, in Hz: below the E1 of a bass (41.2 Hz).
    f_max: The highest pitch, in Hz: C7.
    threshold: The aperiodicity under which a frame is voiced; the shortest period under it is
      taken, or the best one if there is none.
    range_db: Frames that are so much softer than the loudest one are silent: unvoiced.
  """

  sample_rate: int = 22_050
  window_ms: float = 50.0
  hop_ms: float = 10.0
  f_min: float = 40.0
  f_max: float = 2_100.0
  threshold: float = 0.2
  range_db: float = 40.0


DEFAULT_PITCH = PitchSettings()
"""The settings with which sounds are compared; distances that were measured rest on them."""

NOTES = PitchSettings(f_min=25.0)
"""The settings with which a note is heard: from below a piano's A0 (27.5 Hz) on."""

HIGH_NOTES = PitchSettings(sample_rate=88_200, f_min=400.0, f_max=20_000.0)
"""The settings with which a note over C5 is heard, far beyond a piano's C8 (4,186 Hz).

A period shorter than the range would pass for its double, a pitch an octave low, and so would one
of so few samples that it lies between two of them.
"""

_LOUDNESS = 0.6  # Stevens' power law: how loudness grows with amplitude.
_RIGHT = (0.3, 0.5, 0.75, 1.0), (0.1, 0.5, 0.97, 1.0)  # Share of a sound -> how often it is right.
_HIGH = 72.0  # C5: a high note that `NOTES` hears octaves low is still over it.


@dataclass(frozen=True, kw_only=True)
class PitchTrack:
  """Pitch over time.

  Attributes:
    f0_hz: The fundamental frequency; NaN in silent frames, a guess in unvoiced ones.
    voiced: Whether the pitch of a frame can be relied on.
    confidence: The confidence: 1 for a perfectly periodic frame, 0 for a silent one.
    level: The root mean square of each frame, at its softer end.
  """

  f0_hz: Float[np.ndarray, " t"]
  voiced: Bool[np.ndarray, " t"]
  confidence: Float[np.ndarray, " t"]
  level: Float[np.ndarray, " t"]


@dataclass(frozen=True, kw_only=True)
class HeardPitch:
  """The note that a sound is heard as.

  Attributes:
    midi: The MIDI note number with cents as its fraction; 60 is C4 (261.63 Hz).
    confidence: How often a note that is heard in such a share of a sound is right, in [0, 1], as
      measured in recordings of known notes and of noises (docs/ears.md).
    share: The share of the sounding frames that are voiced and within half a semitone of `midi`,
      in [0, 1]; a frame counts by its loudness.
    voiced_share: The share of the sounding frames that are voiced, in [0, 1], by loudness as well.
  """

  midi: float
  confidence: float
  share: float
  voiced_share: float


def heard_pitch(
  audio: Float[np.ndarray, " n"], sample_rate: int, *, min_share: float = 0.3
) -> HeardPitch | None:
  """Finds the one note of a sound: the median pitch of its voiced frames, weighted by loudness.

  So the note counts, and not the room or the hum that outlasts it. A note that seems to be higher
  than C5 is heard again at a rate at which its period is many samples long.

  Args:
    audio: A mono sound.
    sample_rate: The sample rate, in Hz.
    min_share: The share of the sounding frames below which the sound has no pitch.

  Returns:
    None for a sound without pitch: silence, noise, percussion, speech that glides; and for one
    below 25 Hz.
  """
  heard = note_of(pitch_track(audio, sample_rate, NOTES), min_share=min_share)
  if heard is None or heard.midi < _HIGH:
    return heard
  rate = HIGH_NOTES.sample_rate
  finer = soxr.resample(audio.astype(np.float64), sample_rate, rate, quality="HQ")
  # A note of few frames may be lost among those of its attack: then the first one holds.
  return note_of(pitch_track(finer, rate, HIGH_NOTES), min_share=min_share) or heard


def note_of(track: PitchTrack, *, min_share: float = 0.3) -> HeardPitch | None:
  """Returns the note of a track, if there is one."""
  if not track.voiced.any():
    return None
  sounding = np.isfinite(track.f0_hz)
  midi = 69 + 12 * np.log2(track.f0_hz[sounding] / 440)
  voiced, level = track.voiced[sounding], track.level[sounding] ** _LOUDNESS
  heard = _median(midi[voiced], level[voiced])
  steady = voiced & (np.abs(midi - heard) < 0.5)
  share, voiced_share = (float(level[some].sum() / level.sum()) for some in (steady, voiced))
  if share < min_share:
    return None
  return HeardPitch(
    midi=heard,
    confidence=float(np.interp(share, *_RIGHT)),
    share=share,
    voiced_share=voiced_share,
  )


def _median(values: Float[np.ndarray, " t"], weights: Float[np.ndarray, " t"]) -> float:
  """Returns the weighted median: NumPy's median if all weights are equal."""
  order = np.argsort(values)
  below = np.cumsum(weights[order]) - weights[order] / 2
  return float(np.interp(weights.sum() / 2, below, values[order]))


def pitch_track(
  audio: Float[np.ndarray, " n"],
  sample_rate: int,
  settings: PitchSettings = DEFAULT_PITCH,
  *,
  among: Bool[np.ndarray, " t"] | None = None,
) -> PitchTrack:
  """Follows the pitch of a sound with one voice, frame by frame.

  The estimator is YIN: de Cheveigné and Kawahara, "YIN, a fundamental frequency estimator for
  speech and music", JASA 111 (2002), steps 1 to 5. Its difference function is computed by FFT, only
  for frames that sound, without numba and its compiler; one minus the aperiodicity at the period
  (the paper's d') is the confidence.

  Args:
    audio: A mono sound.
    sample_rate: The sample rate, in Hz.
    settings: The settings of the estimator.
    among: The frames that are looked at; the others count as silent. None means all of them.
  """
  rate = settings.sample_rate
  samples = audio.astype(np.float64)
  if sample_rate > rate:
    samples = soxr.resample(samples, sample_rate, rate, quality="HQ")
  else:
    rate = sample_rate
  frames, window = _frames(samples, rate, settings)
  squares, _ = _frames(np.square(samples), rate, settings)
  power = squares.mean(1)
  sounding = power > max(power.max() * 10 ** (-settings.range_db / 10), np.finfo(np.float32).tiny)
  f0_hz, confidence = np.full(len(frames), np.nan), np.zeros(len(frames))
  places = np.flatnonzero(sounding if among is None else sounding & among)
  for start in range(0, len(places), _BLOCK):
    block = places[start : start + _BLOCK]
    period, confidence[block] = _yin(
      frames[block], window, min_lag=int(rate / settings.f_max), threshold=settings.threshold
    )
    f0_hz[block] = rate / period
  voiced = confidence > 1 - settings.threshold
  # The softer end counts: where a note begins there is nothing yet to compare it with.
  ends = squares[:, :window].mean(1), squares[:, -window:].mean(1)
  return PitchTrack(
    f0_hz=f0_hz, voiced=voiced, confidence=confidence, level=np.sqrt(np.minimum(*ends))
  )


def _frames(samples: np.ndarray, rate: int, settings: PitchSettings) -> tuple[np.ndarray, int]:
  """Cuts frames (t, window + longest lag); returns the length of the window in samples as well."""
  window = round(settings.window_ms * rate / 1_000)
  length = window + int(rate / settings.f_min) + 2
  padded = np.pad(samples, (length // 2, length - length // 2))
  frames = np.lib.stride_tricks.sliding_window_view(padded, length)
  hop = round(settings.hop_ms * rate / 1_000)
  return frames[: samples.size + 1 : hop], window


def _yin(
  frames: Float[np.ndarray, "t l"], window: int, *, min_lag: int, threshold: float
) -> tuple[Float[np.ndarray, " t"], Float[np.ndarray, " t"]]:
  """Finds the period in samples, and its confidence, of frames that are not silent."""
  aperiodicity = _aperiodicity(frames, window)[:, min_lag - 1 :]
  inner = aperiodicity[:, 1:-1]
  trough = (inner < aperiodicity[:, :-2]) & (inner <= aperiodicity[:, 2:])
  low = trough & (inner < threshold)
  lowest = np.where(trough, inner, np.inf).argmin(1)
  place = np.where(low.any(1), low.argmax(1), lowest)
  before, here, after = aperiodicity[np.arange(len(frames)), place + np.arange(3)[:, None]]
  bend = before - 2 * here + after
  # This is the vertex of the parabola through three points; 0 if they lie on a line.
  offset = np.divide(before - after, 2 * bend, out=np.zeros_like(bend), where=bend > 0)
  offset = np.clip(offset, -1, 1)
  confidence = np.clip(1 - (here - (before - after) * offset / 4), 0, 1)
  return place + min_lag + offset, confidence


def _aperiodicity(frames: Float[np.ndarray, "t l"], window: int) -> Float[np.ndarray, "t k"]:
  """Computes YIN's cumulative mean normalised difference (equation 8) for the lags from 0 on."""
  lags = frames.shape[1] - window
  size = scipy.fft.next_fast_len(frames.shape[1], real=True)
  ahead = np.asarray(scipy.fft.rfft(frames, size))
  here = np.asarray(scipy.fft.rfft(frames[:, :window], size))
  correlation = np.asarray(scipy.fft.irfft(ahead * here.conj(), size))[:, :lags]
  total = np.pad(np.cumsum(np.square(frames), 1), ((0, 0), (1, 0)))
  energy = total[:, window : window + lags] - total[:, :lags]
  difference = np.maximum(energy[:, :1] + energy - 2 * correlation, 0)
  mean = np.cumsum(difference[:, 1:], 1) / np.arange(1, lags)
  normalised = np.ones_like(difference)
  # A constant has no difference at any lag, and no period: rounding must not make one up.
  audible = mean > 1e-9 * energy[:, :1]
  np.divide(difference[:, 1:], mean, out=normalised[:, 1:], where=audible)
  return normalised
