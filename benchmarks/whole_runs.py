"""The part of `benchmarks.accelerator` that builds and trains: rendering, a kill, reading.

    python -m benchmarks.whole_runs --out=FILE.json [--rehearse]

Every training is a process of its own, started as a user starts it. This process leaves the
accelerator to them.
"""

import argparse
import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import building
from benchmarks.measuring import Notes
from synthmatch_jax import cores
from synthmatch_jax.synths.base import Parallelism
from synthmatch_jax.synths.registry import Engine


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sizes:
  """What is built and trained.

  Attributes:
    options: The options of the data set.
    fields: The fields of the config.
    steps: The steps of the run that is killed; it is validated three times.
    reading_steps: The steps of the runs that show what reading costs.
    readers: The numbers of processes that read.
    sounds: The number of sounds that each worker renders to be timed.
  """

  options: dict[str, Any]
  fields: dict[str, Any]
  steps: int
  reading_steps: int
  readers: tuple[int, ...]
  sounds: int


FULL = Sizes(
  options={"num_examples": 1280, "shard_size": 64},
  fields={"model.dtype": "bfloat16", "train.batch_size": 256},
  steps=90,
  reading_steps=300,
  readers=(0, 4),
  sounds=96,
)
REHEARSAL = Sizes(
  options={"num_examples": 20, "shard_size": 8, "seconds": 1.0},
  fields={"model.name": "ast_tiny", "model.depth": 1, "train.batch_size": 4},
  steps=30,
  reading_steps=30,
  readers=(0,),
  sounds=2,
)


class Apart(Engine):
  """An engine of which every worker has its own process, where its kind would share one."""

  @property
  def parallelism(self) -> Parallelism:
    """See `Engine`."""
    return "process"

  @property
  def repeatable_db(self) -> float | None:
    """See `Engine`; a Vital that is used again repeats a sound to within -68 dB."""
    return -60.0


def render(notes: Notes, sizes: Sizes) -> None:
  """Times the rendering of records by threads and by processes, whose starts count.

  Loudness, mel and files are a part of it, as in a build, where every shard has a new engine.
  """
  from benchmarks.build import built
  from synthmatch_jax.data.recipe import Recipe
  from synthmatch_jax.generation.plan import Plan
  from synthmatch_jax.spaces import prior
  from synthmatch_jax.synths.play import fingerprint

  plain = Engine(name="vital")
  recipe = Recipe(
    engine=plain.name,
    fingerprint=fingerprint(plain),
    space=plain.space,
    prior=prior.load(plain.prior, plain.space),
    seconds=sizes.options.get("seconds", 4.0),
    shard_size=sizes.sounds,
  )
  every = cores.available()
  for kind, engine in (("threads", plain), ("processes", Apart(name="vital"))):
    for workers in sorted({1, every}):
      with notes.measuring("rendering", kind=kind, workers=workers) as row:
        plan = Plan(seed=0, num_examples=2 * every * sizes.sounds, shard_size=sizes.sounds)
        started = time.perf_counter()
        sounds = built(list(plan)[:workers], recipe, engine=engine, workers=workers)
        row["sounds_per_second"] = sounds / (time.perf_counter() - started)


class Runs:
  """Trainings on one data set, in one folder."""

  def __init__(self, folder: Path, sizes: Sizes):
    """Builds the data set."""
    self._folder, self._sizes = folder, sizes
    subprocess.run(building.command(folder, {"name": "benchmark", **sizes.options}), check=True)

  def command(self, workdir: Path, *, steps: int, **fields: Any) -> list[str]:
    """Returns the command of a training."""
    changed: dict[str, Any] = {
      "data.dir": self._folder,
      "data.name": "massive16/benchmark",
      "train.steps": steps,
      "train.log_every": max(1, steps // 6),
      "train.eval_every": steps // 3,
      **self._sizes.fields,
      **fields,
    }
    flags = [f"--config.{name}={value}" for name, value in changed.items()]
    command = [sys.executable, "-m", "synthmatch_jax.train", "--config=configs/ast.py"]
    return [*command, f"--workdir={workdir}", *flags]

  def kill(self, row: dict[str, Any]) -> None:
    """Kills a run after its first validation, lets it go on, and compares it with a whole one."""
    steps = self._sizes.steps
    whole, killed = self._folder / "whole", self._folder / "killed"
    subprocess.run(self.command(whole, steps=steps), check=True, env=_on_accelerator())
    command = self.command(killed, steps=steps)
    child = subprocess.Popen(command, env=_on_accelerator())
    while child.poll() is None and not (killed / "checkpoints" / str(steps // 3)).exists():
      time.sleep(0.002)
    child.kill()
    row["killed"] = child.wait() < 0
    subprocess.run(command, check=True, env=_on_accelerator())
    logs = [_metrics(workdir) for workdir in (whole, killed)]
    row["equal_logs"] = logs[0] == logs[1]
    row["equal_weights"] = _weights(whole) == _weights(killed)
    losses = [[line["train/loss"] for line in log] for log in logs]
    row["largest_difference"] = max(abs(a - b) for a, b in zip(*losses, strict=True))

  def read(self, row: dict[str, Any], readers: int) -> None:
    """Trains with a number of processes that read, and takes the speeds from the log."""
    workdir, steps = self._folder / f"readers{readers}", self._sizes.reading_steps
    command = self.command(workdir, steps=steps, **{"data.workers": readers})
    subprocess.run(command, check=True, env=_on_accelerator())
    last = [line for line in _lines(workdir) if "speed/examples_per_second" in line][-1]
    row |= {name.removeprefix("speed/"): v for name, v in last.items() if "speed/" in name}


def _on_accelerator() -> dict[str, str]:
  """Returns the environment of a training, which is not kept to the CPU as this process is."""
  return {name: value for name, value in os.environ.items() if name != "JAX_PLATFORMS"}


def _lines(workdir: Path) -> list[dict[str, Any]]:
  return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def _metrics(workdir: Path) -> list[dict[str, Any]]:
  return [{k: v for k, v in line.items() if "speed/" not in k} for line in _lines(workdir)]


def _weights(workdir: Path) -> str:
  """Returns the hash of the weights of a run, as they are exported."""
  out = workdir / "exported"
  command = ["synthmatch_jax.export", f"--workdir={workdir}", f"--out={out}"]
  subprocess.run([sys.executable, "-m", *command], check=True)
  (weights,) = out.glob("*.safetensors")
  return hashlib.sha256(weights.read_bytes()).hexdigest()


def main() -> None:
  """Measures everything."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--out", type=Path, required=True, help="file of the results, JSON")
  parser.add_argument("--rehearse", action="store_true", help="the same at the smallest sizes")
  options = parser.parse_args()
  notes, sizes = Notes(options.out), REHEARSAL if options.rehearse else FULL
  os.environ["JAX_PLATFORMS"] = "cpu"
  with tempfile.TemporaryDirectory() as folder, notes.measuring("kill -9") as row:
    runs = Runs(Path(folder), sizes)
    runs.kill(row)
    for readers in sizes.readers:
      with notes.measuring("input", readers=readers) as reading:
        runs.read(reading, readers)
  render(notes, sizes)


if __name__ == "__main__":
  # Not `main()`: the processes of engines can import modules, but not the script that was started.
  from benchmarks import whole_runs

  whole_runs.main()
