"""A trained model measured on a split of its data set."""

import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax import files
from synthmatch_jax.data import pipeline
from synthmatch_jax.evaluation import baselines, rerender, table
from synthmatch_jax.evaluation.summary import summarise
from synthmatch_jax.inference import Predictor
from synthmatch_jax.metrics.parameters import squared_errors
from synthmatch_jax.metrics.suite import SOUND_METRICS
from synthmatch_jax.reports import figures
from synthmatch_jax.training import log

ROWS = {
  "model": "the model's prediction",
  "nearest": "nearest neighbour in the training split by log-mel distance",
  "mean": "mean of the training controls, the same for every sound",
  "oracle": "the true controls rendered a second time: the floor of the rendering",
}


def evaluate(
  workdir: Path,
  *,
  num_examples: int,
  split: str = "test",
  data_dir: Path | None = None,
  workers: int = 0,
  plugin: str = "",
) -> dict[str, Any]:
  """Predicts a split, renders both patches of every sound again, and measures.

  Args:
    workdir: of a training run.
    num_examples: the first so many sounds of the split, or all there are.
    split: of the data set that the model was trained on.
    data_dir: where it is now, if it was moved.
    workers: sounds rendered at once; 0 is one a core.
    plugin: path of the engine's plugin, where it is not found by itself.

  Writes `eval/<split>/` in the workdir: results.json, table.md, per_sound.npz,
  error_per_control.png and learning_curve.png.

  Returns:
    What results.json holds: `rows`, a row -> metric -> summary, and how it was measured.
  """
  started = time.monotonic()
  predictor = Predictor.load(workdir)
  dataset = predictor.dataset(dir=data_dir)
  mel, targets = dataset.read(split, limit=num_examples)
  rows = {
    "model": predictor.predict(mel),
    "nearest": baselines.nearest(mel, pipeline.ordered_batches(dataset, "train", batch_size=512)),
    "mean": np.array([predictor.statistics.controls_mean], np.float32),
    "oracle": _through_the_patch(predictor, targets),
  }
  workers = workers or os.cpu_count() or 1
  scores = rerender.score(targets, rows, predictor.recipe, workers=workers, plugin=plugin)
  for row, estimates in rows.items():
    scores[row] |= _parameter_scores(targets, estimates, predictor.recipe.space.names)
  summaries = {
    row: {metric: summarise(values) for metric, values in scores[row].items()} for row in ROWS
  }
  silent = float(np.isnan(scores["oracle"]["spectral_convergence"]).mean())
  results = {
    "rows": summaries,
    "row_meanings": ROWS,
    "sound_metrics": {name: metric.definition for name, metric in SOUND_METRICS.items()},
    "dataset": dataset.name,
    "split": split,
    "num_examples": len(targets),
    "silent_targets": silent,
    "step": predictor.step,
    "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    "seconds": time.monotonic() - started,
  }
  folder = workdir / "eval" / split
  _write(results, scores, folder)
  floor = summaries["mean"]["mse"]["mean"]
  figures.learning_curve(log.read(workdir), folder / "learning_curve.png", floor=floor)
  return results


def _through_the_patch(
  predictor: Predictor, targets: Float[np.ndarray, "i d"]
) -> Float[np.ndarray, "i d"]:
  """The targets on the way that a prediction takes: decoded to patches, and back."""
  space = predictor.recipe.space
  return np.stack([space.encode(space.decode(controls)) for controls in targets])


def _parameter_scores(
  targets: Float[np.ndarray, "i d"],
  estimates: Float[np.ndarray, "k d"],
  names: tuple[str, ...],
) -> dict[str, Float[np.ndarray, " i"]]:
  """The squared error of every sound: over all controls, and control by control."""
  errors = squared_errors(targets, np.broadcast_to(estimates, targets.shape))
  per_control = {f"mse/{name}": errors[:, i] for i, name in enumerate(names)}
  return {"mse": errors.mean(1)} | per_control


def _write(results: dict[str, Any], scores: rerender.Scores, folder: Path) -> None:
  files.write_text(folder / "table.md", table.markdown(results) + "\n")
  arrays = {
    f"{row}/{m}": values for row, metrics in scores.items() for m, values in metrics.items()
  }
  with (folder / "per_sound.npz").open("wb") as file:
    np.savez_compressed(file, allow_pickle=False, **arrays)
  errors = {
    row: {m.removeprefix("mse/"): s["mean"] for m, s in metrics.items() if m.startswith("mse/")}
    for row, metrics in results["rows"].items()
    if row != "oracle"  # Zero by construction.
  }
  figures.error_per_control(errors, folder / "error_per_control.png")
  files.write_text(folder / "results.json", json.dumps(results, indent=2) + "\n")
