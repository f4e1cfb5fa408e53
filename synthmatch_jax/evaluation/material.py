"""What a model is measured on: a split of its data set, or a folder of sounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.data.ood import sounds
from synthmatch_jax.data.pipeline import Dataset
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import targets
from synthmatch_jax.evaluation.targets import Target
from synthmatch_jax.inference import Predictor


@dataclass(frozen=True, kw_only=True)
class Material:
  """Sounds to measure on.

  Attributes:
    name: the split, or the name of the folder.
    title: the same for people.
    targets: the sounds.
    mel: log-mels of them.
    controls: the true ones, where they are known.
    failures: name of a sound -> why it is not among the targets.
  """

  name: str
  title: str
  targets: Sequence[Target]
  mel: Float[np.ndarray, "i t f"]
  controls: Float[np.ndarray, "i d"] | None = None
  failures: Mapping[str, str] = field(default_factory=dict)


def of_split(dataset: Dataset, split: str, *, limit: int | None) -> Material:
  """The first sounds of a split, or all of them."""
  mel, controls = dataset.read(split, limit=limit)
  return Material(
    name=split,
    title=f"{dataset.name}, {split} split",
    targets=targets.of_dataset(controls, dataset.recipe, split=split),
    mel=mel,
    controls=controls,
  )


def of_folder(folder: Path, predictor: Predictor, *, limit: int | None) -> Material:
  """The first sounds of a folder, or all of them, as the model hears them.

  Raises:
    UserError: there is no such folder, or none of its sounds can be heard.
  """
  recipe = predictor.recipe
  found, failures = targets.from_outside(
    sounds.load_folder(folder)[:limit], recipe, level_db=predictor.statistics.level_db
  )
  if not found:
    raise UserError(f"no sound in {folder} can be measured: {next(iter(failures.values()))}")
  name = folder.resolve().name
  return Material(
    name=f"{name}-sounds" if name in ("train", "validation", "test") else name,
    title=f"sounds of the folder {name}",
    targets=found,
    mel=np.stack([log_mel(t.heard.audio, recipe.mel) for t in found if t.heard]),
    failures=failures,
  )
