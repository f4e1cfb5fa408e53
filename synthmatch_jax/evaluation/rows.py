"""The rows of a table: models between floors and ceilings."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from synthmatch_jax.data import pipeline
from synthmatch_jax.data.pipeline import Dataset
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import baselines
from synthmatch_jax.evaluation.material import Material
from synthmatch_jax.inference import Predictor
from synthmatch_jax.reports.listening import TARGET
from synthmatch_jax.spaces import prior

MEANINGS = {
  "model": "the model's prediction",
  "unsnapped": "the model's prediction, not drawn to the peaks of the prior",
  "nearest_mel": "nearest neighbour in the training split by log-mel distance",
  "nearest_mfcc": "nearest neighbour in the training split by mean and deviation of MFCCs",
  "mean": "mean of the training controls, the same for every sound",
  "random": "a draw from the prior",
  "oracle": "the true patch: what is left are the limits of the rendering",
  "repeat": "the same rendering a second time: what the engine differs from itself",
}
"""Name -> what it is; in the order of tables."""

Kind = Literal["model", "floor", "ceiling"]
_MODELS = ("model", "unsnapped")  # Of the model itself.
_CEILINGS = ("oracle", "repeat")  # Which know the true patch.
_SEARCHES = ("nearest_mel", "nearest_mfcc")  # In the training split.

_BATCH_SIZE = 512
_STREAM = 2  # Keeps these random numbers apart from the data set's.


def kind(row: str) -> Kind:
  """What a row is in a table."""
  if row in _CEILINGS:
    return "ceiling"
  return "floor" if row in MEANINGS and row not in _MODELS else "model"


def choose(
  names: Sequence[str], *, others: Mapping[str, Predictor], in_domain: bool, snaps: bool
) -> dict[str, str]:
  """The rows of a table and their meanings, in its order.

  Args:
    names: of the rows asked for; all that there are by default.
    others: models beside the first.
    in_domain: whether there are true patches.
    snaps: whether the model draws its answers to the peaks of the prior.

  Raises:
    UserError: there is no such row.
  """
  known = {name: MEANINGS[name] for name in (_MODELS if snaps else _MODELS[:1])}
  known |= {name: f"the prediction of another model, {name}" for name in others}
  floors = {n: m for n, m in MEANINGS.items() if n not in _MODELS}
  known |= {n: m for n, m in floors.items() if in_domain or n not in _CEILINGS}
  if unknown := sorted(set(names) - set(known)):
    raise UserError(f"there is no row {unknown[0]!r} here; known: {', '.join(known)}")
  return {name: meaning for name, meaning in known.items() if not names or name in names}


def load_others(workdirs: Sequence[Path], predictor: Predictor) -> dict[str, Predictor]:
  """More models for the same table, named after their workdirs.

  Raises:
    UserError: one cannot be loaded, knows other sounds, or has the name of another row.
  """
  others: dict[str, Predictor] = {}
  for workdir in workdirs:
    other, name = Predictor.load(workdir), workdir.resolve().name
    if other.recipe.digest() != predictor.recipe.digest():
      raise UserError(f"the model in {workdir} was trained on sounds of another recipe")
    if name in MEANINGS or name in others or name == TARGET:
      raise UserError(f"two rows would be called {name!r}: rename the folder {workdir}")
    others[name] = other
  return others


def estimates(
  names: Sequence[str],
  *,
  predictor: Predictor,
  others: Mapping[str, Predictor],
  material: Material,
  dataset: Dataset | None,
) -> dict[str, Float[np.ndarray, "i d"]]:
  """The controls that each row answers with.

  Args:
    names: of the rows.
    predictor: the model.
    others: models beside it.
    material: the sounds to be answered.
    dataset: that the model was trained on; None where no row searches it.

  Returns:
    Row -> controls, one per target. The repetition comes first, so that it is rendered right
    after the target.
  """
  recipe, space, mel = predictor.recipe, predictor.recipe.space, material.mel

  def train():
    assert dataset is not None
    return pipeline.ordered_batches(dataset, "train", batch_size=_BATCH_SIZE)

  def true_controls() -> np.ndarray:
    assert material.controls is not None
    return material.controls

  def draw(i: int) -> np.ndarray:
    seed = np.random.SeedSequence(recipe.seed, spawn_key=(_STREAM, i))
    return prior.sample(recipe.prior, space, np.random.default_rng(seed))

  ways = {
    "model": lambda: predictor.predict(mel),
    "unsnapped": lambda: predictor.predict_unsnapped(mel),
    "nearest_mel": lambda: baselines.nearest_by_mel(mel, train()),
    "nearest_mfcc": lambda: baselines.nearest_by_mfcc(mel, train()),
    "mean": lambda: np.tile(predictor.statistics.controls_mean.astype(np.float32), (len(mel), 1)),
    "random": lambda: np.stack([draw(i) for i in range(len(mel))]),
    # On the way that a prediction takes: decoded to a patch.
    "oracle": lambda: np.stack([space.encode(space.decode(c)) for c in true_controls()]),
    "repeat": true_controls,
  }
  ways |= {name: functools.partial(other.predict, mel) for name, other in others.items()}
  return {name: ways[name]() for name in sorted(names, key=lambda name: name != "repeat")}


def searches(names: Sequence[str]) -> bool:
  """Whether any of the rows searches the training split."""
  return any(name in _SEARCHES for name in names)
