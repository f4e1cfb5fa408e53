"""A trained model at work: log-mels in, controls out."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Float

from synthmatch_jax import exported
from synthmatch_jax.data.batch import pad
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.data.statistics import Statistics, TrainingData
from synthmatch_jax.errors import UserError
from synthmatch_jax.exported import Exported
from synthmatch_jax.models.base import MelModel

if TYPE_CHECKING:
  from synthmatch_jax.data.pipeline import Dataset

# Sounds predicted at once when there are many: within a quarter of the fastest for the small AST
# on a CPU, and little padding for a few.
_BATCH_SIZE = 32


class Predictor:
  """Predicts the controls of sounds.

  Attributes:
    model: in evaluation mode.
    arguments: that the model was built with, its name included.
    data: that it was trained on.
    step: at which its weights had the lowest validation loss.
  """

  def __init__(self, found: Exported):
    self.model: MelModel = found.model
    self.arguments: Mapping[str, Any] = found.arguments
    self.data: TrainingData = found.data
    self.step: int = found.step
    graphdef, self._state = nnx.split(self.model)

    def predict(state, mel):
      estimate = nnx.merge(graphdef, state)(self.statistics.normalise(mel))
      return jnp.clip(estimate, 0.0, 1.0)

    self._predict = jax.jit(predict)

  @classmethod
  def load(cls, folder: Path) -> "Predictor":
    """Loads an exported model, or from a run's folder the one with the lowest validation loss.

    Raises:
      UserError: there is no trained model in `folder`.
    """
    if exported.is_exported(folder):
      return cls(exported.read(folder))
    from synthmatch_jax.training import trained  # All that a run's folder needs, and slow.

    return cls(trained.load(folder))

  @property
  def recipe(self) -> Recipe:
    """Of the sounds that it was trained on."""
    return self.data.recipe

  @property
  def statistics(self) -> Statistics:
    """Of its training data."""
    return self.data.statistics

  def predict(self, mel: Float[np.ndarray, "b t f"]) -> Float[np.ndarray, "b d"]:
    """Controls in [0, 1], float32, of log-mels in dB as `audio.mel.log_mel` gives them.

    The model is compiled at most twice: for one sound, and for batches of 32.
    """
    size = 1 if len(mel) == 1 else _BATCH_SIZE
    estimates = [np.zeros((0, self.recipe.space.dim), np.float32)]
    for start in range(0, len(mel), size):
      batch, mask = pad({"mel": mel[start : start + size]}, size)
      estimates.append(np.asarray(self._predict(self._state, batch["mel"]))[mask])
    return np.concatenate(estimates)

  def dataset(self, *, dir: Path | None = None) -> "Dataset":
    """Opens the data set that the model was trained on.

    Args:
      dir: where it is now (TFDS's data_dir), if it was moved since.

    Raises:
      UserError: it is not there, or another one of its name is.
    """
    from synthmatch_jax.data import pipeline  # Slow, and not needed to predict.

    stored = self.data.dataset
    name = f"{stored['name']}/{stored['version']}"
    dataset = pipeline.open_dataset(name, dir=dir or stored["dir"])
    counts = {split: dataset.num_examples(split) for split in dataset.sources}
    if dataset.recipe.digest() != self.recipe.digest() or counts != stored["num_examples"]:
      raise UserError(
        f"the data set {dataset.path} is not the one that the model was trained on, only of the"
        " same name; build that one again, or train on this one"
      )
    return dataset
