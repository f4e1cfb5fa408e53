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
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from synthmatch_jax.training.disturbance import KINDS

ROOT = Path(__file__).parents[1]
LOGS = ROOT / "study" / "logs"
_KEPT = ("config.json", "metrics.jsonl")
_COST = "cost.json"


@dataclass(frozen=True, kw_only=True)
class Run:
  """A training run.

  Attributes:
    config: file of its config, with the variant.
    about: description of the run in the tables.
    fields: fields of the config that are changed.
    data: name of its data set, below massive16/ where it has no slash.
    seeds: seeds of weights and order; the run with the first one is evaluated.
    begins: name of the run whose weights it begins with; empty where they are drawn.
    snapped: whether its answers are snapped to the peaks of the prior after training.
  """

  config: str
  about: str
  fields: Mapping[str, object] = field(default_factory=dict)
  data: str = "vital_150k"
  seeds: tuple[int, ...] = (0,)
  begins: str = ""
  snapped: bool = False

  @property
  def dataset(self) -> str:
    """The whole name of its data set."""
    return self.data if "/" in self.data else f"massive16/{self.data}"

  @property
  def is_regression(self) -> bool:
    """Whether its loss is the squared error of the controls."""
    return not self.config.startswith(("configs/flow", "configs/proxy"))

  def command(self, *, seed: int, data_dir: Path, workdir: Path) -> list[str]:
    """Returns the command line."""
    fields = {"data.dir": data_dir, "data.name": self.dataset, "seed": seed, **self.fields}
    if self.begins:
      fields["train.start_from"] = workdir.parent / self.begins
    changes = [f"--config.{name}={value}" for name, value in fields.items()]
    base = [sys.executable, "-m", "synthmatch_jax.train", f"--config={self.config}"]
    return [*base, f"--workdir={workdir}", *changes]


MLP, CNN = "configs/mlp.py", "configs/cnn.py"
SMALL, RESNET = "configs/ast.py:small", "configs/resnet.py:runlocal"

# Name -> training sounds and epochs. On two cores, small sets can be seen often, the full set not.
_SIZES = {"2k": (2_560, 30), "10k": (10_240, 16)}
_SEEDS = {"ast-10k": (0, 1)}
_GROWN = {
  f"{model}-{size}": Run(
    config=config,
    about=about,
    fields={"data.train_examples": count, "train.epochs": epochs},
    data="vital",
    seeds=_SEEDS.get(f"{model}-{size}", (0,)),
  )
  for model, config, about in (("ast", SMALL, "small AST"), ("resnet", RESNET, "ResNet"))
  for size, (count, epochs) in _SIZES.items()
}

# Short runs, with which the recipe was found: few sounds, seen four times, one change per run.
_SHORT = {"data.train_examples": 10_240, "train.epochs": 4}
_MASKS = {
  "masking.time_masks": 2,
  "masking.time_width": 8,
  "masking.bin_masks": 2,
  "masking.bin_width": 6,
}
_EVERY = [f"disturbance.{kind}" for kind in KINDS]
_LOW = {"optimizer.learning_rate": 5e-4}

# What telling and predicting notes, each kind of noise and more bins are worth: short runs on
# sounds of many notes, of which one sees 64 bins, built by
#   tfds build datasets/massive16 --data_dir D --config '{"name": "notes_64", "notes": "varied",
#     "num_examples": 12800}'
_NOTES = "configs/ast.py:notes"
_UNTOLD = {"model.note": "none", "model.note_loss": 0.0, "train.note_hidden": 0.0}
_TOLD = {"model.note": "aligned", "model.note_loss": 0.03, "train.note_hidden": 0.2}
_MUON = {"optimizer.name": "muon", "optimizer.learning_rate": 1e-3}
_ADAM = {"optimizer.name": "adam", "optimizer.learning_rate": 1e-3}


def _of_notes(
  about: str, fields: Mapping[str, object], *, config: str = _NOTES, data: str = "notes"
) -> Run:
  return Run(config=config, about=about, fields={**_SHORT, **fields}, data=data)


_OF_NOTES = {
  "aligned": _of_notes("aligned, by Adam", _ADAM),
  "token": _of_notes("told by a token, by Adam", {"model.note": "token"} | _ADAM),
  "muon": _of_notes("aligned, by Muon", {}),
  "muon-low": _of_notes("rate 1e-3", _MUON),
  "film": _of_notes("told by FiLM", {"model.note": "film"}),
  "untold": _of_notes("neither told nor predicted", _UNTOLD),
  "predicted": _of_notes("predicted, not told", {"model.note": "none"}),
  "told_alone": _of_notes("not predicted", {"model.note_loss": 0.0}),
  "half_hidden": _of_notes("half of the notes hidden", {"train.note_hidden": 0.5}),
  "64_bins": _of_notes("64 mel bins", {}, data="notes_64"),
  **{kind: _of_notes(kind, {f"disturbance.{kind}": 0.5}) for kind in KINDS},
  "noisy": _of_notes("all kinds of noise", dict.fromkeys(_EVERY, 0.3)),
  "resnet": _of_notes("ResNet, aligned", _TOLD, config=RESNET),
  "cnn": _of_notes("the paper's CNN, aligned", _TOLD, config=CNN),
  "mlp": _of_notes("the paper's MLP, aligned", _TOLD, config=MLP),
}

# The wide spaces: an hour or less of one core each, by what runs of the same models have taken on
# massive16. Their sounds are built by, with vital and with dexed,
#   tfds build datasets/dexed --data_dir D --config '{"name": "100k", "num_examples": 100000}'
_WIDE = {
  f"{synth}-{model}": Run(
    config=config, about=about, fields={"train.epochs": epochs}, data=f"{synth}/100k"
  )
  for model, config, about, epochs in (
    ("ast", SMALL, "small AST", 5),
    ("resnet", RESNET, "ResNet", 3),
    ("mlp", MLP, "the paper's MLP", 8),
  )
  for synth in ("vital", "dexed")
}

RUNS = {
  "notes": Run(
    config=_NOTES,
    about="small AST, many notes",
    fields={"train.epochs": 4, **_ADAM},
    data="notes",
    snapped=True,
  ),
  "notes_further": Run(
    config=_NOTES,
    about="the same, trained further by Muon",
    fields={"train.epochs": 3, **_MUON},
    data="notes",
    begins="notes",
    snapped=True,
  ),
  "flow_notes": Run(
    config="configs/flow.py:notes",
    about="the same with draws",
    fields={"train.epochs": 2, **_MUON},
    data="notes",
    begins="notes",
  ),
  "proxy_notes": Run(
    config="configs/proxy.py:small",
    about="proxy of the synth",
    fields={"train.epochs": 4},
    data="notes",
  ),
  "mlp": Run(config=MLP, about="the paper's MLP", fields={"train.epochs": 4}),
  "cnn": Run(
    config=CNN, about="the paper's CNN", fields={"train.steps": 3000, "train.eval_every": 600}
  ),
  "resnet": Run(config=RESNET, about="ResNet", fields={"train.epochs": 2}),
  "ast": Run(config=SMALL, about="small AST", fields={"train.epochs": 4}, snapped=True),
  "mlp-30k": Run(
    config=MLP,
    about="the paper's MLP",
    fields={"train.epochs": 5},
    data="vital",
  ),
  "ast-30k-masks": Run(
    config=SMALL,
    about="small AST, masks, rate 5e-4",
    fields={"train.epochs": 12} | _MASKS | _LOW,
    data="vital",
  ),
  **_GROWN,
  "short": Run(
    config=SMALL, about="small AST, stride 16", fields=_SHORT, data="vital", seeds=(0, 1, 2)
  ),
  "short-low": Run(config=SMALL, about="rate 5e-4", fields=_SHORT | _LOW, data="vital"),
  "short-masks": Run(config=SMALL, about="masks", fields=_SHORT | _MASKS, data="vital"),
  "short-masks-low": Run(
    config=SMALL, about="masks, rate 5e-4", fields=_SHORT | _MASKS | _LOW, data="vital"
  ),
  "short-no_head": Run(
    config=SMALL,
    about="without the 3-layer head",
    fields=_SHORT | {"model.head_depth": 0},
    data="vital",
  ),
  "short-stride10": Run(
    config=SMALL, about="stride 10", fields=_SHORT | {"model.stride": 10}, data="vital"
  ),
  "short-stride6": Run(
    config=SMALL, about="stride 6, the paper's", fields=_SHORT | {"model.stride": 6}, data="vital"
  ),
  "short-128_bins": Run(config=SMALL, about="128 mel bins", fields=_SHORT, data="vital_128"),
  "uniform": Run(
    config=SMALL, about="uniform prior", fields={"train.epochs": 8}, data="vital_uniform"
  ),
  **_WIDE,
  **{f"notes-{name}": run for name, run in _OF_NOTES.items()},
  "short-resnet": Run(config=RESNET, about="ResNet", fields=_SHORT, data="vital"),
  "short-mlp": Run(
    config=MLP, about="the paper's MLP", fields=_SHORT, data="vital", seeds=(0, 1, 2)
  ),
}


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
  if started := config["train"].get("start_from"):
    config["train"]["start_from"] = Path(started).name
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
