"""Whether a model learns as well from sounds that are rendered meanwhile as from finished ones.

    python -m study.live [--work=FOLDER] [--minutes=20] [--seeds=0,1,2] [--rehearse]

For each seed a small AST is trained twice with the same number of steps: live, while the other
cores render, and again when the rendering is over, on all sounds that were rendered. (Then every
epoch is that of a finished data set; a test compares them to the last bit.) Chance is what seeds
differ in. The table has the loss of both on the same validation split, as means over seeds with
their deviations. A quiet machine is needed: what it renders in the time decides how often a sound
is heard. FOLDER keeps data and runs.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import building
from study.full_size import ROOT, building_on, log_of
from synthmatch_jax import cores
from synthmatch_jax.data import growing

_OPTIONS, _MORE = {"num_examples": 10_000, "shard_size": 64}, 200_000
_FIELDS = {"train.eval_every": 500}
_STEPS_A_MINUTE = 120  # Of a small AST on one core, about.
_SMALL_OPTIONS, _SMALL_MORE = {"num_examples": 20, "shard_size": 8, "seconds": 1.0}, 200
_SMALL_FIELDS = {
  "model.name": "ast_tiny",
  "model.depth": 1,
  "train.batch_size": 4,
  "train.eval_every": 10,
  "optimizer.warmup_steps": 5,
}


def train(workdir: Path, fields: Mapping[str, Any]) -> None:
  """Trains or resumes a run."""
  flags = [f"--config.{name}={value}" for name, value in fields.items()]
  command = [sys.executable, "-m", "synthmatch_jax.train", "--config=configs/ast.py:small"]
  subprocess.run([*command, f"--workdir={workdir}", *flags], cwd=ROOT, check=True)


def curve(workdir: Path) -> dict[int, float]:
  """Returns step -> validation loss."""
  return {x["step"]: x["validation/loss"] for x in log_of(workdir) if "validation/loss" in x}


def table(curves: Mapping[str, list[dict[int, float]]]) -> str:
  """Returns the mean loss of each way at each step, with its deviation over seeds, in Markdown."""
  lines = [f"| step | {' | '.join(curves)} |", "|---:|" + "---:|" * len(curves)]
  for step in next(iter(curves.values()))[0]:
    cells = []
    for runs in curves.values():
      losses = [run[step] for run in runs]
      spread = f" ± {statistics.stdev(losses):.5f}" if len(losses) > 1 else ""
      cells.append(f"{statistics.mean(losses):.5f}{spread}")
    lines.append(f"| {step} | {' | '.join(cells)} |")
  return "\n".join(lines)


def main() -> None:
  """Trains everything and prints the table."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--work", type=Path, default=Path("live"), help="folder of data and runs")
  parser.add_argument("--minutes", type=float, default=20.0, help="of each live run, about")
  parser.add_argument("--seeds", default="0,1,2")
  parser.add_argument("--rehearse", action="store_true", help="the same at the smallest size")
  options = parser.parse_args()
  work = options.work.absolute()
  small = options.rehearse
  sounds, fields = (_SMALL_OPTIONS, _SMALL_FIELDS) if small else (_OPTIONS, _FIELDS)
  every = fields["train.eval_every"]
  steps = 3 * every if small else int(options.minutes * _STEPS_A_MINUTE) // every * every
  curves: dict[str, list[dict[int, float]]] = {"live": [], "finished": []}
  for seed in map(int, options.seeds.split(",")):
    data_dir = work / f"data{seed}"  # Each begins with the first sounds alone.
    common = {"data.dir": data_dir, "data.name": "massive16/first", "data.live": True}
    common |= {"seed": seed, "train.steps": steps, **fields}
    subprocess.run(building.command(data_dir, {"name": "first", **sounds}), cwd=ROOT, check=True)
    live, finished = work / f"live{seed}", work / f"finished{seed}"
    workers = max(1, cores.available() - 1)
    count = _SMALL_MORE if small else _MORE
    more = {**sounds, "name": "more", "num_examples": count, "workers": workers}
    if max(curve(live), default=0) < steps:  # Or else more would be rendered for the second.
      with building_on(building.command(data_dir, more), work / f"build{seed}.log"):
        train(live, common)
    train(finished, common)
    for name, workdir in (("live", live), ("finished", finished)):
      passes = growing.read_passes(workdir / growing.FILE)
      curves[name].append(curve(workdir))
      print(json.dumps({"seed": seed, name: curves[name][-1], "passes": passes}), flush=True)
  print(table(curves))


if __name__ == "__main__":
  main()
