"""The one training loop."""

from pathlib import Path

import jax
import numpy as np

from synthmatch_jax import config as configs
from synthmatch_jax import models
from synthmatch_jax.config import Config
from synthmatch_jax.data import pipeline
from synthmatch_jax.data.pipeline import Dataset
from synthmatch_jax.training import optimizer as optimizers
from synthmatch_jax.training import state as states
from synthmatch_jax.training import workdir as workdirs
from synthmatch_jax.training.checkpoints import Checkpoints
from synthmatch_jax.training.log import MetricLog
from synthmatch_jax.training.progress import Progress
from synthmatch_jax.training.state import TrainState
from synthmatch_jax.training.step import EvalStep, make_eval_step, make_train_step


def train_and_evaluate(config: Config, workdir: Path) -> None:
  """Trains a model, from the last checkpoint in `workdir` or from the start.

  After a kill the same call goes on from the last checkpoint with the same records in the same
  order, the same dropout and, on the same device, the same numbers to the last bit.

  Args:
    config: see `config.base_config`.
    workdir: gets config.json, data.json, checkpoints/, metrics.jsonl and tensorboard/.

  Raises:
    UserError: something in the config, the data set or the folder does not fit; the sentence
      says what.
  """
  configs.check(config)
  train = config.train
  dataset = pipeline.open_dataset(config.data.name, dir=config.data.dir)
  model = states.create_model(config.model.to_dict(), dataset.recipe, seed=config.seed)
  optimizer = optimizers.create(**configs.arguments(config.optimizer))
  epoch = max(1, dataset.num_examples("train") // train.batch_size)  # Steps.
  total = train.steps or train.epochs * epoch
  eval_every = train.eval_every or epoch

  with workdirs.claim(workdir), Checkpoints(workdirs.checkpoints(workdir)) as checkpoints:
    statistics = workdirs.prepare(workdir, config, dataset).statistics
    batches = pipeline.training_batches(dataset, batch_size=train.batch_size, seed=config.seed)
    graphdef, state = states.create(model, optimizer)
    state = checkpoints.restore(state, batches)
    start = int(state.step)
    if start >= total:
      print(
        f"training is finished: {start} of {total} steps are done; {_best(checkpoints, workdir)}"
      )
      return
    _introduce(config, dataset, models.num_params(model), start=start, total=total)
    train_step = jax.jit(make_train_step(graphdef, optimizer, statistics), donate_argnums=0)
    eval_step = jax.jit(make_eval_step(graphdef, statistics))

    with (
      MetricLog(workdir, step=start) as log,
      Progress(step=start, total=total, batch_size=train.batch_size) as progress,
    ):
      for step in range(start + 1, total + 1):
        state, loss = train_step(state, next(batches))
        progress.add(loss)
        evaluating = step % eval_every == 0 or step == total
        if evaluating or step % train.log_every == 0:
          metrics = progress.drain()
          if evaluating:
            metrics |= evaluate(eval_step, state, dataset, batch_size=train.batch_size)
          log.write(step, metrics)
          if evaluating:
            checkpoints.save(state, batches, metrics)
            progress.report(metrics)
    checkpoints.wait()
    print(f"trained {total} steps; {_best(checkpoints, workdir)}")


def evaluate(
  eval_step: EvalStep, state: TrainState, dataset: Dataset, *, batch_size: int
) -> dict[str, float]:
  """Mean squared error over the whole validation split: of all controls, and of each."""
  sums = [
    eval_step(state, *pipeline.pad(batch, batch_size))
    for batch in pipeline.ordered_batches(dataset, "validation", batch_size=batch_size)
  ]
  total = np.asarray(jax.device_get(sums), np.float64).sum(axis=0)
  errors = total / dataset.num_examples("validation")
  per_control = zip(dataset.recipe.space.names, errors, strict=True)
  return {
    "validation/loss": float(errors.mean()),
    **{f"validation/mse/{name}": float(error) for name, error in per_control},
  }


def _introduce(
  config: Config,
  dataset: Dataset,
  num_params: int,
  *,
  start: int,
  total: int,
) -> None:
  sizes = ", ".join(f"{dataset.num_examples(s)} {s}" for s in dataset.sources)
  print(
    f"{dataset.name}/{dataset.version}: {sizes}\n{config.model.name}: {num_params:,} weights;"
    f" {total} steps of {config.train.batch_size}"
    + (f", going on from step {start}" if start else "")
  )


def _best(checkpoints: Checkpoints, workdir: Path) -> str:
  step, loss = checkpoints.best()
  return f"lowest validation loss {loss:.5f} at step {step}; the model is in {workdir}"
