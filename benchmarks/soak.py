"""Compares a long build that is killed again and again with an undisturbed one.

    python -m benchmarks.soak [--records=20000] [--kills=20] [--seconds=1] [--dir=FOLDER]

`tfds build datasets/massive16` runs on Vital twice, in processes of its own: undisturbed, and
killed (`kill -9`, all its processes at once) at random moments. The benchmark fails unless both
data sets are equal byte by byte. The tables have the time of both builds, and the memory of the
undisturbed one by the share of its records that was done.

An undisturbed build that is finished in FOLDER is reused.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from synthmatch_jax import cores

ROOT = Path(__file__).parents[1]
_PROGRESS = re.compile(rb"(\d+)/(\d+) \[")


class Build:
  """One run of the tfds command, in a process group of its own."""

  def __init__(self, data_dir: Path, options: argparse.Namespace):
    config = {
      "name": "soak",
      "engine": "vital",
      "num_examples": options.records,
      "seconds": options.seconds,
      "note_seconds": options.seconds / 4,
    }
    chosen = ["--config", json.dumps(config)]
    tfds = Path(sys.executable).parent / "tfds"
    self._process = subprocess.Popen(
      [tfds, "build", ROOT / "datasets" / "massive16", "--data_dir", data_dir, *chosen],
      stdout=subprocess.DEVNULL,
      stderr=subprocess.PIPE,
      start_new_session=True,
      env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    self.megabytes: dict[int, float] = {}  # Percent of this run's records -> MB.
    self.last_words = b""
    self._reader = threading.Thread(target=self._read)
    self._reader.start()

  def wait(self, timeout: float | None = None) -> int | None:
    """Returns the exit status; None if it is still running after `timeout` seconds."""
    try:
      status = self._process.wait(timeout)
    except subprocess.TimeoutExpired:
      return None
    self._reader.join()
    return status

  def kill(self) -> None:
    """Kills all processes of the build at once."""
    os.killpg(self._process.pid, signal.SIGKILL)
    self.wait()

  def _read(self) -> None:
    stream: Any = self._process.stderr
    while piece := stream.read1(4096):
      self.last_words = (self.last_words + piece)[-4000:]
      if found := _PROGRESS.findall(piece):
        done, total = map(int, found[-1])
        percent = 10 * (10 * done // total)
        if percent not in self.megabytes:
          self.megabytes[percent] = self._memory()

  def _memory(self) -> float:
    """Returns the memory of the process and its children, in MB."""
    try:
      process = psutil.Process(self._process.pid)
      family = [process, *process.children(recursive=True)]
      return sum(p.memory_info().rss for p in family) / 1e6
    except psutil.NoSuchProcess:
      return float("nan")


def contents(data_dir: Path) -> dict[str, str]:
  """Returns name -> checksum of the data set's shards."""
  folder = next(data_dir.glob("massive16/soak/*"))
  return {
    p.name: hashlib.sha256(p.read_bytes()).hexdigest()
    for p in sorted(folder.glob("*.array_record*"))
  }


def undisturbed(data_dir: Path, options: argparse.Namespace) -> tuple[float, dict[int, float]]:
  """Builds, unless done before; returns seconds, and memory by percent of the records."""
  notes = data_dir / "undisturbed.json"
  if not notes.exists():
    shutil.rmtree(data_dir, ignore_errors=True)
    started = time.monotonic()
    build = Build(data_dir, options)
    if build.wait() != 0:
      raise SystemExit(build.last_words.decode())
    seconds = time.monotonic() - started
    notes.write_text(json.dumps([seconds, list(build.megabytes.items())]))
  seconds, megabytes = json.loads(notes.read_text())
  return seconds, dict(megabytes)


def killed(data_dir: Path, options: argparse.Namespace, shard_seconds: float) -> float:
  """Builds and is killed at random moments; returns the seconds that it took in all."""
  shutil.rmtree(data_dir, ignore_errors=True)
  rng = np.random.default_rng(0)
  started = time.monotonic()
  # Kill when so many records are finished and a random part of the next shards is being rendered.
  for number, records in enumerate(np.sort(rng.integers(options.records, size=options.kills)), 1):
    build = Build(data_dir, options)
    # Never kill while Python and TensorFlow are imported, as nothing could be lost.
    pause = 10 + rng.uniform(0, shard_seconds)
    while build.wait(timeout=pause) is None and finished(data_dir) < records - 512:
      pause = rng.uniform(0, shard_seconds)
    if build.wait(timeout=0) is not None:
      raise SystemExit(f"it ended before kill {number}:\n{build.last_words.decode()}")
    build.kill()
    print(f"kill {number} of {options.kills}: {finished(data_dir)} records", flush=True)
  build = Build(data_dir, options)
  if build.wait() != 0:
    raise SystemExit(build.last_words.decode())
  return time.monotonic() - started


def finished(data_dir: Path) -> int:
  """Counts the records in finished shards."""
  return sum(int(p.name.split(".")[0].split("-")[2]) for p in data_dir.rglob("*.array_record.json"))


def main() -> None:
  """Measures and prints the tables."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--records", type=int, default=20_000)
  parser.add_argument("--kills", type=int, default=20)
  parser.add_argument("--seconds", type=float, default=1.0, help="length of a sound")
  parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()) / "soak")
  options = parser.parse_args()
  calm, stormy = options.dir / "undisturbed", options.dir / "killed"
  seconds, megabytes = undisturbed(calm, options)
  print(f"undisturbed: {seconds:.0f} s", flush=True)
  number = cores.available()
  lost = killed(stormy, options, shard_seconds=256 * number * seconds / options.records)
  assert contents(calm) == contents(stormy), "the data sets differ"
  print(f"\n{options.records} records; {platform.machine()}, {number} cores")
  print("| build | s | records/s |")
  print("|---|---:|---:|")
  for label, taken in (("undisturbed", seconds), (f"killed {options.kills} times", lost)):
    print(f"| {label} | {taken:.0f} | {options.records / taken:.1f} |")
  print(f"\nEqual byte by byte: {len(contents(calm))} shards.\n")
  print("| of the records | memory, MB |")
  print("|---:|---:|")
  for percent, value in megabytes.items():
    print(f"| {percent} % | {value:.0f} |")


if __name__ == "__main__":
  main()
