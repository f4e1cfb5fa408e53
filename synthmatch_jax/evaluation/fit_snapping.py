"""Fits snapping, which draws answers to the peaks of the prior where validation shows a gain."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from synthmatch_jax import exported
from synthmatch_jax.data import pipeline
from synthmatch_jax.errors import UserError
from synthmatch_jax.inference import Predictor
from synthmatch_jax.spaces import snapping
from synthmatch_jax.spaces.snapping import Fitted
from synthmatch_jax.training import trained
from synthmatch_jax.training import workdir as workdirs

FEWEST = 500
"""The least number of validation sounds; with fewer, some control among many gains by chance."""

_PATCHES = 20_000


def fit(workdir: Path, *, data_dir: Path | None, limit: int) -> Mapping[str, Fitted]:
  """Fits the snapping of a run's best weights and writes it to the run's folder.

  Args:
    workdir: The folder of a training run.
    data_dir: The folder of its data set, if it was moved.
    limit: The number of validation sounds to use.

  Returns:
    The name of each control that gains -> its gain.

  Raises:
    UserError: There is no trained model, or its data set is missing or too small.
  """
  if exported.is_exported(workdir):
    raise UserError(f"{workdir} is an exported model; snap the run's own folder and export again")
  predictor = Predictor(trained.load(workdir, snapped=False))
  dataset, space = predictor.dataset(dir=data_dir), predictor.recipe.space
  mel, true = dataset.read("validation", limit=limit)
  if len(mel) < FEWEST:
    raise UserError(
      f"{len(mel)} validation sounds are too few to tell whether snapping helps; at least"
      f" {FEWEST} are needed"
    )
  indices = range(min(_PATCHES, dataset.num_examples("train")))
  (batch,) = pipeline.ordered_batches(
    dataset, "train", batch_size=len(indices), keys=("controls",), indices=indices
  )
  patches = np.asarray(batch["controls"])
  estimates = predictor.predict(mel, dataset.notes("validation", limit=limit))
  fitted = snapping.fit(space, patches=patches, true=true, estimates=estimates)
  curves = {name: gain.curve for name, gain in fitted.items()}
  workdirs.write_snapping(workdir, curves, step=predictor.step)
  return fitted
