"""A trained model at work: log-mels in, controls out."""

import contextlib
import threading
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
from synthmatch_jax.models import stored
from synthmatch_jax.models.base import MelModel
from synthmatch_jax.spaces import snapping
from synthmatch_jax.spaces.snapping import Snapping

if TYPE_CHECKING:
  from synthmatch_jax.data.pipeline import Dataset

# Sounds predicted at once: one, the ways of listening to one, or many. 32 is within a quarter of
# the fastest for the small AST on a CPU.
_BATCH_SIZES = (1, 8, 32)


class Predictor:
  """Predicts the controls of sounds.

  Attributes:
    model: in evaluation mode.
    arguments: that the model was built with, its name included.
    data: that it was trained on.
    step: at which its weights had the lowest validation loss.
    snapping: of its answers.
    sums: SHA-256 of the files beside an exported model; see `Exported`.
  """

  def __init__(self, found: Exported):
    self.model: MelModel = found.model
    self.arguments: Mapping[str, Any] = found.arguments
    self.data: TrainingData = found.data
    self.step: int = found.step
    self.snapping: Snapping = found.snapping
    self.sums: Mapping[str, str] = found.sums
    graphdef, self._state = nnx.split(self.model)

    def predict(state, mel):
      estimate = nnx.merge(graphdef, state)(self.statistics.normalise(mel))
      return jnp.clip(estimate, 0.0, 1.0)

    self._predict = jax.jit(predict)
    self._preparing: list[threading.Thread] = []

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

  def arrays(self) -> dict[str, Any]:
    """Name -> array of all that it computes with."""
    return stored.arrays_of(self.model)

  def predict(self, mel: Float[np.ndarray, "b t f"]) -> Float[np.ndarray, "b d"]:
    """Controls in [0, 1], float32, of log-mels in dB as `audio.mel.log_mel` gives them.

    The model is compiled at most three times: for one sound, and for batches of 8 and of 32.

    Raises:
      UserError: an answer is no number.
    """
    return snapping.apply(self.snapping, self.recipe.space, self.predict_unsnapped(mel))

  def predict_unsnapped(self, mel: Float[np.ndarray, "b t f"]) -> Float[np.ndarray, "b d"]:
    """What the model itself says: its answers before they are drawn to the peaks of the prior.

    Whatever comes out of a network is looked at here, once.

    Raises:
      UserError: an answer is no number.
    """
    for preparing in self._preparing:
      preparing.join()
    answers = self._estimate(mel)
    if not np.isfinite(answers).all():
      raise UserError(
        "the model answers with what is no number (NaN or infinite): its weights are of no use for"
        " such a sound, or damaged; take another model, or train or export this one again"
      )
    return answers

  def prepare(self, count: int) -> None:
    """Begins to compile for so many sounds, while the caller does other things; returns at once.

    `predict` waits for it. To be called before the first prediction.
    """
    mel = np.zeros((count, self.recipe.num_frames, self.recipe.mel.n_mels), np.float32)

    def compile() -> None:
      with contextlib.suppress(Exception):  # Whoever predicts meets it again, and can tell of it.
        self._estimate(mel)

    preparing = threading.Thread(target=compile)
    preparing.start()
    self._preparing.append(preparing)

  def _estimate(self, mel: Float[np.ndarray, "b t f"]) -> Float[np.ndarray, "b d"]:
    size = next((size for size in _BATCH_SIZES if len(mel) <= size), _BATCH_SIZES[-1])
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
    root, count = dir or stored["dir"], sum(stored["num_examples"].values())
    advice = (
      "the model was trained on it: name the place where it is by --data_dir, or let eval measure"
      " on other sounds, by --sounds or --dataset; if it is lost,"
      f" {pipeline.building(name, count, dir=root)} and the options that it had beside"
    )
    dataset = pipeline.open_dataset(name, dir=root, advice=advice)
    wanted = stored["num_examples"]["train"]
    if stored.get("first") and wanted <= dataset.num_examples("train"):
      dataset = dataset.with_first(wanted)
    counts = {split: dataset.num_examples(split) for split in dataset.sources}
    if dataset.recipe.digest() != self.recipe.digest() or counts != stored["num_examples"]:
      raise UserError(
        f"the data set {dataset.path} is not the one that the model was trained on, only of the"
        " same name; build that one again, or train on this one"
      )
    return dataset
