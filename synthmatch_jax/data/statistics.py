"""The facts about its training data that travel with the weights of a model."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Array, Float

from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError, brief
from synthmatch_jax.spaces.parameters import require_text

if TYPE_CHECKING:
  from synthmatch_jax.data.pipeline import Dataset

# In dB: silence alone has no deviation, and no level is so far from full scale.
_LEAST_DEVIATION, _LARGEST_DB = 1e-6, 1e4


@dataclass(frozen=True, kw_only=True, eq=False)
class Statistics:
  """Statistics of a training split.

  Attributes:
    mel_mean: Mean over all records, frames and bins, in dB.
    mel_std: Standard deviation over the same, in dB.
    controls_mean: Mean of each control, float32.
    level_db: Median loudness of the sounds, in LUFS.
    num_examples: Number of records that were counted.
  """

  mel_mean: float
  mel_std: float
  controls_mean: Float[np.ndarray, " d"]
  level_db: float
  num_examples: int

  def __post_init__(self):
    numbers = (self.mel_mean, self.mel_std, self.level_db, *self.controls_mean)
    if not (np.isfinite(numbers).all() and self.mel_std > 0):
      raise ValueError(
        "the statistics of the training data must be finite, and mel_std above 0, not"
        f" mel_mean {self.mel_mean}, mel_std {self.mel_std}, level_db {self.level_db}"
      )

  def normalise(self, mel: Float[Array, "b t f"]) -> Float[Array, "b t f"]:
    """Scales log-mels to zero mean and unit variance over the training split.

    All bins have one mean and one deviation, as in AST (Gong et al. 2021, section 2.1, the
    paper's [10]). AST scales to a deviation of 0.5; we scale to 1, as the rest of the field does.
    """
    return (mel - self.mel_mean) / self.mel_std

  def to_dict(self) -> dict[str, Any]:
    """The statistics as JSON-ready data."""
    return dataclasses.asdict(self) | {"controls_mean": self.controls_mean.tolist()}

  @classmethod
  def from_dict(cls, data: Mapping[str, Any]) -> "Statistics":
    """Reads what `to_dict` gives.

    Raises:
      ValueError, TypeError, KeyError: The data is none, or a number is not finite.
    """
    mean = np.asarray(data["controls_mean"], np.float32)
    made = cls(**{**data, "controls_mean": mean})
    numbers = (made.mel_mean, made.mel_std, made.level_db)
    if mean.ndim != 1:
      raise ValueError("its statistics have no mean for each control")
    if not made.mel_std >= _LEAST_DEVIATION or max(map(abs, numbers)) > _LARGEST_DB:
      raise ValueError("its statistics are those of no sounds: levels or deviations are impossible")
    return made


@dataclass(frozen=True, kw_only=True)
class TrainingData:
  """The facts about a data set that are kept with the weights that were trained on it.

  Attributes:
    dataset: Name, version, dir and number of records of each split.
    recipe: The recipe of its records.
    statistics: The statistics of its training split.
  """

  dataset: Mapping[str, Any]
  recipe: Recipe
  statistics: Statistics

  def to_dict(self) -> dict[str, Any]:
    """The facts as JSON-ready data."""
    return {
      "dataset": dict(self.dataset),
      "recipe": self.recipe.to_dict(),
      "statistics": self.statistics.to_dict(),
    }

  @classmethod
  def from_dict(cls, data: Mapping[str, Any]) -> "TrainingData":
    """Reads what `to_dict` gives.

    Raises:
      UserError: The data is none; the sentence names what is wrong.
    """
    try:
      recipe = Recipe.from_dict(data["recipe"])
      statistics = Statistics.from_dict(data["statistics"])
      if statistics.controls_mean.size != recipe.space.width:
        raise ValueError(f"it has no mean for each of the {recipe.space.width} controls")
      _require_named(data["dataset"])
    except KeyError as error:
      raise UserError(f"what is kept of the training data is damaged: it has no {error}") from None
    except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
      reason = brief(error)
      raise UserError(f"what is kept of the training data is damaged: {reason}") from None
    return cls(dataset=data["dataset"], recipe=recipe, statistics=statistics)

  def open(self, *, dir: Path | None = None) -> "Dataset":
    """Opens the data set itself.

    Args:
      dir: The folder where it is now (TFDS's data_dir), if it was moved since.

    Raises:
      UserError: It is not there, or is another one of the same name.
    """
    from synthmatch_jax.data import pipeline  # Slow, and not needed to predict.

    stored = self.dataset
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


def _require_named(dataset: Any) -> None:
  """Raises an error unless a data set has a name that leads nowhere else, a version and counts."""
  for key in ("name", "version"):
    require_text(f"the {key} of its data set", dataset[key])
    if Path(dataset[key]).is_absolute() or ".." in Path(dataset[key]).parts:
      raise ValueError(f"the {key} of its data set is a path: {dataset[key]!r}")
  counts = dataset["num_examples"]
  if not all(isinstance(n, int) and n >= 0 for n in [counts["train"], *counts.values()]):
    raise ValueError("its data set has no number of examples")
