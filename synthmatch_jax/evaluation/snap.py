"""A model's answers drawn to the peaks of its prior, where the validation split bears it out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthmatch_jax import exported
from synthmatch_jax.errors import UserError
from synthmatch_jax.inference import Predictor
from synthmatch_jax.spaces import snapping
from synthmatch_jax.training import workdir as workdirs


@dataclass(frozen=True, kw_only=True)
class Gain:
  """What became of a control's errors on the validation split.

  Attributes:
    median: absolute error, before and after.
    mse: mean squared error, before and after.
  """

  median: tuple[float, float]
  mse: tuple[float, float]


def snap(workdir: Path, *, data_dir: Path | None, limit: int) -> dict[str, Gain]:
  """Fits the curves of a run's best weights and keeps them in its folder.

  Args:
    workdir: of a training run.
    data_dir: where its data set is now, if it was moved.
    limit: validation sounds to look at.

  Returns:
    Name of each control that gains -> what it gains.

  Raises:
    UserError: there is no trained model, or its data set is not there.
  """
  if exported.is_exported(workdir):
    raise UserError(f"{workdir} was exported; snap the run's own folder, and export it again")
  predictor = Predictor.load(workdir)
  recipe = predictor.recipe
  mel, true = predictor.dataset(dir=data_dir).read("validation", limit=limit)
  before = predictor.predict(mel, snap=False)
  curves = snapping.fit(recipe.prior, recipe.space, true=true, estimates=before)
  workdirs.keep_snapping(workdir, curves, step=predictor.step)
  after = snapping.apply(curves, recipe.space, before)
  gains = {}
  for name in curves:
    errors = [np.abs(e - true)[:, recipe.space.names.index(name)] for e in (before, after)]
    medians, squares = ([float(f(e)) for e in errors] for f in (np.median, _mean_square))
    gains[name] = Gain(median=(medians[0], medians[1]), mse=(squares[0], squares[1]))
  return gains


def _mean_square(errors: np.ndarray) -> float:
  return float(np.square(errors).mean())
