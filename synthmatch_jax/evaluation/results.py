"""What an evaluation leaves: numbers for programs, a table and pictures for people."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from synthmatch_jax import files
from synthmatch_jax.evaluation import table
from synthmatch_jax.evaluation.evaluation import Evaluation
from synthmatch_jax.evaluation.summary import Summary, summarise
from synthmatch_jax.metrics import parameters
from synthmatch_jax.metrics.suite import sound_metrics
from synthmatch_jax.reports import figures

Summaries = dict[str, dict[str, Summary]]
"""Row -> metric -> its summary."""


def write(evaluation: Evaluation, folder: Path, *, curve: Sequence[Mapping[str, Any]]) -> None:
  """Writes results.json, table.md, per_sound.npz and, in domain, pictures.

  Args:
    evaluation: what was measured.
    folder: is made.
    curve: lines of the training's log, of the data set that was measured on; or none.
  """
  for earlier in ("gallery.json", "learning_curve.png"):  # Of what was measured before.
    (folder / earlier).unlink(missing_ok=True)
  shutil.rmtree(folder / "sounds", ignore_errors=True)
  results = describe(evaluation)
  arrays = {
    f"{row}/{metric}": values
    for row, metrics in evaluation.scores.items()
    for metric, values in metrics.items()
  }
  arrays |= {f"{row}/controls": controls for row, controls in evaluation.estimates.items()}
  with files.writing(folder / "per_sound.npz") as partial, partial.open("wb") as file:
    names = np.array([target.name for target in evaluation.targets])
    np.savez_compressed(file, allow_pickle=False, name=names, **arrays)
  files.write_text(folder / "table.md", table.markdown(results) + "\n")
  if evaluation.in_domain:
    _draw(results, folder, curve)
  files.write_json(folder / "results.json", results)


def describe(evaluation: Evaluation) -> dict[str, Any]:
  """All but the numbers of single sounds, JSON-ready."""
  rate = evaluation.predictor.recipe.mel.sample_rate
  families = sorted({t.family for t in evaluation.targets} - {""})
  everything = np.ones(len(evaluation.targets), bool)
  swaps = evaluation.predictor.recipe.space.swaps
  known = parameters.METRICS | (parameters.SYMMETRIC if swaps else {})
  metrics = {n: _metric("", "lower", d) for n, d in known.items()}
  metrics = metrics if evaluation.in_domain else {}
  metrics |= {n: _metric(m.unit, m.better, m.definition) for n, m in sound_metrics(rate).items()}
  return {
    "name": evaluation.name,
    "title": evaluation.title,
    "in_domain": evaluation.in_domain,
    "engine": evaluation.predictor.recipe.fingerprint,
    "num_examples": len(evaluation.targets),
    "rows": _summaries(evaluation, everything),
    "families": {
      family: _summaries(evaluation, np.array([t.family == family for t in evaluation.targets]))
      for family in families
    },
    "row_meanings": dict(evaluation.meanings),
    "metrics": metrics,
    "failures": dict(evaluation.failures),
    **evaluation.facts,
  }


def _metric(unit: str, better: str, definition: str) -> dict[str, str]:
  return {"unit": unit, "better": better, "definition": definition}


def _summaries(evaluation: Evaluation, chosen: np.ndarray) -> Summaries:
  return {
    row: {metric: summarise(v[chosen]) for metric, v in evaluation.scores[row].items()}
    for row in evaluation.rows
  }


def _draw(results: dict[str, Any], folder: Path, curve: Sequence[Mapping[str, Any]]) -> None:
  """Error per control, and the learning curve."""
  errors = {
    row: {m.removeprefix("mse/"): s["mean"] for m, s in metrics.items() if m.startswith("mse/")}
    for row, metrics in results["rows"].items()
    if row not in ("oracle", "repeat")  # Zero by construction.
  }
  if errors:
    figures.error_per_control(errors, folder / "error_per_control.png")
  if curve and "mean" in results["rows"]:
    floor = results["rows"]["mean"]["mse"]["mean"]
    figures.learning_curve(curve, folder / "learning_curve.png", floor=floor)
