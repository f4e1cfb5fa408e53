"""A proxy of the synth measured: how near its mels are to renders, and what they order alike."""

import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist

from synthmatch_jax import cores, exported, files, inference, models, untrusted
from synthmatch_jax.data import pipeline, records
from synthmatch_jax.data.batch import note_rows
from synthmatch_jax.data.pipeline import Dataset
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation.summary import summarise
from synthmatch_jax.models.note import features
from synthmatch_jax.search.stand_in import StandIn, levelled

RESULTS = "proxy.json"
"""The results, in eval/test/ of the folder of the run."""

MEANINGS = {
  "proxy": "what the proxy makes of the true patch",
  "nearest_patch": "the training sound whose patch and note are the nearest",
  "mean": "the mean of the training mels",
}
"""The rows of the table, and what they are."""

_BATCH = 256
_NEAR = 16  # Sounds around each target, whose order is asked for.
_RANKED = 1_000  # Sounds among which it is asked for, the first ones: every pair is compared.

Mels = Float[np.ndarray, "i t f"]


def evaluate(
  workdir: Path, *, num_examples: int | None = None, data_dir: Path | None = None
) -> dict[str, Any]:
  """Measures a proxy on the test split, and writes W/eval/test/proxy.json.

  Args:
    workdir: The folder of its run, or of its export.
    num_examples: The number of sounds, of which the first are taken; None for all.
    data_dir: The folder where the data set is now, if it was moved.

  Returns:
    What is written: "rows" has for each of `MEANINGS` the mean absolute error in dB, over all
    values of the mels, with its 95 % interval over sounds. "ranking" has the share of pairs that
    the proxied distance (`stand_in.apart`) orders as the true one does, among the 16 sounds
    nearest to a target, of the first 1,000 of the split: 0.5 is chance.

  Raises:
    UserError: There is no proxy in the folder, or its data set is not there.
  """
  started = time.monotonic()
  found = inference.load(workdir)
  stand_in = StandIn(found)
  dataset = found.data.open(dir=data_dir)
  mel, controls = dataset.read("test", limit=num_examples)
  if len(mel) <= 2:
    raise UserError("two sounds have no order: measure the proxy on three or more")
  notes = note_rows(dataset.notes("test", limit=len(mel)))
  proxied = stand_in.mels(controls, notes)
  nearest, mean = _floors(dataset, _points(controls, notes))
  answers = {"proxy": proxied, "nearest_patch": nearest, "mean": np.broadcast_to(mean, mel.shape)}
  results = {
    "rows": {n: summarise(np.abs(one - mel).mean(axis=(1, 2))) for n, one in answers.items()},
    "ranking": summarise(np.array(list(_agreements(*map(_levelled, (mel, proxied)))))),
    "sounds": len(mel),
    "step": found.step,
    "machine": f"{platform.machine()}, {cores.available()} cores",
    "seconds": round(time.monotonic() - started, 1),
  }
  files.write_json(workdir / "eval" / "test" / RESULTS, results)
  return results


def is_proxy(workdir: Path) -> bool:
  """Returns whether the folder of a run, or of an exported model, holds a proxy."""
  name = "model.json" if exported.is_exported(workdir) else "config.json"
  try:
    return untrusted.read_json(workdir / name)["model"]["name"] in models.PROXIES
  except (OSError, ValueError, KeyError, TypeError):
    return False  # What is wrong with it is found out next.


def table(results: dict[str, Any]) -> str:
  """Returns the results as a Markdown table."""
  lines = ["| row | error, dB | |", "|---|---:|---|"]
  for name, one in results["rows"].items():
    error = f"{one['mean']:.2f} ({one['low']:.2f} to {one['high']:.2f})"
    lines.append(f"| {name} | {error} | {MEANINGS[name]} |")
  mean, low, high = (100 * results["ranking"][key] for key in ("mean", "low", "high"))
  ordered = f"{mean:.1f} % ({low:.1f} to {high:.1f}) of pairs of near sounds are ordered as by"
  return "\n".join([*lines, "", f"{ordered} their renders; {results['sounds']} sounds"])


def _levelled(mel: Mels) -> Mels:
  """The first of some mels, as they are compared by what makes use of a proxy."""
  return np.asarray(levelled(jax.numpy.asarray(mel[:_RANKED], "float32")))


def _points(
  controls: Float[np.ndarray, "i d"], notes: Float[np.ndarray, "i 3"]
) -> Float[np.ndarray, "i e"]:
  """Patches and notes as points, of which near ones are alike."""
  return np.hstack([controls, np.asarray(features(jax.numpy.asarray(notes)))])


def _floors(
  dataset: Dataset, wanted: Float[np.ndarray, "i e"]
) -> tuple[Mels, Float[np.ndarray, "t f"]]:
  """Returns the mels of the nearest patches in the training split, and the mean of all mels."""
  keys = ("mel", "controls", *records.note_keys(dataset.recipe))
  least = np.full(len(wanted), np.inf)
  best, count = None, 0
  total = np.zeros(1, np.float32)
  for columns in pipeline.ordered_batches(dataset, "train", batch_size=_BATCH, keys=keys):
    batch = records.batch_of(columns, dataset.recipe)
    fixed = np.tile(note_rows([dataset.recipe.note]), (len(columns["mel"]), 1))
    points = _points(np.asarray(batch["controls"]), np.asarray(batch.get("note", fixed)))
    apart = cdist(wanted, points)
    mel = np.asarray(columns["mel"], np.float32)
    best = np.zeros((len(wanted), *mel.shape[1:]), np.float32) if best is None else best
    nearer = apart.min(axis=1) < least
    best[nearer] = mel[apart.argmin(axis=1)[nearer]]
    least = np.minimum(least, apart.min(axis=1))
    total, count = total + mel.sum(axis=0), count + len(mel)
  assert best is not None
  return best, total / count


def _agreements(mel: Mels, proxied: Mels) -> Iterator[float]:
  """Yields, for each target, the share of pairs of near sounds that are ordered alike."""
  flat, heard = (one.reshape(len(one), -1) for one in (mel, proxied))
  true = cdist(flat, flat, "cityblock")
  np.fill_diagonal(true, np.inf)
  for distances, target in zip(true, flat, strict=True):
    near = np.argsort(distances)[: min(_NEAR, len(mel) - 1)]
    said = np.abs(heard[near] - target).sum(axis=1)
    one, other = np.triu_indices(len(near), k=1)  # By truth, the first is the nearer one.
    yield float((said[one] < said[other]).mean())
