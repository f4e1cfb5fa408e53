"""Computes the statistics of a training split that a model needs."""

import math

import numpy as np

from synthmatch_jax.data import pipeline
from synthmatch_jax.data.pipeline import Dataset
from synthmatch_jax.data.statistics import Statistics
from synthmatch_jax.errors import UserError

# Means over so many independent records have two digits more than a normalisation needs.
MAX_EXAMPLES = 20_000


def compute(dataset: Dataset, *, max_examples: int = MAX_EXAMPLES, seed: int = 0) -> Statistics:
  """Computes the statistics of the training split, in float64.

  Args:
    dataset: The data set.
    max_examples: A larger split is represented by a random sample of this many records.
    seed: The seed of the sample.

  Raises:
    UserError: A record is damaged, or all spectrograms are one value.
  """
  total = dataset.num_examples("train")
  indices = np.arange(total)
  if total > max_examples:
    chosen = np.random.default_rng(seed).choice(total, max_examples, replace=False)
    indices = np.sort(chosen)  # Neighbours on disk are read together.
  sums, squares, controls, levels = [], [], [], []
  for batch in pipeline.ordered_batches(
    dataset,
    "train",
    batch_size=256,
    keys=("mel", "controls", "level_db"),
    indices=indices.tolist(),
  ):
    mel = batch["mel"].astype(np.float64)
    sums.append(mel.sum())
    squares.append(np.square(mel).sum())
    controls.append(batch["controls"].astype(np.float64).sum(axis=0))
    levels.append(batch["level_db"])
  count = len(indices) * dataset.recipe.num_frames * dataset.recipe.mel.n_mels
  mean = np.sum(sums) / count
  variance = float(np.sum(squares) / count - mean**2)
  try:
    return Statistics(
      mel_mean=float(mean),
      mel_std=math.sqrt(max(0.0, variance)),
      controls_mean=(np.sum(controls, axis=0) / len(indices)).astype(np.float32),
      level_db=float(np.median(np.concatenate(levels))),
      num_examples=len(indices),
    )
  except ValueError as error:  # All spectrograms are one and the same value.
    raise UserError(f"nothing can be learnt from the data set {dataset.path}: {error}") from None
