"""The sounds that a model is measured on: a split of its data set, or a folder of files."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.audio.note import KnownNote, Note
from synthmatch_jax.data import pipeline, sound_folder
from synthmatch_jax.data.pipeline import Dataset
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import targets
from synthmatch_jax.evaluation.targets import Target
from synthmatch_jax.inference import Predictor


@dataclass(frozen=True, kw_only=True)
class Material:
  """Sounds to measure on.

  Attributes:
    name: The split, or the name of the folder.
    title: The same for people.
    targets: The sounds.
    mel: Their log-mels.
    failures: The name of a sound -> the reason why it is not among the targets.
  """

  name: str
  title: str
  targets: Sequence[Target]
  mel: Float[np.ndarray, "i t f"]
  failures: Mapping[str, str] = field(default_factory=dict)

  @property
  def notes(self) -> list[Note | KnownNote]:
    """What models are told of the notes."""
    return [target.told for target in self.targets]

  @property
  def controls(self) -> Float[np.ndarray, "i d"] | None:
    """The true controls, if these are known."""
    known = [target.example.controls for target in self.targets if target.example is not None]
    return np.stack(known) if known else None


def of_split(dataset: Dataset, split: str, *, limit: int | None) -> Material:
  """Reads the first sounds of a split, or all of them."""
  mel, controls = dataset.read(split, limit=limit)
  return Material(
    name=split,
    title=f"{dataset.name}, {split} split",
    targets=targets.of_dataset(controls, dataset.notes(split, limit=limit), split=split),
    mel=mel,
  )


def of_another_dataset(
  name: str, predictor: Predictor, *, dir: Path | None, split: str, limit: int | None
) -> Material:
  """Reads the first sounds of another data set's split: of another seed, prior or note.

  Args:
    name: The name of the data set.
    predictor: The model.
    dir: The folder of the data set; by default that of the model's.
    split: The split.
    limit: The number of sounds; None is all of them.

  Raises:
    UserError: It is not there, or its sounds are not played as those the model was trained on.
  """
  dataset = pipeline.open_dataset(name, dir=dir or predictor.data.dataset["dir"])
  if apart := predictor.recipe.unlike(dataset.recipe):
    raise UserError(
      f"the sounds of {name} are not played as those that the model was trained on: they differ"
      f" in {', '.join(apart)}"
    )
  material = of_split(dataset, split, limit=limit)
  return dataclasses.replace(material, name=f"{dataset.path.parent.name}-{split}")


def of_folder(folder: Path, predictor: Predictor, *, limit: int | None) -> Material:
  """Listens to the first sounds of a folder, or to all of them, as the model hears them.

  Raises:
    UserError: There is no such folder, or none of its sounds can be heard.
  """
  recipe = predictor.recipe
  found, failures = targets.from_outside(
    sound_folder.load(folder)[:limit],
    recipe,
    level_db=predictor.statistics.level_db,
    predict=predictor.hear,
  )
  if not found:
    raise UserError(f"no sound in {folder} can be measured: {next(iter(failures.values()))}")
  name = folder.resolve().name
  return Material(
    name=f"{name}-sounds" if name in ("train", "validation", "test") else name,
    title=f"sounds of the folder {name}",
    targets=found,
    mel=np.stack([log_mel(t.audio, recipe.mel) for t in found if t.audio is not None]),
    failures=failures,
  )
