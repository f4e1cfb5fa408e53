"""The table of sound metrics; a new one is a line here."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from synthmatch_jax.audio.spectral import DEFAULT_STFT
from synthmatch_jax.metrics.spectral import spectral_convergence


@dataclass(frozen=True, kw_only=True)
class SoundMetric:
  """A distance of two sounds.

  Attributes:
    function: one number of a (target, estimate) pair; NaN where it has no meaning.
    definition: what it measures and how, in a sentence.
  """

  function: Callable[[np.ndarray, np.ndarray], float]
  definition: str


SOUND_METRICS = {
  "spectral_convergence": SoundMetric(
    function=spectral_convergence,
    definition="Frobenius norm of the difference of the STFT magnitudes over that of the target's;"
    f" periodic Hann window of {DEFAULT_STFT.n_fft} samples, hop {DEFAULT_STFT.hop_length}"
    " (Arik et al. 2019)",
  )
}
"""Name -> metric."""


def measure(target: np.ndarray, estimate: np.ndarray) -> dict[str, float]:
  """Every metric of a pair of mono sounds of equal length."""
  return {name: metric.function(target, estimate) for name, metric in SOUND_METRICS.items()}
