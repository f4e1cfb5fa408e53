"""Baselines against which a model's numbers are read."""

from collections.abc import Iterable

import numpy as np
import scipy.fft
from jaxtyping import Float
from scipy.spatial.distance import cdist

from synthmatch_jax.data.batch import Columns

_N_MFCC = 20
_QUERIES = 500  # Compared at once: their distances to a million sounds take 4 GB.


def nearest_by_mel(
  queries: Float[np.ndarray, "i t f"],
  batches: Iterable[Columns],
) -> Float[np.ndarray, "i d"]:
  """Returns the controls of the nearest neighbours by Euclidean distance of log-mel spectrograms.

  Memory holds the queries and one batch.

  Args:
    queries: The spectrograms to find a neighbour for.
    batches: The `mel` and `controls` of the sounds to search, e.g. the training split.
  """
  flat = queries.reshape(len(queries), -1).astype(np.float32)
  best = np.full(len(queries), np.inf, np.float32)
  found: np.ndarray | None = None
  for batch in batches:
    candidates, controls = batch["mel"].reshape(len(batch["mel"]), -1), batch["controls"]
    # |q - c|^2 without the term that is the same for all candidates.
    distance = (candidates**2).sum(1) - 2 * flat @ candidates.T
    choice = distance.argmin(1)
    value = distance[np.arange(len(queries)), choice]
    closer = value < best
    if found is None:
      found = np.zeros((len(queries), controls.shape[1]), np.float32)
    found[closer] = controls[choice[closer]]
    best[closer] = value[closer]
  if found is None:
    raise ValueError("no sounds to search")
  return found


def nearest_by_mfcc(
  queries: Float[np.ndarray, "i t f"],
  batches: Iterable[Columns],
) -> Float[np.ndarray, "i d"]:
  """Returns the controls of the nearest neighbours by MFCC statistics, which ignore timing.

  Each sound is described by the mean and standard deviation over time of 20 MFCCs. Each of these
  is divided by its deviation over the sounds to search, and Euclidean distances are compared.

  Args:
    queries: The log-mel spectrograms to find a neighbour for.
    batches: The sounds to search, as in `nearest_by_mel`.
  """
  pairs = [(mfcc_statistics(batch["mel"]), batch["controls"]) for batch in batches]
  if not pairs:
    raise ValueError("no sounds to search")
  candidates, controls = (np.concatenate(arrays) for arrays in zip(*pairs, strict=True))
  scale = np.maximum(candidates.std(0), 1e-6)
  candidates, wanted = candidates / scale, mfcc_statistics(queries) / scale
  choices = [
    cdist(wanted[start : start + _QUERIES], candidates).argmin(1)
    for start in range(0, len(wanted), _QUERIES)
  ]
  return controls[np.concatenate(choices)]


def mfcc_statistics(mel: Float[np.ndarray, "b t f"]) -> Float[np.ndarray, "b c"]:
  """Computes mean and standard deviation over time of the first 20 MFCCs of log-mels."""
  cepstra = np.asarray(scipy.fft.dct(mel.astype(np.float64), norm="ortho"))[..., :_N_MFCC]
  return np.concatenate([cepstra.mean(1), cepstra.std(1)], axis=1)
