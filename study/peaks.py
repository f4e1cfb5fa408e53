"""Whether draws lie on the peaks of a prior without snapping: the pitch of oscillator 2.

    python -m study.peaks --workdir=FLOW [--others=REGRESSION] [--parameter=osc2_pitch] [--draws=16]

A regression answers between the peaks (docs/training.md, "Snapping"). The command reads the test
split of the model's data set, lets each model answer, and counts how many values lie within a peak:
of the truth, of draws, and of the answers of other models before and after snapping. It writes
FLOW/eval/peaks/peaks.json and peaks.png; nothing is rendered.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from synthmatch_jax import files
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import material
from synthmatch_jax.evaluation.asked import Asked
from synthmatch_jax.evaluation.summary import summarise
from synthmatch_jax.inference import Predictor

_NARROW = 0.02  # The largest standard deviation of what is called a peak.
_WITHIN = 3.0  # Standard deviations: what is within a peak.


def peaks(recipe: Recipe, parameter: str) -> list[tuple[float, float]]:
  """Returns place and half width of each narrow part of a parameter's prior.

  Raises:
    UserError: There is none.
  """
  parts = recipe.prior.controls[parameter].get("components", ())
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
  right = (on(values) & of_truth[:, None]).any(axis=-1)[has_one]
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


def main() -> None:
  """Prints the figures and names the folder."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--workdir", type=Path, required=True, help="folder of a model that draws")
  parser.add_argument("--others", type=Path, nargs="*", default=[], help="folders of other models")
  parser.add_argument("--parameter", default="osc2_pitch")
  parser.add_argument("--draws", type=int, default=16)
  parser.add_argument("--num_examples", type=int, default=2_000)
  parser.add_argument("--data_dir", type=Path, help="folder of the data set, if it was moved")
  options = parser.parse_args()
  predictor = Predictor.load(options.workdir)
  space, dataset = predictor.recipe.space, predictor.dataset(dir=options.data_dir)
  found = material.of_split(dataset, "test", limit=options.num_examples)
  asked = Asked(predictor=predictor, material=found)
  column = space.slices[options.parameter].start
  heard = space.heard(asked.true)[:, list(space.names).index(options.parameter)]
  rows = {"truth": asked.true[:, None], "draws": asked.drawn(options.draws)}
  for other in options.others:
    also = Asked(predictor=Predictor.load(other), material=found)
    rows[f"{other.name}, unsnapped"] = also.unsnapped[:, None]
    if also.predictor.snapping:
      rows[f"{other.name}, snapped"] = also.answers()[:, None]
  values = {name: controls[heard, :, column] for name, controls in rows.items()}
  places = peaks(predictor.recipe, options.parameter)
  true = values["truth"][:, 0]
  measured = {name: measure(some, true, places) for name, some in values.items()}
  folder = options.workdir / "eval" / "peaks"
  files.write_json(folder / "peaks.json", {"sounds": int(heard.sum()), "rows": measured})
  draw(values, options.parameter, folder / "peaks.png")
  for name, figures in measured.items():
    print(name, *(f"{of} {one['mean']:.3f}" for of, one in figures.items()), sep=", ")
  print(f"{int(heard.sum())} sounds; the picture is in {folder}")


if __name__ == "__main__":
  main()
