"""Distance of timbre that forgives differences in time."""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from jaxtyping import Float
from scipy.spatial.distance import cdist

from synthmatch_jax.audio.spectral import MelBands, StftSettings, mel_power, power_db
from synthmatch_jax.metrics.metric import SoundMetric

Cepstra = Float[np.ndarray, "t c"]


@dataclass(frozen=True, kw_only=True)
class WarpedMfcc(SoundMetric):
  """wMFCC: cost of dynamic time warping between MFCCs.

  Hayes, Saitis and Fazekas, ISMIR 2025 (see `spectral.MultiScaleSpectral`), and its evaluation
  code: librosa's MFCCs, a mean absolute difference of frames, and the dynamic time warping of
  dtw-python with its defaults (see `warping_cost`). The first coefficient holds the level.

  Attributes:
    window_ms: of the STFT.
    hop_ms: of the STFT.
    n_mels: mel bands, from 0 Hz to half the sample rate.
    n_mfcc: coefficients, the first included.
    top_db: range of the log-mel spectrogram under its maximum.
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
    """MFCCs, as librosa's (a test holds it)."""
    stft = StftSettings.of_ms(self.window_ms, self.hop_ms, sample_rate=self.sample_rate)
    bands = MelBands(n_mels=self.n_mels)
    power = mel_power(audio, stft, sample_rate=self.sample_rate, bands=bands)
    level = power_db(power, top_db=self.top_db)
    return np.asarray(scipy.fft.dct(level, norm="ortho"))[:, : self.n_mfcc]

  def distance(self, target: Cepstra, estimate: Cepstra) -> float:
    """From 0 on."""
    return warping_cost(cdist(target, estimate, "cityblock") / self.n_mfcc)


def warping_cost(cost: Float[np.ndarray, "t u"]) -> float:
  """Least cost of a warping path between two sequences, divided by the sum of their lengths.

  Sakoe and Chiba, "Dynamic programming algorithm optimization for spoken word recognition",
  IEEE Transactions on Acoustics, Speech, and Signal Processing 26 (1978): the symmetric form,
  in which a diagonal step counts its cost twice, so every path has the weight t + u and the
  normalisation is fair (dtw-python calls it symmetric2). Sequences of a constant distance c
  score c (t + u - 1) / (t + u): the first cell counts once.

  Args:
    cost: distance of each frame of one sequence from each of the other.
  """
  # Along a row total[j] = min(reached[j], total[j - 1] + cost[j]): with the running sum of the
  # costs taken off, a running minimum.
  total = np.cumsum(cost[0])
  for row in cost[1:]:
    reached = total + row
    reached[1:] = np.minimum(reached[1:], total[:-1] + 2 * row[1:])
    along = np.cumsum(row)
    total = np.minimum.accumulate(reached - along) + along
  return float(total[-1] / sum(cost.shape))
