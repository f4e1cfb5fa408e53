"""What Euler steps and guidance are worth when a flow draws its answers; neither is trained again.

    python -m study.sampling --workdir=FLOW --ood=FOLDER [--draws=16] [--num_examples=100]

The model answers sounds of its test split and the benchmark of `python -m synthmatch_jax.ood`
(docs/ood.md) in every setting, from the same noise. The first draw, and the nearest of all, are
rendered and measured. Each setting is a few lines in study/logs/sampling/sampling.jsonl; the
command goes on where it was interrupted. The choosing half of the benchmark may choose a setting,
the judging half judges it.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from study import halves
from study.runs import LOGS
from synthmatch_jax import files, inference
from synthmatch_jax.data import sound_folder
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import material
from synthmatch_jax.evaluation.asked import Asked
from synthmatch_jax.evaluation.material import Material
from synthmatch_jax.evaluation.rerender import Proposal, Renderer
from synthmatch_jax.inference import Predictor
from synthmatch_jax.models.estimator import Estimator
from synthmatch_jax.models.flow import Flow

LOG = LOGS / "sampling"
LINES, ABOUT = "sampling.jsonl", "about.json"
SETTINGS = ((8, 1.0), (2, 1.0), (4, 1.0), (16, 1.0), (32, 1.0), (8, 0.75), (8, 1.5), (8, 2.0))
"""Euler steps and guidance; the first setting is what the others are compared with."""

_METRICS = ("mss", "wmfcc", "spectral_convergence", "sot", "log_spectral_distance")
_METRICS += ("loudness_pattern", "rms_cosine", "f0_cents")
_ROWS = ("one draw", "best")


def label(steps: int, guidance: float) -> str:
  """Returns the name of a setting."""
  return f"{steps} steps, guidance {guidance:g}"


def load(folder: Path, *, steps: int, guidance: float) -> Predictor:
  """Loads a model that draws with other steps and guidance than it was trained with.

  Raises:
    UserError: It does not draw.
  """
  trained = inference.load(folder)
  head = trained.model.head if isinstance(trained.model, Estimator) else None
  if not isinstance(head, Flow):
    raise UserError(f"the model in {folder} does not draw its answers")
  head.flow_steps, head.guidance = steps, guidance
  return Predictor(trained)


def answer(
  predictor: Predictor, renderer: Renderer, found: Material, *, draws: int
) -> dict[str, dict[str, dict[str, float | None]]]:
  """Returns, for the first draw and for the nearest, sound -> metric -> distance."""
  drawn = Asked(predictor=predictor, material=found).drawn(draws)
  proposals = {
    name: Proposal(controls=drawn[:, :count]) for name, count in zip(_ROWS, (1, draws), strict=True)
  }
  measured = renderer.measure(found.targets, proposals)
  return {
    row: {
      target.name: {m: _rounded(line.distances[row][m]) for m in _METRICS}
      for target, line in zip(found.targets, measured, strict=True)
      if row in line.distances
    }
    for row in _ROWS
  }


def run(
  folder: Path, sounds: Sequence[Material], settings: Sequence[tuple[int, float]], *, draws: int
) -> Iterator[str]:
  """Answers in every setting what the log does not have yet, and yields what was done."""
  done = {(line["setting"], line["where"]) for line in halves.read(LOG / LINES)}
  for steps, guidance in settings:
    name = label(steps, guidance)
    left = [found for found in sounds if (name, found.name) not in done]
    if not left:
      continue
    predictor = load(folder, steps=steps, guidance=guidance)
    renderer = Renderer(predictor.recipe)
    for found in left:
      rows = answer(predictor, renderer, found, draws=draws)
      with (LOG / LINES).open("a") as file:
        file.write(json.dumps({"setting": name, "where": found.name, "rows": rows}) + "\n")
      yield f"{name}: {found.name} is answered"


def table() -> str:
  """Tabulates every setting against the first one, sound by sound."""
  lines: dict[tuple[str, str], Any] = {}
  for line in halves.read(LOG / LINES):
    lines[line["setting"], line["where"]] = line["rows"]
  places = json.loads((LOG / ABOUT).read_text())["places"]
  base = label(*SETTINGS[0])
  rows, voiced = [], set[str]()
  for place, names in places.items():
    for row in _ROWS:
      for setting in (label(*setting) for setting in SETTINGS):
        where = names["folder"]
        if (setting, where) in lines and (base, where) in lines:
          one, other = (
            {s: found for s, found in lines[of, where][row].items() if s in names["sounds"]}
            for of in (setting, base)
          )
          voiced |= {s for s, found in other.items() if found["f0_cents"] is not None}
          rows.append((f"{place}, {row}: {setting}", "", one, other))
  return halves.table(rows, voiced, budget="")


def _rounded(value: float | None) -> float | None:
  return value if value is None else round(value, 4)


def main() -> None:
  """Answers in every setting, and prints the table."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--workdir", type=Path, required=True, help="folder of a model that draws")
  parser.add_argument("--ood", type=Path, default=Path("ood"), help="folder of the benchmark")
  parser.add_argument("--draws", type=int, default=16)
  parser.add_argument("--num_examples", type=int, default=100, help="sounds of the test split")
  parser.add_argument("--data_dir", type=Path, help="folder of the data sets, if it was moved")
  options = parser.parse_args()
  try:
    predictor = load(options.workdir, steps=SETTINGS[0][0], guidance=SETTINGS[0][1])
    inside = material.of_split(
      predictor.dataset(dir=options.data_dir), "test", limit=options.num_examples
    )
    outside = material.of_folder(options.ood, predictor, limit=None)
    halved = halves.halves(sound_folder.load(options.ood))
    places = {"inside": {"folder": inside.name, "sounds": [t.name for t in inside.targets]}}
    for half, sounds in halved.items():
      places[half] = {"folder": outside.name, "sounds": [sound.name for sound in sounds]}
    LOG.mkdir(parents=True, exist_ok=True)
    said = {"command": halves.command("study.sampling", options), "places": places}
    files.write_json(LOG / ABOUT, said)
    for done in run(options.workdir, (inside, outside), SETTINGS, draws=options.draws):
      print(done, flush=True)
  except UserError as error:
    sys.exit(str(error))
  print(table())


if __name__ == "__main__":
  main()
