"""Distances of spectra."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import soxr
from jaxtyping import Float

from synthmatch_jax.audio.mel import MelSettings, mel_power, power_db
from synthmatch_jax.audio.stft import DEFAULT_STFT, StftSettings, stft_magnitude
from synthmatch_jax.metrics.metric import SoundMetric

Spectrogram = Float[np.ndarray, "t f"]
Spectrograms = list[Float[np.ndarray, "_ _"]]

# The settings of flow_synthesizer's published code, at 22.05 kHz.
_FLOW = MelSettings(sample_rate=22_050, n_fft=2048, hop_length=1024, f_min=30.0, f_max=11_000.0)


@dataclass(frozen=True, kw_only=True)
class SpectralConvergence(SoundMetric):
  """Frobenius norm of the difference of linear STFT magnitudes over the norm of the target's.

  Source: Arik, Jun and Diamos, "Fast spectrogram inversion using multi-head convolutional neural
  networks", IEEE Signal Processing Letters 26 (2019), reference [16] of the paper. Silence
  scores 1. The value depends on the level of the estimate and has no upper bound.

  Attributes:
    stft: The lengths of window and hop; the default is our choice, as the paper names none.
  """

  stft: StftSettings = DEFAULT_STFT

  @property
  def definition(self) -> str:
    """See `SoundMetric`."""
    return (
      "Frobenius norm of the difference of the STFT magnitudes over that of the target's;"
      f" periodic Hann window of {self.stft.n_fft} samples, hop {self.stft.hop_length}"
      " (Arik et al. 2019)"
    )

  def analyse(self, audio: Float[np.ndarray, " n"]) -> Spectrogram:
    """Computes the STFT magnitudes."""
    return stft_magnitude(audio, self.stft)

  def distance(self, target: Spectrogram, estimate: Spectrogram) -> float:
    """Returns the distance, which is at least 0; NaN for a silent target."""
    return _convergence(target, estimate)


@dataclass(frozen=True, kw_only=True)
class MelSpectralConvergence(SoundMetric):
  """Spectral convergence on mel power at 22.05 kHz, as flow_synthesizer computes it.

  Source: Esling et al., "Flow synthesizer: universal audio synthesizer control with normalizing
  flows", Applied Sciences 10 (2020), reference [7] of the paper. The settings are those of its
  published code (`spectral_losses`), except that the code cuts sounds at 80 frames (3.7 s) and we
  do not. As it compares power, loud partials count for more than in `SpectralConvergence`.

  Attributes:
    mel: The settings of the spectrogram; sounds are resampled to its sample rate (soxr, HQ).
  """

  mel: MelSettings = _FLOW

  @property
  def definition(self) -> str:
    """See `SoundMetric`."""
    return (
      "Frobenius norm of the difference of the mel power spectrograms over that of the target's;"
      f" {self.mel.sample_rate} Hz, window {self.mel.n_fft}, hop {self.mel.hop_length},"
      f" {self.mel.n_mels} bands of {self.mel.f_min:g} to {self.mel.f_max:g} Hz"
      " (flow_synthesizer, Esling et al. 2020)"
    )

  def analyse(self, audio: Float[np.ndarray, " n"]) -> Spectrogram:
    """Computes the mel power spectrogram."""
    resampled = soxr.resample(audio, self.sample_rate, self.mel.sample_rate, quality="HQ")
    return mel_power(resampled, self.mel)

  def distance(self, target: Spectrogram, estimate: Spectrogram) -> float:
    """Returns the distance, which is at least 0; NaN for a silent target."""
    return _convergence(target, estimate)


@dataclass(frozen=True, kw_only=True)
class MelScale:
  """One resolution of `MultiScaleSpectral`."""

  window_ms: float
  hop_ms: float
  n_mels: int


@dataclass(frozen=True, kw_only=True)
class MultiScaleSpectral(SoundMetric):
  """MSS: mean absolute difference of log-mel spectrograms, averaged over three resolutions.

  Hayes, Saitis and Fazekas, "Audio synthesizer inversion in symmetric parameter spaces with
  approximately equivariant flow matching", ISMIR 2025, and its evaluation code. Decibels are
  relative to each sound's own maximum, so level counts for little. It does not count for nothing,
  since power below 1e-10 is 1e-10, as there: of a soft sound less than the 80 dB under its maximum
  is left. The notes in examples/, with a peak of 0.5, are 0 to 0.6 dB from themselves made 20 dB
  softer, 1.6 to 7.6 dB at 40 dB, and 8 to 21 dB at 60 dB. Silence is 0 dB everywhere, as there: far
  from most sounds, but near to steady noise.

  Attributes:
    scales: The resolutions; lengths are cut to whole samples.
    top_db: The range under the maximum.
  """

  unit: ClassVar[str] = "dB"
  scales: tuple[MelScale, ...] = (
    MelScale(window_ms=10.0, hop_ms=5.0, n_mels=32),
    MelScale(window_ms=25.0, hop_ms=10.0, n_mels=64),
    MelScale(window_ms=100.0, hop_ms=50.0, n_mels=128),
  )
  top_db: float = 80.0

  @property
  def definition(self) -> str:
    """See `SoundMetric`."""
    scales = ", ".join(f"{s.window_ms:g}/{s.hop_ms:g} ms x {s.n_mels}" for s in self.scales)
    return (
      "mean absolute difference of log-mel spectrograms, dB under each sound's maximum, cut at"
      f" {self.top_db:g} dB; mean over windows/hops x bands of {scales} (Hayes et al. 2025)"
    )

  def analyse(self, audio: Float[np.ndarray, " n"]) -> Spectrograms:
    """Computes log-mel spectrograms with a maximum of 0 dB, one for each scale."""
    levels = []
    for scale in self.scales:
      mel = MelSettings.of_ms(
        scale.window_ms, scale.hop_ms, sample_rate=self.sample_rate, n_mels=scale.n_mels
      )
      level = power_db(mel_power(audio, mel), top_db=self.top_db)
      levels.append(level - level.max())
    return levels

  def distance(self, target: Spectrograms, estimate: Spectrograms) -> float:
    """Returns the distance, from 0 to `top_db`."""
    pairs = zip(target, estimate, strict=True)
    return float(np.mean([np.abs(t - e).mean(dtype=np.float64) for t, e in pairs]))


@dataclass(frozen=True, kw_only=True)
class SpectralTransport(SoundMetric):
  """SOT: Wasserstein-1 distance of magnitude spectra, averaged over frames.

  Frames are normalised to sum 1. The distance of two frames is the mean absolute difference of
  their cumulative sums over bins, so 1 is the distance from 0 Hz to half the sample rate. A frame
  whose magnitudes sum to less than 1e-6 is divided by 1e-6 instead, so silence remains zeros.

  Source: Hayes et al. 2025 (see `MultiScaleSpectral`) and its code, after Torres, Peeters and
  Richard, "Unsupervised harmonic parameter estimation using differentiable DSP and spectral
  optimal transport", ICASSP 2024.

  Attributes:
    window_ms: The length of the STFT's window, in ms.
    hop_ms: The hop of the STFT, in ms.
  """

  window_ms: float = 50.0
  hop_ms: float = 20.0

  @property
  def definition(self) -> str:
    """See `SoundMetric`."""
    return (
      "Wasserstein-1 distance of STFT magnitudes normalised frame by frame, mean over frames; 1 is"
      f" half the sample rate; {self.window_ms:g}/{self.hop_ms:g} ms (Hayes et al. 2025)"
    )

  def analyse(self, audio: Float[np.ndarray, " n"]) -> Spectrogram:
    """Computes the cumulative share of each bin in the magnitudes of its frame."""
    stft = StftSettings.of_ms(self.window_ms, self.hop_ms, sample_rate=self.sample_rate)
    shares = np.cumsum(stft_magnitude(audio, stft), axis=1, dtype=np.float64)
    return shares / np.maximum(shares[:, -1:], 1e-6)

  def distance(self, target: Spectrogram, estimate: Spectrogram) -> float:
    """Returns the distance, from 0 to 1."""
    return float(np.abs(target - estimate).mean())


@dataclass(frozen=True, kw_only=True)
class LogSpectralDistance(SoundMetric):
  """Root mean square over bins of the difference in dB, averaged over frames.

  Source: Gray and Markel, "Distance measures for speech processing", IEEE Transactions on
  Acoustics, Speech, and Signal Processing 24 (1976). Level counts. Bins below the floor are
  raised to it, so silence has a finite distance too.

  Attributes:
    stft: The lengths of window and hop.
    floor_db: The lowest level of a bin, relative to a full-scale sine; the default is our choice.
  """

  unit: ClassVar[str] = "dB"
  stft: StftSettings = DEFAULT_STFT
  floor_db: float = -80.0

  @property
  def definition(self) -> str:
    """See `SoundMetric`."""
    return (
      "root mean square over bins of the difference of STFT levels, mean over frames; levels from"
      f" {self.floor_db:g} dB of a full-scale sine on; window {self.stft.n_fft}, hop"
      f" {self.stft.hop_length} (Gray and Markel 1976)"
    )

  def analyse(self, audio: Float[np.ndarray, " n"]) -> Spectrogram:
    """Computes the level of each bin, in dB."""
    amplitude = stft_magnitude(audio, self.stft) / (self.stft.n_fft / 4)
    return 20 * np.log10(np.maximum(amplitude, 10 ** (self.floor_db / 20)))

  def distance(self, target: Spectrogram, estimate: Spectrogram) -> float:
    """Returns the distance, which is at least 0."""
    return float(np.sqrt(np.square(target - estimate).mean(1, dtype=np.float64)).mean())


def _convergence(target: Spectrogram, estimate: Spectrogram) -> float:
  norm = np.linalg.norm(target.astype(np.float64))
  if norm == 0:
    return math.nan
  return float(np.linalg.norm(estimate.astype(np.float64) - target) / norm)
