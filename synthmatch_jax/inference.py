"""A trained model at work: log-mels in, controls out."""

import threading
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Float

from synthmatch_jax.data import pipeline
from synthmatch_jax.data.pipeline import Dataset
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.data.statistics import Statistics
from synthmatch_jax.errors import UserError
from synthmatch_jax.models.base import MelModel
from synthmatch_jax.training import checkpoints
from synthmatch_jax.training import state as states
from synthmatch_jax.training import workdir as workdirs
from synthmatch_jax.training.workdir import TrainingData

# Sounds predicted at once: one, the ways of listening to one, or many. 32 is within a quarter of
# the fastest for the small AST on a CPU.
_BATCH_SIZES = (1, 8, 32)


class Predictor:
  """Predicts the controls of sounds with the best weights of a training run.

  Attributes:
    model: in evaluation mode.
    recipe: of the sounds that it was trained on.
    statistics: of its training data.
    step: at which its weights had the lowest validation loss.
  """

  def __init__(self, model: MelModel, data: TrainingData, *, step: int):
    self.model = model
    self.recipe: Recipe = data.recipe
    self.statistics: Statistics = data.statistics
    self.step = step
    self._data = data
    graphdef, self._state = nnx.split(model)

    def predict(state, mel):
      estimate = nnx.merge(graphdef, state)(self.statistics.normalise(mel))
      return jnp.clip(estimate, 0.0, 1.0)

    self._predict = jax.jit(predict)
    self._preparing: threading.Thread | None = None

  @classmethod
  def load(cls, workdir: Path) -> "Predictor":
    """Loads the weights with the lowest validation loss; builds no optimizer.

    Raises:
      UserError: there is no trained model in `workdir`.
    """
    config, data = workdirs.read(workdir)
    model, step = _restore(config["model"], data.recipe, workdir)
    return cls(model, data, step=step)

  def predict(self, mel: Float[np.ndarray, "b t f"]) -> Float[np.ndarray, "b d"]:
    """Controls in [0, 1], float32, of log-mels in dB as `audio.mel.log_mel` gives them.

    The model is compiled at most three times: for one sound, and for batches of 8 and of 32.
    """
    if (preparing := self._preparing) is not None:
      preparing.join()
    return self._estimate(mel)

  def prepare(self, count: int) -> None:
    """Begins to compile for so many sounds, while the caller does other things; returns at once.

    `predict` waits for it. To be called before the first prediction.
    """
    mel = np.zeros((count, self.recipe.num_frames, self.recipe.mel.n_mels), np.float32)
    self._preparing = threading.Thread(target=self._estimate, args=(mel,))
    self._preparing.start()

  def _estimate(self, mel: Float[np.ndarray, "b t f"]) -> Float[np.ndarray, "b d"]:
    size = next((size for size in _BATCH_SIZES if len(mel) <= size), _BATCH_SIZES[-1])
    estimates = [np.zeros((0, self.recipe.space.dim), np.float32)]
    for start in range(0, len(mel), size):
      batch, mask = pipeline.pad({"mel": mel[start : start + size]}, size)
      estimates.append(np.asarray(self._predict(self._state, batch["mel"]))[mask])
    return np.concatenate(estimates)

  def dataset(self, *, dir: Path | None = None) -> Dataset:
    """Opens the data set that the model was trained on.

    Args:
      dir: where it is now (TFDS's data_dir), if it was moved since.

    Raises:
      UserError: it is not there, or another one of its name is.
    """
    stored = self._data.dataset
    name = f"{stored['name']}/{stored['version']}"
    dataset = pipeline.open_dataset(name, dir=dir or stored["dir"])
    counts = {split: dataset.num_examples(split) for split in dataset.sources}
    if dataset.recipe.digest() != self.recipe.digest() or counts != stored["num_examples"]:
      raise UserError(
        f"the data set {dataset.path} is not the one that the model was trained on, only of the"
        " same name; build that one again, or train on this one"
      )
    return dataset


def _restore(section: dict, recipe: Recipe, workdir: Path) -> tuple[MelModel, int]:
  """Model with its best weights, in evaluation mode, and their step."""

  def create():
    return nnx.split(states.create_model(section, recipe, seed=0), nnx.Param, ...)

  graphdef, params, variables = nnx.eval_shape(create)
  step, params, variables = checkpoints.restore_best(
    workdirs.checkpoints(workdir), params=params, variables=variables
  )
  model = nnx.merge(graphdef, params, variables)
  model.eval()
  return model, step
