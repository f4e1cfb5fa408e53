"""A trained model at work: log-mels and notes in, controls out."""

import contextlib
import dataclasses
import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from synthmatch_jax import exported
from synthmatch_jax.audio.hearing import Recording
from synthmatch_jax.audio.listen import AS_RECORDED, listen
from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.audio.note import KnownNote, Note, PredictedNote
from synthmatch_jax.data.batch import Columns, note_rows, pad
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.data.statistics import Statistics, TrainingData
from synthmatch_jax.errors import UserError
from synthmatch_jax.exported import TrainedModel
from synthmatch_jax.programs import Programs
from synthmatch_jax.spaces import snapping
from synthmatch_jax.spaces.snapping import Snapping

if TYPE_CHECKING:
  from synthmatch_jax.data.pipeline import Dataset
  from synthmatch_jax.models.estimator import Estimator

# Numbers of sounds predicted at once: one, the ways of listening to one, or many. 32 is within a
# quarter of the fastest for the small AST on a CPU.
_BATCH_SIZES = (1, 8, 32)


class Predictor:
  """Predicts the controls of sounds.

  Attributes:
    arguments: The arguments that the model was built with, its name included.
    data: What is kept of the data that it was trained on.
    step: The step at which its weights had the lowest validation loss.
    snapping: The snapping of its answers.
    sums: SHA-256 of the files beside an exported model; see `TrainedModel`.
    is_drawn: Whether the model draws its answers, so that there are as many as one likes.
    is_told_notes: Whether it is told what is known of the notes.
    predicts_notes: Whether it predicts the notes of sounds.
  """

  def __init__(self, found: TrainedModel):
    """Puts a model to work.

    Raises:
      UserError: It is a proxy of the synth.
    """
    self._found = found
    self.arguments: Mapping[str, Any] = found.arguments
    self.data: TrainingData = found.data
    self.step: int = found.step
    self.snapping: Snapping = found.snapping
    self.sums: Mapping[str, str] = found.sums
    shapes = {name: tuple(array.shape) for name, array in found.weights.items()}
    self._programs = Programs(found.arguments, found.data, shapes)
    about = self._programs.about
    if about is None or "is_drawn" not in about:  # What is kept of a proxy says no such thing.
      about = _about(found)
      self._programs.keep(about)
    self.is_drawn, self.is_told_notes = about["is_drawn"], about["is_told_notes"]
    self.predicts_notes = about["predicts_notes"]
    self._compiled: dict[tuple[str, int], Callable[..., Array]] = {}
    self._preparing: list[threading.Thread] = []

  @classmethod
  def load(cls, folder: Path) -> "Predictor":
    """Loads an exported model, or from a run's folder the one with the lowest validation loss.

    Raises:
      UserError: There is no trained model in `folder`, or it is a proxy of the synth.
    """
    return cls(load(folder))

  @property
  def recipe(self) -> Recipe:
    """The recipe of the sounds that it was trained on."""
    return self.data.recipe

  @property
  def statistics(self) -> Statistics:
    """The statistics of its training data."""
    return self.data.statistics

  @property
  def model(self) -> "Estimator":
    """The model, in evaluation mode; see `TrainedModel.model`."""
    model: Any = self._found.model
    return model

  def arrays(self) -> Mapping[str, Any]:
    """Returns all arrays that it computes with, by their names."""
    return self._found.weights

  def predict(
    self, mel: Float[np.ndarray, "b t f"], notes: Sequence[Note | KnownNote] | None = None
  ) -> Float[np.ndarray, "b d"]:
    """Returns one answer to each sound: controls in [0, 1], float32.

    Args:
      mel: Log-mels in dB, as `audio.mel.log_mel` gives them.
      notes: What is known of the note of each sound; None for nothing of any.

    Raises:
      UserError: An answer is no number.
    """
    return self.answers(mel, notes)[:, 0]

  def predict_unsnapped(
    self,
    mel: Float[np.ndarray, "b t f"],
    notes: Sequence[Note | KnownNote] | None = None,
    *,
    seeds: Int[np.ndarray, " b"] | None = None,
  ) -> Float[np.ndarray, "b d"]:
    """Returns the answer that the model itself gives, before it is snapped; see `answers`."""
    return self._ready(mel, notes, seeds=seeds)[:, 0]

  def answers(
    self,
    mel: Float[np.ndarray, "b t f"],
    notes: Sequence[Note | KnownNote] | None = None,
    *,
    count: int = 1,
    seeds: Int[np.ndarray, " b"] | None = None,
  ) -> Float[np.ndarray, "b n d"]:
    """Returns up to `count` answers to each sound; the first is the one that `predict` gives.

    Args:
      mel: Log-mels in dB, as `audio.mel.log_mel` gives them.
      notes: What is known of the note of each sound; None for nothing of any.
      count: How many are wanted; a model that knows only one gives one.
      seeds: The seed of what is drawn at random for each sound; 0 by default.

    The model is compiled at most three times for a count: for one sound, and for batches of 8
    and of 32.

    Raises:
      UserError: An answer is no number.
    """
    found = self._ready(mel, notes, count=count, seeds=seeds)
    flat = snapping.apply(self.snapping, self.recipe.space, found.reshape(-1, found.shape[-1]))
    return flat.reshape(found.shape)

  def notes(self, mel: Float[np.ndarray, "b t f"]) -> list[PredictedNote]:
    """Returns the note that the model makes of each sound, by its log-mel alone.

    Raises:
      ValueError: The model predicts none.
    """
    if not self.predicts_notes:
      raise ValueError("the model was not trained to predict notes (model.note_loss)")

    def notes(weights, mel):
      return self._model_of(weights).notes(self.statistics.normalise(mel))

    found = _in_batches({"mel": mel}, lambda part: self._run("notes", notes, part["mel"]))
    rows = [row for part in found for row in part.tolist()]
    return [PredictedNote(pitch=p, confidence=sure, hold_seconds=h) for p, sure, h in rows]

  def hear(self, recording: Recording) -> Recording:
    """Returns a recording with the note that the model predicts, if it predicts any."""
    if not self.predicts_notes:
      return recording
    clips = listen(recording, pitch=self.recipe.note.pitch, level_db=self.statistics.level_db)
    (predicted,) = self.notes(log_mel(clips[AS_RECORDED], self.recipe.mel)[None])
    heard = dataclasses.replace(recording.heard, predicted=predicted)
    return dataclasses.replace(recording, heard=heard)

  def prepare(self, count: int, *, answers: int = 1) -> None:
    """Begins to compile for so many sounds and answers in the background, and returns at once.

    Call it before the first prediction, which waits for it.
    """
    mel = np.zeros((count, self.recipe.num_frames, self.recipe.mel.n_mels), np.float32)

    def compile() -> None:
      with contextlib.suppress(Exception):  # The prediction raises it again, to its caller.
        self._compute(mel, count=answers)

    preparing = threading.Thread(target=compile)
    preparing.start()
    self._preparing.append(preparing)

  def _ready(self, mel, notes=None, *, count=1, seeds=None) -> Float[np.ndarray, "b n d"]:
    """Returns the answers, which it checks to be finite."""
    for preparing in self._preparing:
      preparing.join()
    answers = self._compute(mel, notes, count=count, seeds=seeds)
    if not np.isfinite(answers).all():
      raise UserError(
        "the model answers with what is no number (NaN or infinite): its weights are of no use for"
        " such a sound, or damaged; take another model, or train or export this one again"
      )
    return answers

  def _compute(self, mel, notes=None, *, count=1, seeds=None) -> Float[np.ndarray, "b n d"]:
    columns = {"mel": mel, "seeds": np.zeros(len(mel), np.int32) if seeds is None else seeds}
    if self.is_told_notes:
      columns["note"] = note_rows([KnownNote()] * len(mel) if notes is None else notes)

    def answers(weights, mel, note, seeds):
      model, keys = self._model_of(weights), jax.vmap(jax.random.key)(seeds)
      found = model.answers(self.statistics.normalise(mel), note, keys=keys, count=count)
      return jnp.clip(found, 0.0, 1.0)

    def compute(part: Columns) -> Array:
      inputs = part["mel"], part.get("note"), part["seeds"]
      return self._run(f"answers-{count}", answers, *inputs)

    none = np.zeros((0, 1, self.recipe.space.width), np.float32)
    return np.concatenate(list(_in_batches(columns, compute)) if len(mel) else [none])

  def _run(self, name: str, function: Callable[..., Array], mel, *others) -> Array:
    """Calls a function of weights and inputs, which is compiled, or was, for their shapes."""
    key, inputs = (name, len(mel)), (self._weights, mel, *others)
    if key not in self._compiled:
      program = "-".join(map(str, key))
      self._compiled[key] = self._programs.get(program, lambda: jax.jit(function), inputs)
    return self._compiled[key](*inputs)

  @functools.cached_property
  def _weights(self) -> dict[str, Array]:
    return jax.device_put(dict(self._found.weights))

  @functools.cached_property
  def _model_of(self) -> Callable[[Mapping[str, Array]], "Estimator"]:
    from synthmatch_jax.models import weights

    function: Any = weights.functional(self.model)
    return function

  def dataset(self, *, dir: Path | None = None) -> "Dataset":
    """Opens the data set that the model was trained on; see `TrainingData.open`."""
    return self.data.open(dir=dir)


def _about(found: TrainedModel) -> dict[str, bool]:
  """Returns what is to be known of a model that answers.

  Raises:
    UserError: It is a proxy of the synth.
  """
  from synthmatch_jax.models.estimator import Estimator

  model = found.model
  if not isinstance(model, Estimator):
    raise UserError(
      "the model is a proxy of the synth, which plays patches and answers to no sound: name"
      " another --workdir"
    )
  return {
    "is_drawn": model.head.is_drawn,
    "is_told_notes": model.note_input is not None,
    "predicts_notes": model.note_head is not None,
  }


def load(folder: Path) -> TrainedModel:
  """Loads an exported model, or from a run's folder the one with the lowest validation loss.

  Raises:
    UserError: There is no trained model in `folder`.
  """
  if exported.is_exported(folder):
    return exported.read(folder)
  from synthmatch_jax.training import trained  # All that a run's folder needs, and slow.

  return trained.load(folder)


def _in_batches(columns: Columns, compute: Callable[[Columns], Array]) -> Iterator[np.ndarray]:
  """Yields what a compiled function, which sees few shapes, makes of the columns."""
  count = len(columns["mel"])
  size = next((size for size in _BATCH_SIZES if count <= size), _BATCH_SIZES[-1])
  for start in range(0, count, size):
    part = {name: values[start : start + size] for name, values in columns.items()}
    batch, mask = pad(part, size)
    yield np.asarray(compute(batch))[mask]
