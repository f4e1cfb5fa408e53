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
_PER_CONTROL = f"{_PREFIX}mse/"


def evaluate(eval_step: EvalStep, state: TrainState, run: Run) -> dict[str, float]:
  """Computes the means of the loss, and of all that the model reports, over the split.

  Returns:
    "validation/NAME" -> value; a measure of parameters is "validation/NAME/PARAMETER".

  Raises:
    UserError: one of them is not a finite number.
  """
  dataset = run.dataset
  batches = _batches(dataset, run.layout, run.config.train.batch_size)
  sums = jax.device_get([eval_step(state, batch, mask) for batch, mask in batches])
  metrics: dict[str, float] = {}
  for name in sums[0]:
    total = np.sum([part[name] for part in sums], axis=0, dtype=np.float64)
    mean = total / dataset.num_examples("validation")
    if not np.isfinite(mean).all():
      raise UserError(
        f"the validation {name} is no finite number any more at step {int(state.step)}; try a"
        " lower --config.optimizer.learning_rate in another --workdir"
      )
    if mean.ndim == 0:
      metrics[f"{_PREFIX}{name}"] = float(mean)
    else:
      named = zip(dataset.recipe.space.outputs, mean.tolist(), strict=True)
      metrics |= {f"{_PREFIX}{name}/{parameter}": value for parameter, value in named}
  return metrics


def floor(dataset: Dataset, mean: Float[np.ndarray, " d"]) -> dict[str, float]:
  """Computes the mean squared error of each control for a constant answer."""
  indices = range(dataset.num_examples("validation"))
  controls = [dataset.example("validation", i, ("controls",))["controls"] for i in indices]
  errors = np.square(np.asarray(controls, np.float64) - mean).mean(axis=0)
  return dict(zip(dataset.recipe.space.outputs, errors.tolist(), strict=True))


def table(metrics: Mapping[str, float], floors: Mapping[str, float]) -> str:
  """Returns a Markdown table: the error of each control beside that of the mean, worst first.

  It is empty for a model that does not report the squared error of controls.
  """
  errors = {name: metrics[_PER_CONTROL + name] for name in floors if _PER_CONTROL + name in metrics}
  if not errors:
    return ""
  shares = {name: errors[name] / floors[name] if floors[name] else np.nan for name in floors}
  lines = ["| control | MSE | MSE of the mean | share |", "|---|---:|---:|---:|"]
  for name in sorted(errors, key=lambda name: -errors[name]):
    share = f"{100 * shares[name]:.0f} %"
    lines.append(f"| {name} | {errors[name]:.4f} | {floors[name]:.4f} | {share} |")
  whole, least = np.mean(list(errors.values())), np.mean(list(floors.values()))
  lines.append(f"| **all** | {whole:.4f} | {least:.4f} | {100 * whole / least:.0f} % |")
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
