"""Whether draws lie on the peaks of a prior without snapping: the pitch of oscillator 2.

    python -m study.peaks --workdir=FLOW [--others=REGRESSION] [--parameter=osc2_pitch] [--draws=16]

A regression answers between the peaks (docs/training.md, "Snapping"). The command reads the test
split of the model's data set, lets each model answer, and counts how many values lie within a peak:
of the truth, of a model's answers before snapping, and after it where the model has it. A model
that draws gives several answers to each sound. Nothing is rendered; a thousand sounds take minutes.
The figures are in study/logs/peaks.json, the picture is docs/images/results_peaks.png.
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from study import halves
from study.runs import LOGS, ROOT
from synthmatch_jax import files, inference
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import material
from synthmatch_jax.evaluation.asked import Asked
from synthmatch_jax.evaluation.material import Material
from synthmatch_jax.evaluation.summary import summarise
from synthmatch_jax.inference import Predictor
from synthmatch_jax.reports.tables import interval, join

LOG, PICTURE = LOGS / "peaks.json", ROOT / "docs" / "images" / "results_peaks.png"
_NARROW = 0.02  # The largest standard deviation of what is called a peak.
_WITHIN = 3.0  # Standard deviations: what is within a peak.


def peaks(recipe: Recipe, parameter: str) -> list[tuple[float, float]]:
  """Returns place and half width of each narrow part of a parameter's prior.

  Raises:
    UserError: There is none.
  """
  parts = recipe.prior.controls.get(parameter, {}).get("components", ())
  found = [
    (part["mean"], _WITHIN * part["std"])
    for part in parts
    if part["kind"] == "normal" and part["std"] <= _NARROW
  ]
  if not found:
    raise UserError(f"the prior {recipe.prior.name} has no peaks in {parameter}")
  return found


def measure(
  values: Float[np.ndarray, "i n"],
  true: Float[np.ndarray, " i"],
  places: Sequence[tuple[float, float]],
) -> dict[str, Any]:
  """Returns how many values lie within a peak, and within that of the truth where it has one."""
  centres, widths = (np.array(column) for column in zip(*places, strict=True))

  def on(some: Float[np.ndarray, "*i"]) -> np.ndarray:
    return np.abs(some[..., None] - centres) <= widths

  of_truth = on(true)
  has_one = of_truth.any(axis=1)
  right = np.any(on(values)[has_one] & of_truth[has_one, None], axis=-1)
  return {
    "on a peak": summarise(on(values).any(axis=-1).mean(axis=1)),
    "on the right peak": summarise(right.mean(axis=1)),
    "error on peaks": summarise(np.abs(values - true[:, None])[has_one].mean(axis=1)),
  }


def draw(rows: Mapping[str, Float[np.ndarray, "i n"]], parameter: str, path: Path) -> None:
  """Draws the distribution of each row's values, on a logarithmic scale."""
  figure = Figure(figsize=(8, 1.5 * len(rows)), layout="constrained")
  for axis, (name, values) in zip(
    figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0], rows.items(), strict=True
  ):
    weights = np.full(values.size, 1 / values.size)
    axis.hist(values.ravel(), bins=np.linspace(0, 1, 241), weights=weights, log=True)
    axis.set_ylabel(name, fontsize="small")
  figure.supxlabel(f"{parameter}; shares are on a logarithmic scale")
  figure.savefig(path, dpi=110)


def answers(
  folder: Path, found: Material, *, draws: int
) -> Iterator[tuple[str, Float[np.ndarray, "i n d"]]]:
  """Yields the answers of a model, before snapping and after it, with the name of each row."""
  trained, name = inference.load(folder), folder.resolve().name
  bare = Predictor(dataclasses.replace(trained, snapping={}))
  count = draws if bare.model.head.is_drawn else 1
  yield name, Asked(predictor=bare, material=found).drawn(count)
  if trained.snapping:
    yield f"{name}, snapped", Asked(predictor=Predictor(trained), material=found).drawn(count)


def table() -> str:
  """Tabulates what was found."""
  rows = json.loads(LOG.read_text())["rows"]
  heads = list(rows["truth"])
  lines = [["", *heads], ["---", *["---:"] * len(heads)]]
  return join([*lines, *[[name, *map(interval, of.values())] for name, of in rows.items()]])


def main() -> None:
  """Prints the figures, and writes them and the picture."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--workdir", type=Path, required=True, help="folder of a model that draws")
  parser.add_argument("--others", type=Path, nargs="*", default=[], help="folders of other models")
  parser.add_argument("--parameter", default="osc2_pitch")
  parser.add_argument("--draws", type=int, default=16)
  parser.add_argument("--num_examples", type=int, default=1_000)
  parser.add_argument("--data_dir", type=Path, help="folder of the data sets, if it was moved")
  options = parser.parse_args()
  try:
    predictor = Predictor.load(options.workdir)
    recipe = predictor.recipe
    places = peaks(recipe, options.parameter)
    dataset = predictor.dataset(dir=options.data_dir)
    found = material.of_split(dataset, "test", limit=options.num_examples)
    rows = {"truth": Asked(predictor=predictor, material=found).true[:, None]}
    for folder in (options.workdir, *options.others):
      for name, controls in answers(folder, found, draws=options.draws):
        print(f"{name} has answered", flush=True)
        rows[name] = controls
  except UserError as error:
    sys.exit(str(error))
  column = recipe.space.slices[options.parameter].start
  place = list(recipe.space.names).index(options.parameter)
  heard = recipe.space.heard(rows["truth"][:, 0])[:, place]
  values = {name: controls[heard, :, column] for name, controls in rows.items()}
  true = values["truth"][:, 0]
  measured = {name: measure(some, true, places) for name, some in values.items()}
  said = halves.command("study.peaks", options)
  files.write_json(LOG, {"command": said, "sounds": int(heard.sum()), "rows": measured})
  draw(values, options.parameter, PICTURE)
  print(table())
  print(f"{int(heard.sum())} sounds; the figures are in {LOG}, the picture is {PICTURE}")


if __name__ == "__main__":
  main()
