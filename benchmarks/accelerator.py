"""What an accelerator does with our training, in under eight minutes: a table, and JSON.

    python -m benchmarks.accelerator [--out=accelerator.json] [--rehearse]

Three parts run one after the other, each in a process of its own, since one framework keeps memory
from the other:

* JAX: the peak of a matrix product; answers, loss and gradients of AST-Base against a CPU in
  float32; training steps in float32, TF32 and bfloat16; answers; memory;
* PyTorch: the same steps with the same weights, by `transformers`' ASTModel, compiled;
* whole runs: a training that is killed and goes on; what reading costs; rendering by threads and by
  processes.

What fails, or is not installed, has a row that says so. A part that takes longer than its share of
the time is ended, and what it has measured counts. `--rehearse` does all of it at the smallest
sizes, for a machine without an accelerator; its figures say nothing.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from synthmatch_jax import cores, files

# Module -> its seconds, and what is set for it.
PARTS = {
  "on_jax": (190, {}),
  "on_torch": (110, {"JAX_PLATFORMS": "cpu"}),
  "whole_runs": (170, {}),
}
_REHEARSAL_SECONDS = 3600
_PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "torch", "transformers", "vita")

Rows = list[dict[str, Any]]
Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
"""The title, the heads of the columns, and the rows."""


def measure(module: str, *, seconds: float, settings: dict[str, str], rehearse: bool) -> Any:
  """Runs a part; returns what it has found, and whether it was ended or has failed."""
  with tempfile.TemporaryDirectory() as folder:
    out = Path(folder) / "found.json"
    command = [sys.executable, "-m", f"benchmarks.{module}", f"--out={out}"]
    child = subprocess.Popen(
      [*command, *(["--rehearse"] if rehearse else [])],
      env=os.environ | settings,
      start_new_session=True,
    )
    status: int | str
    try:
      status = child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
      _end(child)
      status = f"ended after {seconds:.0f} s"
    found = json.loads(out.read_text()) if out.exists() else {}
  return {"status": status, **found}


def _end(child: subprocess.Popen[bytes]) -> None:
  """Ends a part and the processes that it has started."""
  os.killpg(child.pid, 9)
  child.wait()


def machine() -> dict[str, Any]:
  """Describes this machine and what is installed."""
  found: dict[str, Any] = {
    "processor": platform.machine(),
    "cores": cores.available(),
    "python": platform.python_version(),
  }
  for package in _PACKAGES:
    try:
      found[package] = metadata.version(package)
    except metadata.PackageNotFoundError:
      found[package] = None
  if shutil.which("nvidia-smi"):
    asked = "--query-gpu=name,driver_version,memory.total,clocks.sm"
    command = ["nvidia-smi", asked, "--format=csv,noheader"]
    found["gpu"] = subprocess.run(
      command, capture_output=True, text=True, check=False
    ).stdout.strip()
  return found


def tables(found: dict[str, Any]) -> Iterator[Table]:
  """Yields the tables of all that was measured."""
  ours, theirs, runs = (found[name] for name in PARTS)
  yield (
    "matrix product",
    ("precision", "TFLOP/s"),
    [(r["precision"], f"{r['flops_per_second'] / 1e12:.3g}") for r in ours.get("peaks", [])],
  )
  yield (
    "relative difference from float32 on a CPU",
    ("model", "precision", "answers", "loss", "gradient"),
    list(_rows(ours, "correctness", ("answers", "loss", "gradient"))),
  )
  yield (
    "training",
    (
      *("model", "precision", "batch", "ours, examples/s", "share of peak"),
      *("PyTorch, examples/s", "share of its peak", "ours / PyTorch", "state, GB", "rest, GB"),
    ),
    list(_training(ours.get("training", []), theirs)),
  )
  yield (
    "answers, milliseconds",
    ("", "model", "precision", "sounds", "milliseconds"),
    [("ours", *row) for row in _rows(ours, "answers", ("sounds", "milliseconds"))]
    + [("PyTorch", *row) for row in _rows(theirs, "answers", ("sounds", "milliseconds"))],
  )
  for title, part, keys in (
    ("memory", ours, ("peak_bytes_in_use", "bytes_limit")),
    ("kill -9", runs, ("killed", "equal_logs", "equal_weights", "largest_difference")),
    ("input", runs, ("readers", "examples_per_second", "step_seconds", "input_wait")),
    ("rendering", runs, ("kind", "workers", "sounds_per_second")),
  ):
    yield title, keys, [_cells(row, keys) for row in part.get(title, [])]


def _rows(part: Any, section: str, keys: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
  for row in part.get(section, []):
    yield row["model"], row["precision"], *_cells(row, keys)


def _cells(row: dict[str, Any], keys: tuple[str, ...]) -> tuple[str, ...]:
  values = [row.get(key, row.get("error", "")) for key in keys]
  return tuple(f"{value:.3g}" if isinstance(value, float) else str(value) for value in values)


def _training(ours: Rows, theirs: Any) -> Iterator[tuple[str, ...]]:
  """Yields a row for each case, with PyTorch's of the same case, or why there is none."""
  missing = f"not measured ({theirs['status']})"
  missing = next((row["error"] for row in theirs.get("device", []) if "error" in row), missing)
  case = ("model", "precision", "batch")
  peers = {tuple(row[key] for key in case): row for row in theirs.get("training", [])}
  speed = ("examples_per_second", "share_of_peak")
  for row in ours:
    peer = peers.get(tuple(row[key] for key in case), {"error": missing})
    ratio = ""
    if speed[0] in row and speed[0] in peer:
      ratio = f"{row[speed[0]] / peer[speed[0]]:.2f}"
    memory = [
      f"{row[key] / 1e9:.2f}" if key in row else "" for key in ("state_bytes", "rest_bytes")
    ]
    yield (*_cells(row, case), *_cells(row, speed), *_cells(peer, speed), ratio, *memory)


def written(found: Iterable[Table]) -> str:
  """Returns tables in Markdown."""
  text = ""
  for title, heads, rows in found:
    lines = [" | ".join(row) for row in (heads, ["---"] * len(heads), *rows)]
    text += f"\n{title}\n\n" + "".join(f"| {line} |\n" for line in lines)
  return text


def main() -> None:
  """Measures, prints the tables and writes the file."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--out", type=Path, default=Path("accelerator.json"))
  parser.add_argument("--rehearse", action="store_true", help="the same at the smallest sizes")
  options = parser.parse_args()
  started = time.monotonic()
  command = "python -m benchmarks.accelerator" + (" --rehearse" if options.rehearse else "")
  found: dict[str, Any] = {"command": command, "machine": machine()}
  for module, (seconds, settings) in PARTS.items():
    allowed = _REHEARSAL_SECONDS if options.rehearse else seconds
    found[module] = measure(module, seconds=allowed, settings=settings, rehearse=options.rehearse)
    found["minutes"] = round((time.monotonic() - started) / 60, 2)
    files.write_json(options.out, found)
  print(json.dumps(found["machine"]))
  print(written(tables(found)))
  print(f"{found['minutes']} minutes; all of it is in {options.out}")


if __name__ == "__main__":
  main()
