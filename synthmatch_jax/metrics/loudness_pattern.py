"""Distances of what is loud where: in time and frequency, and in frequency alone."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.mel import MelSettings, mel_power
from synthmatch_jax.audio.stft import StftSettings, power_spectrogram
from synthmatch_jax.metrics.metric import SoundMetric

_EXPONENT = np.float32(0.3)
_SHORT = StftSettings(n_fft=1024, hop_length=256)
_LONG = StftSettings(n_fft=8192, hop_length=2048)

Patterns = list[Float[np.ndarray, "_ _"]]


@dataclass(frozen=True, kw_only=True)
class LoudnessPattern(SoundMetric):
  """Half the sum of absolute differences of two distributions of loudness, at two resolutions.

  The loudness of a cell of a spectrogram is (p + t)^0.3 - t^0.3, where p is its power relative to
  the loudest cell's and t the threshold. Divided by their sum, the cells are a distribution over
  time and frequency; the distance of two of them is the share of the loudness that is elsewhere.
  It is averaged over mel bands with a short window, which hear when and how bright, and linear
  bins with a long one, which hear the partials and so the pitch.

  What is far below the threshold counts for next to nothing: a tail at -70 dB that MSS, in
  decibels down to -80, counts like the note. The form is that of specific loudness: a power law
  of exponent 0.3 for power (Stevens, "The measurement of loudness", JASA 27, 1955) that bends to
  zero at a threshold (Zwicker and Scharf, "A model of loudness summation", Psychological Review
  72, 1965). It is no loudness model: there is no outer ear, no masking, and the threshold follows
  the sound's own maximum. The bands, windows and the combination are ours; how the metric does
  beside the others is measured by `python -m study.audit`.

  Attributes:
    threshold_db: The level under the loudest cell at which loudness bends to zero.
    mel: The lengths of window and hop of the mel bands.
    n_mels: The number of mel bands.
    linear: The lengths of window and hop of the linear bins.
    f_max: The highest frequency of the linear bins, in Hz.
  """

  threshold_db: float = -60.0
  mel: StftSettings = _SHORT
  n_mels: int = 64
  linear: StftSettings = _LONG
  f_max: float = 6_000.0

  @property
  def definition(self) -> str:
    """See `SoundMetric`."""
    return (
      "half the sum of absolute differences of loudness, (p + t)^0.3 - t^0.3 with t at"
      f" {self.threshold_db:g} dB, normalised to sum 1; mean over {self.n_mels} mel bands"
      f" (window {self.mel.n_fft}, hop {self.mel.hop_length}) and bins up to {self.f_max:g} Hz"
      f" (window {self.linear.n_fft}, hop {self.linear.hop_length}) (the power law after Stevens"
      " 1955, the threshold after Zwicker and Scharf 1965)"
    )

  def analyse(self, audio: Float[np.ndarray, " n"]) -> Patterns:
    """Computes the two distributions; those of silence are zeros."""
    bins = 1 + int(self.f_max * self.linear.n_fft / self.sample_rate)
    linear = power_spectrogram(self.linear.lengthen(audio), self.linear, bins=bins)
    bands = _bands(audio, self.mel, self.n_mels, sample_rate=self.sample_rate)
    return [_pattern(power, self.threshold_db) for power in (bands, linear)]

  def distance(self, target: Patterns, estimate: Patterns) -> float:
    """Returns the distance, from 0 to 1; 1 if one of the sounds is silent."""
    pairs = zip(target, estimate, strict=True)
    return float(np.mean([_elsewhere(one, other) for one, other in pairs]))


@dataclass(frozen=True, kw_only=True)
class LoudnessSpectrum(SoundMetric):
  """The way that loudness has to go along the mel scale to make one sound's spectrum the other's.

  The loudness of the mel bands is that of `LoudnessPattern`, summed over time: how bright a sound
  is and where it is strong, whenever that is. The distance is the mean absolute difference of the
  cumulative spectra, which is the optimal transport between them as a share of the scale. So a
  band that is a little off counts little: a sound that is a semitone off has much the same timbre.
  The combination is ours; what it hears is measured by `python -m study.audit`.

  Attributes:
    threshold_db: The level under the loudest cell at which loudness bends to zero.
    mel: The lengths of window and hop.
    n_mels: The number of mel bands.
  """

  threshold_db: float = -60.0
  mel: StftSettings = _SHORT
  n_mels: int = 64

  @property
  def definition(self) -> str:
    """See `SoundMetric`."""
    return (
      "mean absolute difference of cumulative spectra of loudness, (p + t)^0.3 - t^0.3 with t at"
      f" {self.threshold_db:g} dB, over {self.n_mels} mel bands, summed over time (window"
      f" {self.mel.n_fft}, hop {self.mel.hop_length}; Stevens 1955, Zwicker and Scharf 1965)"
    )

  def analyse(self, audio: Float[np.ndarray, " n"]) -> Float[np.ndarray, " f"]:
    """Computes the cumulative spectrum, which ends at 1; that of silence is zeros."""
    power = _bands(audio, self.mel, self.n_mels, sample_rate=self.sample_rate)
    return np.cumsum(_pattern(power, self.threshold_db).sum(0, dtype=np.float64))

  def distance(self, target: Float[np.ndarray, " f"], estimate: Float[np.ndarray, " f"]) -> float:
    """Returns the distance, from 0 to 1; 1 if one of the sounds is silent."""
    if target.any() and estimate.any():
      return float(np.abs(target - estimate).mean())
    return float(target.any() or estimate.any())


def _bands(
  audio: Float[np.ndarray, " n"], stft: StftSettings, n_mels: int, *, sample_rate: int
) -> Float[np.ndarray, "t f"]:
  """Computes the power in mel bands up to half the sample rate."""
  mel = MelSettings(
    sample_rate=sample_rate,
    n_fft=stft.n_fft,
    hop_length=stft.hop_length,
    n_mels=n_mels,
    f_min=0.0,
    f_max=sample_rate / 2,
  )
  return mel_power(audio, mel)


def _pattern(power: Float[np.ndarray, "t f"], threshold_db: float) -> Float[np.ndarray, "t f"]:
  """Computes the loudness of each cell as a share of their sum; zeros stay."""
  if not power.any():
    return power
  threshold = power.dtype.type(10 ** (threshold_db / 10))
  relative = power / power.max() + threshold
  # A power law by logarithms is three times as fast; equal inputs give equal outputs.
  loudness = np.exp(_EXPONENT * np.log(relative)) - np.exp(_EXPONENT * np.log(threshold))
  return loudness / loudness.sum(dtype=np.float64).astype(power.dtype)


def _elsewhere(target: Float[np.ndarray, "t f"], estimate: Float[np.ndarray, "t f"]) -> float:
  """Returns the share of one distribution that is elsewhere in the other."""
  if not (target.any() and estimate.any()):
    return float(target.any() or estimate.any())
  return min(1.0, float(np.abs(target - estimate).sum(dtype=np.float64)) / 2)
