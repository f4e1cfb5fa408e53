"""Measures a model on the validation split while it trains."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from synthmatch_jax.data import pipeline, records
from synthmatch_jax.data.batch import Batch, Columns, pad
from synthmatch_jax.data.pipeline import Dataset
from synthmatch_jax.errors import UserError
from synthmatch_jax.training.parallel import Layout
from synthmatch_jax.training.run import Run
from synthmatch_jax.training.state import TrainState
from synthmatch_jax.training.step import EvalStep

_PREFIX = "validation/"
LOSS = f"{_PREFIX}loss"

# What a head reports -> what it is called in a table, for controls or parameters each.
_TABLES = {"mse": ("control", "MSE"), "error": ("parameter", "error")}


def evaluate(eval_step: EvalStep, state: TrainState, run: Run) -> dict[str, float]:
  """Computes the means of the loss, and of all that the model reports, over the split.

  Returns:
    "validation/NAME" -> value; a measure of parameters, or of controls, is
    "validation/NAME/PARAMETER". What has no value in the whole split is left out, as a parameter
    that is never heard.

  Raises:
    UserError: One of them is not a finite number.
  """
  dataset = run.dataset
  batches = _batches(dataset, run.layout, run.config.train.batch_size)
  sums = jax.device_get([eval_step(state, batch, mask) for batch, mask in batches])
  metrics: dict[str, float] = {}
  for name in sums[0]:
    total = np.sum([part[name][0] for part in sums], axis=0, dtype=np.float64)
    count = np.sum([part[name][1] for part in sums], axis=0)
    mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    if not np.isfinite(total).all():
      raise UserError(
        f"the validation {name} is no finite number any more at step {int(state.step)}; try a"
        " lower --config.optimizer.learning_rate in another --workdir"
      )
    space = dataset.recipe.space
    named = space.names if mean.shape == (len(space.names),) else space.outputs
    keys = [f"{name}/{one}" for one in named] if mean.ndim else [name]
    values = zip(keys, np.atleast_1d(mean).tolist(), strict=True)
    metrics |= {f"{_PREFIX}{key}": value for key, value in values if not np.isnan(value)}
  return metrics


def floor(dataset: Dataset, mean: Float[np.ndarray, " d"]) -> dict[str, float]:
  """Computes the errors of a constant answer.

  Returns:
    "mse/CONTROL" -> its mean squared error; and in a space with switches and choices,
    "error/PARAMETER" -> its mean error, by its kind, where it can be heard.
  """
  indices = range(dataset.num_examples("validation"))
  controls = [dataset.example("validation", i, ("controls",))["controls"] for i in indices]
  true, space = np.asarray(controls, np.float64), dataset.recipe.space
  squares = np.square(true - mean).mean(axis=0)
  floors = {f"mse/{name}": v for name, v in zip(space.outputs, squares.tolist(), strict=True)}
  if not space.is_numerical:
    errors, heard = space.errors(true, np.broadcast_to(mean, true.shape)), space.heard(true)
    sums = zip(space.names, errors.sum(0, where=heard), heard.sum(0), strict=True)
    floors |= {f"error/{name}": float(total / n) for name, total, n in sums if n}
  return floors


def table(metrics: Mapping[str, float], floors: Mapping[str, float]) -> str:
  """Returns a Markdown table: each error beside that of the mean (see `floor`), worst first.

  It is empty for a model that does not report errors.
  """
  errors = {key: metrics[_PREFIX + key] for key in floors if _PREFIX + key in metrics}
  if not errors:
    return ""
  what, error = _TABLES[next(iter(errors)).partition("/")[0]]
  lines = [f"| {what} | {error} | {error} of the mean | share |", "|---|---:|---:|---:|"]
  rows = [(key.partition("/")[2], errors[key], floors[key]) for key in errors]
  rows.sort(key=lambda row: -row[1])
  whole, least = (float(np.mean([each[key] for key in errors])) for each in (errors, floors))
  rows.append(("**all**", whole, least))
  for name, found, least in rows:
    share = f"{100 * found / least:.0f}" if least else "nan"
    lines.append(f"| {name} | {found:.4f} | {least:.4f} | {share} % |")
  return "\n".join(lines)


def stalled(history: Sequence[Mapping[str, Any]], patience: int | None) -> bool:
  """Whether the last `patience` validations brought no new lowest loss."""
  losses = [line[LOSS] for line in history if LOSS in line]
  return patience is not None and len(losses) - 1 - int(np.argmin(losses or [0])) >= patience


def _batches(
  dataset: Dataset, layout: Layout, batch_size: int
) -> Iterator[tuple[Batch, jax.Array]]:
  """Yields the split in padded batches with masks, equally many in every process."""
  which, count = jax.process_index(), jax.process_count()
  size, total = batch_size // count, dataset.num_examples("validation")
  keys = records.batch_keys(dataset.recipe)
  own: Iterator[Columns] = pipeline.ordered_batches(
    dataset, "validation", batch_size=size, keys=keys, indices=range(which, total, count)
  )
  forms = {key: dataset.features[key] for key in keys}
  empty = {key: np.zeros((0, *form.shape), form.np_dtype) for key, form in forms.items()}
  number = math.ceil(math.ceil(total / count) / size)
  for columns in itertools.islice(itertools.chain(own, itertools.repeat(empty)), number):
    padded, mask = pad(columns, size)
    put: Any = layout.put({**records.batch_of(padded, dataset.recipe), "mask": mask})
    mask = put.pop("mask")
    yield put, mask
