"""What visitors of the page wait for: one in a browser, and many at once.

    python -m benchmarks.page [--workdir=W] [--sound=examples/guitar.flac] [--requests=50]

The page is served as by `python -m synthmatch_jax.app`. First one visitor uses it in Chromium: from
the first paint to a preset, with the time from a key, a knob or a flip to what is heard. Then one
sends a few requests without a browser, and at last all send one at the same moment, each in a visit
of its own.
"""

import argparse
import concurrent.futures
import contextlib
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.browser import waits
from benchmarks.client import Client
from synthmatch_jax import bundled, cores


@dataclass(frozen=True, kw_only=True)
class Asked:
  """The result of a request.

  Attributes:
    seconds: Time from the upload to the end of the response.
    outcome: "answered", "told to wait", or the end of any other response.
  """

  seconds: float
  outcome: str


@contextlib.contextmanager
def served(*flags: str) -> Iterator[str]:
  """Serves the page and yields its address."""
  command = [sys.executable, "-m", "synthmatch_jax.app", "--port=0", *flags]
  process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
  try:
    assert process.stdout
    yield process.stdout.readline().split()[-1]
  finally:
    process.terminate()
    process.communicate(timeout=30)


def ask(client: Client, sound: bytes) -> Asked:
  """Sends one request."""
  start = time.perf_counter()
  _, uploaded = client.upload(sound)
  status, said = client.ask("match", **json.loads(uploaded))
  seconds = time.perf_counter() - start
  if status == 503:
    return Asked(seconds=seconds, outcome="told to wait")
  return Asked(seconds=seconds, outcome="answered" if '"answers"' in said else said[-200:])


def at_once(address: str, sound: bytes, requests: int) -> list[Asked]:
  """Sends a number of requests at the same moment."""
  clients = [Client(address, visit=f"visitor-number-{i:04d}") for i in range(requests)]
  with concurrent.futures.ThreadPoolExecutor(requests) as pool:
    return list(pool.map(lambda client: ask(client, sound), clients))


def _line(label: str, seconds: Sequence[float]) -> str:
  return f"| {label} | {len(seconds)} | {statistics.median(seconds):.3f} | {max(seconds):.3f} |"


def main() -> None:
  """Measures and prints the table."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--workdir", default=str(bundled.model()), help="folder of the model")
  parser.add_argument("--sound", default="examples/guitar.flac")
  parser.add_argument("--requests", type=int, default=50)
  parser.add_argument("--workers", type=int, default=1, help="number of workers of the page")
  options = parser.parse_args()
  sound = Path(options.sound).read_bytes()
  begun = time.perf_counter()
  with served(f"--workdir={options.workdir}", f"--workers={options.workers}") as address:
    rows = [("from the command to the address", [time.perf_counter() - begun])]
    rows += waits(address, Path(options.sound))
    one = Client(address, visit="the-only-visitor")
    ask(one, sound)
    alone = [ask(one, sound) for _ in range(5)]
    together = at_once(address, sound, options.requests)
  print(f"\n{options.workdir}; {platform.machine()}, {cores.available()} cores")
  print("| | times | median, s | slowest, s |")
  print("|---|---:|---:|---:|")
  rows.append(("one visitor without a browser, answered", [a.seconds for a in alone]))
  for outcome in sorted({a.outcome for a in together}):
    found = [a.seconds for a in together if a.outcome == outcome]
    rows.append((f"{options.requests} at once, {outcome}", found))
  for label, seconds in rows:
    print(_line(label, seconds))


if __name__ == "__main__":
  main()
