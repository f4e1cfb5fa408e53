"""What a model has to know about its training data: it travels with the weights."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Array, Float

from synthmatch_jax.data import pipeline
from synthmatch_jax.data.pipeline import Dataset

# Enough for two digits more than a normalisation needs: means of independent records.
MAX_EXAMPLES = 20_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Statistics:
  """Statistics of a training split.

  Attributes:
    mel_mean: over all records, frames and bins, in dB.
    mel_std: the same for the standard deviation.
    controls_mean: of each control, float32.
    level_db: median loudness of the sounds, in LUFS.
    num_examples: records that were counted.
  """

  mel_mean: float
  mel_std: float
  controls_mean: Float[np.ndarray, " d"]
  level_db: float
  num_examples: int

  def normalise(self, mel: Float[Array, "b t f"]) -> Float[Array, "b t f"]:
    """Log-mels with zero mean and unit variance over the training split.

    One mean and one deviation for all bins, as in AST (Gong et al. 2021, section 2.1, the
    paper's [10]); it scales to a deviation of 0.5, we to 1 as the rest of the field does.
    """
    return (mel - self.mel_mean) / self.mel_std

  def to_dict(self) -> dict[str, Any]:
    """The statistics as JSON-ready data."""
    return dataclasses.asdict(self) | {"controls_mean": self.controls_mean.tolist()}

  @classmethod
  def from_dict(cls, data: Mapping[str, Any]) -> "Statistics":
    """Inverse of `to_dict`."""
    mean = np.asarray(data["controls_mean"], np.float32)
    return cls(**{**data, "controls_mean": mean})


def compute(dataset: Dataset, *, max_examples: int = MAX_EXAMPLES, seed: int = 0) -> Statistics:
  """Statistics of the training split, in float64.

  Args:
    dataset: to measure.
    max_examples: a larger split is represented by a random sample of this many records.
    seed: of the sample.
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
  return Statistics(
    mel_mean=float(mean),
    mel_std=float(np.sqrt(np.sum(squares) / count - mean**2)),
    controls_mean=(np.sum(controls, axis=0) / len(indices)).astype(np.float32),
    level_db=float(np.median(np.concatenate(levels))),
    num_examples=len(indices),
  )
