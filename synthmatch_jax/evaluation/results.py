"""The files of an evaluation: numbers for programs, a table and pictures for people."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synthmatch_jax import exported, files, untrusted
from synthmatch_jax.evaluation import drawn
from synthmatch_jax.evaluation.sheet import Scores, Sheet
from synthmatch_jax.evaluation.summary import Summary, summarise
from synthmatch_jax.metrics import patches
from synthmatch_jax.metrics.suite import sound_metrics
from synthmatch_jax.reports import figures, tables

Summaries = dict[str, dict[str, Summary]]
"""Row -> metric -> its summary."""


@dataclass(frozen=True, kw_only=True)
class Stored:
  """An evaluation that was read from its folder.

  Attributes:
    results: What results.json says.
    names: The names of the targets; none where they were not kept.
    scores: Row -> metric -> one value for each target, of the metrics that `results` defines.
  """

  results: Mapping[str, Any]
  names: list[str]
  scores: Scores


def write(sheet: Sheet, folder: Path, *, curve: Sequence[Mapping[str, Any]]) -> None:
  """Writes results.json, table.md, per_sound.npz and, in domain, pictures.

  Args:
    sheet: The evaluation.
    folder: The folder, which is made.
    curve: The lines of the training's log, if they are about the data set that was measured on.
  """
  # They are of what was measured before.
  for earlier in ("gallery.json", "learning_curve.png", drawn.TABLE, drawn.PICTURE):
    (folder / earlier).unlink(missing_ok=True)
  shutil.rmtree(folder / "sounds", ignore_errors=True)
  results = describe(sheet)
  arrays = {f"{r}/{m}": v for r, metrics in sheet.scores.items() for m, v in metrics.items()}
  arrays |= {f"{row}/controls": controls for row, controls in sheet.answers.items()}
  arrays[exported.HELD] = np.array([line.held for line in sheet.lines], np.float64)
  if sheet.recipe.notes is not None:
    pitches = [target.note.pitch for target in sheet.material.targets]
    arrays[exported.PITCH] = np.array(pitches, np.float64)
  with files.writing(folder / "per_sound.npz") as partial, partial.open("wb") as file:
    names = np.array([target.name for target in sheet.material.targets])
    np.savez_compressed(file, allow_pickle=False, name=names, **arrays)
  files.write_text(folder / "table.md", tables.markdown(results) + "\n")
  drawn.write(results, folder)
  if results["in_domain"]:
    _draw(results, folder, curve)
  files.write_json(folder / "results.json", results)


def read(folder: Path) -> Stored:
  """Reads results.json and per_sound.npz.

  Raises:
    files.UNREADABLE: They are not there, or damaged.
  """
  results = untrusted.read_json(folder / "results.json")
  # The file is opened here, since NumPy does not close what it cannot read.
  with (folder / "per_sound.npz").open("rb") as file, np.load(file) as arrays:
    scores = {
      row: {m: arrays[f"{row}/{m}"] for m in results["metrics"] if f"{row}/{m}" in arrays}
      for row in dict.fromkeys(name.partition("/")[0] for name in arrays.files if "/" in name)
    }
    names = arrays["name"].tolist() if "name" in arrays else []
  return Stored(results=results, names=names, scores=scores)


def describe(sheet: Sheet) -> dict[str, Any]:
  """Returns everything but the numbers of single sounds, ready for JSON."""
  material = sheet.material
  known: dict[str, Any] = {}
  if material.controls is not None:
    of_patches = patches.metrics(sheet.recipe.space)
    known = {name: _metric("", m.better, m.definition) for name, m in of_patches.items()}
  sounds = sound_metrics(sheet.recipe.mel.sample_rate)
  known |= {name: _metric(m.unit, m.better, m.definition) for name, m in sounds.items()}
  return {
    "name": material.name,
    "title": material.title,
    "in_domain": material.controls is not None,
    "engine": sheet.recipe.fingerprint,
    "num_examples": len(material.targets),
    "rows": _summaries(sheet, np.ones(len(material.targets), bool)),
    "families": {
      name: _whole(_summaries(sheet, members)) for name, members in sheet.groups.items()
    },
    "row_meanings": dict(sheet.rows),
    "metrics": known,
    "failures": sheet.failures,
    "missing": sheet.missing,
    **sheet.facts,
  }


def _metric(unit: str, better: str, definition: str) -> dict[str, str]:
  return {"unit": unit, "better": better, "definition": definition}


def _summaries(sheet: Sheet, chosen: np.ndarray) -> Summaries:
  """Summarises some targets; a metric with a slash is of one of many controls."""
  return {
    row: {
      metric: summarise(values[chosen], interval="normal" if "/" in metric else "bootstrap")
      for metric, values in sheet.scores[row].items()
    }
    for row in sheet.rows
  }


def _whole(summaries: Summaries) -> Summaries:
  """Returns the summaries without those of single controls, which a few sounds say little of."""
  return {
    row: {metric: found for metric, found in metrics.items() if "/" not in metric}
    for row, metrics in summaries.items()
  }


def _draw(results: dict[str, Any], folder: Path, curve: Sequence[Mapping[str, Any]]) -> None:
  """Draws the error of each control, and the learning curve."""
  errors = {
    row: {m.removeprefix("mse/"): s["mean"] for m, s in metrics.items() if m.startswith("mse/")}
    for row, metrics in results["rows"].items()
    if row not in ("oracle", "repeat")  # Theirs is zero by construction.
  }
  if errors:
    figures.error_per_control(errors, folder / "error_per_control.png")
  if curve and "mean" in results["rows"]:
    # A head by kind has another loss, and what a proxy hears is added to it.
    keys = {key.rpartition("/")[0] or key for line in curve for key in line}
    is_mse = "validation/mse" in keys and not any("validation/proxied_db" in one for one in curve)
    floor = results["rows"]["mean"]["mse"]["mean"] if is_mse else None
    figures.learning_curve(curve, folder / "learning_curve.png", floor=floor)
