"""The paper's model at its full size, in one command on a machine with an accelerator.

    python -m study.full_size [--minutes=10] [--out=full_size] [--rehearse]

A data set of 10,000 sounds is built first, which validation and test are taken from. Then all cores
but two render more, one sound after the other, while AST-Base is trained by the paper's recipe on
what there is so far. After half the time 1,000 test sounds are answered and rendered again. In the
time that is left a smaller AST is trained by our recipe and measured likewise.

The folder `--out` gets results.json, logs.tar.gz, and the weights in pieces of 15 MiB, as far as
they take less than 48 MiB (AST-Base does not); `cat ours.tar.* | tar x` puts them together.
`--rehearse` is the same at the smallest size, for a machine without an accelerator.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import building
from study.runs import ROOT
from synthmatch_jax import cores, files
from synthmatch_jax.data import growing

PIECE, MOST = 15 << 20, 48 << 20
"""The bytes of a piece of the weights, and of all of them."""

# Ends of the two trainings, as shares of the time; the second needs the share before it to begin.
_PAPER_UNTIL, _OURS_FROM, _OURS_UNTIL = 0.5, 0.7, 0.82


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size:
  """How large everything is.

  Attributes:
    options: The options of the first data set.
    more: The number of sounds of the build that goes on while models are trained.
    paper: The fields of the config that differ from the paper's recipe.
    ours: The fields of our recipe that differ from that.
    tested: The number of test sounds.
    speedup: How many times as fast as the paper's model ours is expected to be trained.
  """

  options: Mapping[str, Any]
  more: int
  paper: Mapping[str, Any]
  ours: Mapping[str, Any]
  tested: int
  speedup: float


_OURS = {
  "optimizer.schedule": "cosine",
  "train.average_decay": 0.999,
}
FULL = Size(
  options={"num_examples": 10_000, "shard_size": 64},
  more=200_000,  # More than can be rendered in the time; each shard costs some time to plan.
  paper={
    "model.dtype": "bfloat16",
    "data.workers": 2,
    "train.eval_every": 1000,
    "train.log_every": 100,
  },
  ours=_OURS
  | {
    "model.width": 384,  # ViT-Small: 22 million weights.
    "model.heads": 6,
    "optimizer.learning_rate": 5e-4,
    "optimizer.warmup_steps": 300,
  },
  tested=1000,
  speedup=3.0,
)
REHEARSAL = Size(
  options={"num_examples": 20, "shard_size": 8, "seconds": 1.0},
  more=200,
  paper={
    "model.name": "ast_tiny",
    "model.depth": 1,
    "data.workers": 1,
    "train.batch_size": 4,
    "train.eval_every": 10,
    "train.log_every": 5,
  },
  ours=_OURS | {"optimizer.learning_rate": 1e-3},
  tested=2,
  speedup=1.0,
)

SIZES = {"full": FULL, "rehearsal": REHEARSAL}


class Clock:
  """The time that there is, of which everything takes a share."""

  def __init__(self, minutes: float):
    """Begins now."""
    self._started, self._seconds = time.monotonic(), 60 * minutes

  @property
  def gone(self) -> float:
    """The share of the time that is over; it may be more than 1."""
    return (time.monotonic() - self._started) / self._seconds

  def seconds_until(self, share: float) -> float:
    """Returns the seconds until a share of the time is over, at least 0."""
    return max(0.0, (share - self.gone) * self._seconds)


@contextlib.contextmanager
def building_on(command: list[str], log: Path) -> Iterator[None]:
  """Lets a build go on while the block runs, and ends it then; its finished shards stay."""
  with log.open("w") as file:
    child = subprocess.Popen(
      command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
      yield
    finally:
      with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
      child.wait()


def train(workdir: Path, *, data_dir: Path, fields: Mapping[str, Any], seconds: float) -> float:
  """Trains on the sounds that are there so far; ends the run in time, but not before it has saved.

  Returns:
    The seconds that it took.

  Raises:
    SystemExit: The training fails.
  """
  changed = {
    "data.dir": data_dir,
    "data.name": "massive16/first",
    "data.live": True,
    "train.steps": 10**6,
    **fields,
  }
  flags = [f"--config.{name}={value}" for name, value in changed.items()]
  command = [sys.executable, "-m", "synthmatch_jax.train", "--config=configs/ast.py"]
  child = subprocess.Popen([*command, f"--workdir={workdir}", *flags], cwd=ROOT)
  began = time.monotonic()
  while child.poll() is None and (time.monotonic() < began + seconds or not _validated(workdir)):
    time.sleep(0.2)
  child.terminate()
  if child.wait() not in (0, 128 + signal.SIGTERM):
    raise SystemExit(f"the training in {workdir} has failed")
  return time.monotonic() - began


def _validated(workdir: Path) -> bool:
  return any("validation/loss" in line for line in log_of(workdir))


def log_of(workdir: Path) -> list[dict[str, Any]]:
  """Reads what a run has logged so far."""
  path = workdir / "metrics.jsonl"
  lines = path.read_text().splitlines(keepends=True) if path.exists() else []
  return [json.loads(line) for line in lines if line.endswith("\n")]


def measure(workdir: Path, tested: int) -> dict[str, Any]:
  """Renders the answers to some test sounds; returns the table of `eval`."""
  command = [sys.executable, "-m", "synthmatch_jax.eval", f"--workdir={workdir}", "--gallery=0"]
  rows = "--rows=model,nearest_mel,mean"
  subprocess.run([*command, f"--num_examples={tested}", rows], cwd=ROOT, check=True)
  results = json.loads((workdir / "eval" / "test" / "results.json").read_text())
  return {key: results[key] for key in ("num_examples", "rows", "seconds")}


def summary(workdir: Path, *, seconds: float, results: Mapping[str, Any]) -> dict[str, Any]:
  """Returns what there is to say of a run."""
  log, passes = log_of(workdir), growing.read_passes(workdir / growing.FILE)
  rates = [line["speed/examples_per_second"] for line in log if "speed/input_wait" in line]
  return {
    "seconds": round(seconds, 1),
    "steps": log[-1]["step"],
    "sounds": passes[-1],
    "passes": len(passes),
    "times_heard": log[-1].get("live/times_heard"),
    "examples_per_second": sorted(rates)[len(rates) // 2] if rates else None,
    "utilisation": log[-1].get("speed/utilisation"),
    "input_wait": log[-1].get("speed/input_wait"),
    "validation": {x["step"]: x["validation/loss"] for x in log if "validation/loss" in x},
    "results": results,
  }


def export(workdir: Path, out: Path) -> str:
  """Exports the model of a run, in pieces if it is small enough; says what it did."""
  with tempfile.TemporaryDirectory() as folder:
    model = Path(folder) / workdir.name
    command = [sys.executable, "-m", "synthmatch_jax.export", f"--workdir={workdir}"]
    subprocess.run([*command, f"--out={model}", "--dtype=float16"], cwd=ROOT, check=True)
    return in_pieces(model, out)


def in_pieces(model: Path, out: Path) -> str:
  """Puts a folder into pieces of one archive, unless it is too large; says what it did."""
  whole = model.with_suffix(".tar")
  with tarfile.open(whole, "w") as tar:
    tar.add(model, arcname=model.name)
  size = whole.stat().st_size
  if size > MOST:
    return f"{size / 1e6:.0f} MB, too large to be brought back"
  with whole.open("rb") as file:
    for number in range(-(-size // PIECE)):
      (out / f"{model.name}.tar.{number:02}").write_bytes(file.read(PIECE))
  return f"{size / 1e6:.1f} MB, in {model.name}.tar.*"


def keep_logs(runs: Path, out: Path) -> None:
  """Puts the logs of all runs, and of the build, into one file."""
  kept = ("config.json", "metrics.jsonl", growing.FILE, "validation.md", "table.md", "build.log")
  with tarfile.open(out / "logs.tar.gz", "w:gz") as tar:
    for path in sorted(p for p in runs.rglob("*") if p.name in kept):
      tar.add(path, arcname=str(path.relative_to(runs)))


def study(name: str, *, minutes: float, out: Path, folder: Path) -> None:
  """Does everything; what has been found so far is in results.json at any time."""
  clock, size = Clock(minutes), SIZES[name]
  data_dir, runs = folder / "data", folder / "runs"
  runs.mkdir(parents=True)
  out.mkdir(parents=True, exist_ok=True)
  found: dict[str, Any] = {"size": name, "minutes": minutes, "cores": cores.available()}

  def note(name: str, value: Any) -> None:
    found[name] = value
    files.write_json(out / "results.json", found)

  subprocess.run(
    building.command(data_dir, {"name": "first", **size.options}), cwd=ROOT, check=True
  )
  note("first_sounds_until", clock.gone)
  workers = max(1, cores.available() - 2)
  more = {**size.options, "name": "more", "num_examples": size.more, "workers": workers}
  building_more = building.command(data_dir, more)

  def one(name: str, fields: Mapping[str, Any], until: float) -> None:
    seconds = clock.seconds_until(until)
    taken = train(runs / name, data_dir=data_dir, fields=fields, seconds=seconds)
    note(name, summary(runs / name, seconds=taken, results={}))

  def test(name: str) -> None:
    found[name]["results"] = measure(runs / name, size.tested)
    note(f"{name}_weights", export(runs / name, out))
    keep_logs(runs, out)
    note(f"{name}_until", clock.gone)

  with building_on(building_more, runs / "build.log"):
    one("paper", size.paper, _PAPER_UNTIL)
  test("paper")
  if clock.gone > _OURS_FROM:
    note("ours", "there was no time left")
    return
  with building_on(building_more, runs / "build.log"):
    fields = {**size.paper, **size.ours}
    seconds = clock.seconds_until(_OURS_UNTIL)
    rate = size.speedup * found["paper"]["steps"] / max(1.0, found["paper"]["seconds"])
    fields["train.steps"] = max(fields["train.eval_every"], int(0.8 * seconds * rate))
    one("ours", fields, _OURS_UNTIL)
  test("ours")


def main() -> None:
  """Does the study in a folder that is removed, and leaves its results in another."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--minutes", type=float, default=10.0, help="the time that there is")
  parser.add_argument("--out", type=Path, default=Path("full_size"), help="folder of the results")
  parser.add_argument("--rehearse", action="store_true", help="the same at the smallest size")
  options = parser.parse_args()
  name = "rehearsal" if options.rehearse else "full"
  with tempfile.TemporaryDirectory() as folder:
    study(name, minutes=options.minutes, out=options.out.absolute(), folder=Path(folder))
  print((options.out / "results.json").read_text())


if __name__ == "__main__":
  main()
