"""The training runs of the study, each of which is one command.

    python -m study.runs ast mlp --data_dir=D --runs=R     # trains or resumes these
    python -m study.runs --list

A run is a config with some fields changed. Its folder is R/NAME; seeds other than 0 have folders
R/NAME-seedN. The log of a run and the processor time that it took are copied to study/logs/NAME/,
which is all that the tables need.

Two runs at a time, with --core=0 and --core=1, get more done than one on both cores
(`python -m benchmarks.cores`).
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

from study.planned import RUNS

ROOT = Path(__file__).parents[1]
LOGS = ROOT / "study" / "logs"
_KEPT = ("config.json", "metrics.jsonl")
_COST = "cost.json"


def folder(name: str, seed: int = 0) -> str:
  """Returns the name of a run's folder."""
  return f"{name}-seed{seed}" if seed else name


def train(name: str, *, data_dir: Path, runs: Path, only: int | None = None) -> None:
  """Trains or resumes a run and keeps its logs; with `only`, for this seed only."""
  run = RUNS[name]
  for seed in run.seeds if only is None else (only,):
    workdir = runs / folder(name, seed)
    before = _processor_seconds()
    command = run.command(seed=seed, data_dir=data_dir, workdir=workdir)
    try:
      _call(command)
    finally:
      _add_cost(workdir, _processor_seconds() - before)
    if run.snapped:
      snap = [sys.executable, "-m", "synthmatch_jax.snap", f"--workdir={workdir}"]
      _call([*snap, f"--data_dir={data_dir}"])
    _keep(workdir, LOGS / folder(name, seed))


def _call(command: list[str]) -> None:
  print(" ".join(command[1:]), flush=True)
  if status := subprocess.run(command, cwd=ROOT, check=False).returncode:
    sys.exit(status)


def _processor_seconds() -> float:
  used = resource.getrusage(resource.RUSAGE_CHILDREN)
  return used.ru_utime + used.ru_stime


def _add_cost(workdir: Path, seconds: float) -> None:
  path = workdir / _COST
  workdir.mkdir(parents=True, exist_ok=True)
  before = json.loads(path.read_text())["core_seconds"] if path.exists() else 0
  total = None if before is None else round(before + seconds, 1)  # None: it was not recorded.
  path.write_text(json.dumps({"core_seconds": total}) + "\n")


def _keep(workdir: Path, logs: Path) -> None:
  logs.mkdir(parents=True, exist_ok=True)
  for name in _KEPT:
    shutil.copy(workdir / name, logs / name)
  facts = json.loads((workdir / _COST).read_text())
  data = json.loads((workdir / "data.json").read_text())
  facts["num_examples"] = data["dataset"]["num_examples"]
  (logs / "facts.json").write_text(json.dumps(facts) + "\n")
  config = json.loads((logs / "config.json").read_text())
  del config["data"]["dir"]  # A path of one machine.
  for section, key in (("train", "start_from"), ("loss", "proxy")):
    if path := config.get(section, {}).get(key):
      config[section][key] = Path(path).name
  config.pop("digest", None)  # It sealed the whole.
  (logs / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def main() -> None:
  """Trains the runs that are named."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("names", nargs="*", choices=[*RUNS, []], metavar="RUN")
  parser.add_argument("--data_dir", type=Path, default=Path("data"), help="folder of the data sets")
  parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs")
  parser.add_argument("--seed", type=int, help="train only this seed")
  parser.add_argument("--core", type=int, help="train on this core only")
  parser.add_argument("--list", action="store_true", help="list the runs")
  options = parser.parse_args()
  if options.list or not options.names:
    for name, run in RUNS.items():
      print(f"{name:18} {run.about} ({run.config}, {run.dataset})")
  if options.core is not None:
    if options.core not in (cores := os.sched_getaffinity(0)):
      parser.error(f"there is no core {options.core} to train on; there are {sorted(cores)}")
    os.sched_setaffinity(0, {options.core})  # Child processes inherit it.
  for name in options.names:
    folders = {"data_dir": options.data_dir.absolute(), "runs": options.runs.absolute()}
    train(name, **folders, only=options.seed)


if __name__ == "__main__":
  main()
