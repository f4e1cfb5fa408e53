"""A distance of timbre that tolerates differences in timing."""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from jaxtyping import Float
from scipy.spatial.distance import cdist

from synthmatch_jax.audio.mel import MelSettings, mel_power, power_db
from synthmatch_jax.metrics.metric import SoundMetric

Cepstra = Float[np.ndarray, "t c"]


@dataclass(frozen=True, kw_only=True)
class WarpedMfcc(SoundMetric):
  """wMFCC: cost of dynamic time warping between MFCCs.

  The metric is that of Hayes, Saitis and Fazekas, ISMIR 2025 (see `spectral.MultiScaleSpectral`),
  and its evaluation code: librosa's MFCCs, the mean absolute difference of frames, and the dynamic
  time warping of dtw-python with its defaults (see `warping_cost`). Level counts: the first
  coefficient holds it.

  Attributes:
    window_ms: The length of the STFT's window, in ms.
    hop_ms: The hop of the STFT, in ms.
    n_mels: The number of mel bands, from 0 Hz to half the sample rate.
    n_mfcc: The number of coefficients, the first included.
    top_db: The range of the log-mel spectrogram below its maximum, in dB.
  """

  window_ms: float = 50.0
  hop_ms: float = 10.0
  n_mels: int = 128
  n_mfcc: int = 20
  top_db: float = 80.0

  @property
  def definition(self) -> str:
    """See `SoundMetric`."""
    return (
      f"dynamic time warping of {self.n_mfcc} MFCCs ({self.window_ms:g}/{self.hop_ms:g} ms,"
      f" {self.n_mels} mels): mean absolute difference along the best path, normalised by the sum"
      " of both lengths (Hayes et al. 2025)"
    )

  def analyse(self, audio: Float[np.ndarray, " n"]) -> Cepstra:
    """Computes MFCCs, equal to librosa's (held by a test)."""
    mel = MelSettings.of_ms(
      self.window_ms, self.hop_ms, sample_rate=self.sample_rate, n_mels=self.n_mels
    )
    level = power_db(mel_power(audio, mel), top_db=self.top_db)
    return np.asarray(scipy.fft.dct(level, norm="ortho"))[:, : self.n_mfcc]

  def distance(self, target: Cepstra, estimate: Cepstra) -> float:
    """Returns the distance, which is at least 0."""
    return warping_cost(cdist(target, estimate, "cityblock") / self.n_mfcc)


def warping_cost(cost: Float[np.ndarray, "t u"]) -> float:
  """Computes the least cost of a warping path, divided by the sum of both sequences' lengths.

  Source: Sakoe and Chiba, "Dynamic programming algorithm optimization for spoken word recognition",
  IEEE Transactions on Acoustics, Speech, and Signal Processing 26 (1978), in the symmetric form
  (symmetric2 in dtw-python): a diagonal step counts its cost twice, so that every path has the
  weight t + u. Sequences of a constant distance c score c (t + u - 1) / (t + u), since the first
  cell counts once.

  Args:
    cost: The distance of each frame of one sequence from each frame of the other.
  """
  # Along a row, total[j] = min(reached[j], total[j - 1] + cost[j]). Less the running sum of the
  # costs, this is a running minimum.
  total = np.cumsum(cost[0])
  for row in cost[1:]:
    reached = total + row
    reached[1:] = np.minimum(reached[1:], total[:-1] + 2 * row[1:])
    along = np.cumsum(row)
    total = np.minimum.accumulate(reached - along) + along
  return float(total[-1] / sum(cost.shape))
