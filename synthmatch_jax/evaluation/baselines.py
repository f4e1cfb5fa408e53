"""Rows without which a model's numbers mean nothing."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from synthmatch_jax.data.pipeline import Batch


def nearest(
  queries: Float[np.ndarray, "i t f"],
  batches: Iterable[Batch],
) -> Float[np.ndarray, "i d"]:
  """Controls of the nearest neighbour: the least Euclidean distance of log-mel spectrograms.

  Args:
    queries: spectrograms to find a neighbour for.
    batches: `mel` and `controls` of the sounds to search, e.g. the training split.

  Memory holds the queries and one batch.
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
