"""Loads the model that a run has trained."""

from pathlib import Path

from flax import nnx

from synthmatch_jax import exported, models
from synthmatch_jax.exported import TrainedModel
from synthmatch_jax.training import checkpoints
from synthmatch_jax.training import workdir as workdirs


def read(folder: Path) -> TrainedModel:
  """Reads the model in the folder of a run or of an export.

  Raises:
    UserError: There is none.
  """
  return exported.read(folder) if exported.is_exported(folder) else load(folder)


def load(workdir: Path, *, snapped: bool = True) -> TrainedModel:
  """Loads the weights with the lowest validation loss; builds no optimizer.

  Args:
    workdir: The folder of the run.
    snapped: Whether to load the snapping that was fitted to the weights, if there is one.

  Raises:
    UserError: There is no trained model in `workdir`.
  """
  config, data = workdirs.read(workdir)
  arguments = {key: value for key, value in config["model"].items() if value is not None}

  def create():
    return nnx.split(models.create(**arguments, **data.recipe.sizes, seed=0), nnx.Param, ...)

  graphdef, params, variables = nnx.eval_shape(create)
  step, params, variables = checkpoints.restore_best(
    workdirs.checkpoints(workdir), params=params, variables=variables
  )
  model = nnx.merge(graphdef, params, variables)
  model.eval()
  return TrainedModel.of(
    model,
    arguments=arguments,
    data=data,
    step=step,
    snapping=workdirs.read_snapping(workdir, data.recipe, step=step) if snapped else {},
  )
