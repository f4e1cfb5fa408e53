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
from synthmatch_jax.reports.tables import interval
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
    values of the mels, with its 95 % interval over sounds; "apart" has the same of mels at the same
    power, as they are compared by what makes use of a proxy (`stand_in.apart`). "ranking" has the
    share of pairs that the proxied distance orders as the true one does, among all of the first
    1,000 sounds of the split, and "ranking_near" among the 16 that are the nearest to a target:
    0.5 is chance.

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
  true, *others = (_levelled(one) for one in (mel, *answers.values()))
  ranked = np.array(list(_agreements(true, others[0])))
  results = {
    "rows": {n: summarise(np.abs(one - mel).mean(axis=(1, 2))) for n, one in answers.items()},
    "apart": {
      name: summarise(np.abs(one - true).mean(axis=(1, 2)))
      for name, one in zip(answers, others, strict=True)
    },
    "ranking": summarise(ranked[:, 0]),
    "ranking_near": summarise(ranked[:, 1]),
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
  lines = ["| row | error, dB | at the same power | |", "|---|---:|---:|---|"]
  for name, meaning in MEANINGS.items():
    cells = [interval(results[of][name]) for of in ("rows", "apart")]
    lines.append(f"| {name} | {' | '.join(cells)} | {meaning} |")
  pairs, near = (
    "{mean:.1%} ({low:.1%} to {high:.1%})".format(**results[of])
    for of in ("ranking", "ranking_near")
  )
  said = f"{pairs} of pairs of sounds are ordered as by their renders, {near} of near ones"
  return "\n".join([*lines, "", f"{said}; {results['sounds']} sounds"])


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


def _agreements(mel: Mels, proxied: Mels) -> Iterator[tuple[float, float]]:
  """Yields, for each target, the share of pairs that are ordered alike: of all, of near ones."""
  flat, heard = (one.reshape(len(one), -1) for one in (mel, proxied))
  true, said = cdist(flat, flat, "cityblock"), cdist(flat, heard, "cityblock")
  np.fill_diagonal(true, np.inf)
  for distances, proxied_ones in zip(true, said, strict=True):
    order = np.argsort(distances)[:-1]  # The last one is the target itself.
    ordered = proxied_ones[order]  # By truth, the nearer ones come first.
    alike = ordered[:, None] < ordered
    one, other = np.triu_indices(len(order), k=1)
    few = np.triu_indices(min(_NEAR, len(order)), k=1)
    yield float(alike[one, other].mean()), float(alike[few].mean())
