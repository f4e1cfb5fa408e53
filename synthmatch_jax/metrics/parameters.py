"""Distances between control vectors."""

import numpy as np
from jaxtyping import Float


def squared_errors(
  target: Float[np.ndarray, "*b d"], estimate: Float[np.ndarray, "*b d"]
) -> Float[np.ndarray, "*b d"]:
  """Squared error of each control, in [0, 1]; their mean is the paper's MSE (section 3.2)."""
  return (estimate.astype(np.float64) - target.astype(np.float64)) ** 2
