"""Measures what the error of each control does to the sound.

    python -m study.controls --data_dir=D --runs=R [--run=ast] [--num_examples=200]

The answers to the first test sounds are rendered as the model gives them, and once more for each
control with the true value of that control. The change of the distance is the cost of its error.
The results are written to study/logs/evaluations/controls.json, from which `study.report` makes a
table.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from jaxtyping import Float

from study.evaluations import EVALUATIONS
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import material
from synthmatch_jax.evaluation.rerender import Proposal, Renderer
from synthmatch_jax.evaluation.sheet import gather
from synthmatch_jax.evaluation.summary import summarise
from synthmatch_jax.inference import Predictor
from synthmatch_jax.selection import RANKED_BY

METRICS = ("spectral_convergence", RANKED_BY, "f0_cents")
ANSWER = "as the model gives it"


def corrected(
  estimate: Float[np.ndarray, "i d"], true: Float[np.ndarray, "i d"], names: tuple[str, ...]
) -> dict[str, Float[np.ndarray, "i d"]]:
  """Returns name of a control -> the estimates with the true value of that control."""
  rows = {}
  for i, name in enumerate(names):
    rows[name] = estimate.copy()
    rows[name][:, i] = true[:, i]
  return rows


def main() -> None:
  """Measures and writes the results."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--data_dir", type=Path, default=Path("data"), help="folder of the data sets")
  parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs")
  parser.add_argument("--run", default="ast", help="run whose answers are used")
  parser.add_argument("--num_examples", type=int, default=200, help="number of test sounds")
  options = parser.parse_args()
  if options.num_examples < 1:
    parser.error(f"--num_examples must be at least 1, not {options.num_examples}")
  try:
    predictor = Predictor.load(options.runs / options.run)
    dataset = predictor.dataset(dir=options.data_dir)
  except UserError as error:
    sys.exit(f"study.controls: error: {error}")
  measured_on = material.of_split(dataset, "test", limit=options.num_examples)
  true = measured_on.controls
  assert true is not None
  estimate = predictor.predict_unsnapped(measured_on.mel, measured_on.notes)
  names = predictor.recipe.space.names
  rows = {ANSWER: estimate} | corrected(estimate, true, names)
  proposals = {row: Proposal(controls=controls[:, None]) for row, controls in rows.items()}
  lines = Renderer(predictor.recipe).measure(measured_on.targets, proposals)
  scores = gather(lines, METRICS)
  found = {
    "run": options.run,
    "num_examples": len(true),
    "rows": {
      row: {metric: summarise(values[metric]) for metric in METRICS}
      for row, values in scores.items()
    },
    "left": {
      name: {metric: summarise(scores[name][metric] - scores[ANSWER][metric]) for metric in METRICS}
      for name in names
    },
  }
  EVALUATIONS.mkdir(parents=True, exist_ok=True)
  (EVALUATIONS / "controls.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
  main()
