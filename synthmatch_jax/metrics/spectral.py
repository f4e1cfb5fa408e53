"""Distances between spectra."""

import math

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.spectral import DEFAULT_STFT, StftSettings, stft_magnitude


def spectral_convergence(
  target: Float[np.ndarray, " n"],
  estimate: Float[np.ndarray, " n"],
  settings: StftSettings = DEFAULT_STFT,
) -> float:
  """Spectral convergence of the estimate: 0 is equal, 1 is what silence scores.

  The Frobenius norm of the difference of the linear STFT magnitudes over that of the target's:
  Arik, Jun and Diamos, "Fast spectrogram inversion using multi-head convolutional neural
  networks", IEEE Signal Processing Letters 26 (2019), reference [16] of the paper. It depends
  on the level of the estimate and has no upper bound.

  Args:
    target: mono, the sound to be matched.
    estimate: mono, of the same length.
    settings: lengths of window and hop.

  Returns:
    A number from 0 on; NaN for a silent target, where it has no meaning. Who averages must
    count the NaNs.
  """
  if target.shape != estimate.shape:
    raise ValueError(f"target has shape {target.shape}, estimate {estimate.shape}")
  magnitude = stft_magnitude(target, settings)
  norm = np.linalg.norm(magnitude)
  if norm == 0:
    return math.nan
  return float(np.linalg.norm(magnitude - stft_magnitude(estimate, settings)) / norm)
