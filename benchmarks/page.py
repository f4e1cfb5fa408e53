"""Many visitors at once: how many are answered or told to wait, and how long it takes.

    python -m benchmarks.page [--workdir=W] [--sound=examples/guitar.flac] [--requests=50]

The page is served as by `python -m synthmatch_jax.app`. First one visitor sends a few requests
alone, then all visitors send one at the same moment, each in a visit of its own.
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

from benchmarks.client import Client
from synthmatch_jax import bundled, cores


@dataclass(frozen=True, kw_only=True)
class Asked:
  """The result of a request.

  Attributes:
    seconds: time from the upload to the end of the response.
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


def _line(label: str, asked: Sequence[Asked]) -> str:
  seconds = [a.seconds for a in asked]
  return f"| {label} | {len(asked)} | {statistics.median(seconds):.2f} | {max(seconds):.2f} |"


def main() -> None:
  """Measures and prints the table."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--workdir", default=str(bundled.model()), help="folder of the model")
  parser.add_argument("--sound", default="examples/guitar.flac")
  parser.add_argument("--requests", type=int, default=50)
  parser.add_argument("--workers", type=int, default=1, help="number of workers of the page")
  options = parser.parse_args()
  sound = Path(options.sound).read_bytes()
  with served(f"--workdir={options.workdir}", f"--workers={options.workers}") as address:
    one = Client(address, visit="the-only-visitor")
    ask(one, sound)
    alone = [ask(one, sound) for _ in range(5)]
    together = at_once(address, sound, options.requests)
  print(f"\n{options.workdir}; {platform.machine()}, {cores.available()} cores")
  print("| | requests | median, s | slowest, s |")
  print("|---|---:|---:|---:|")
  print(_line("one visitor, answered", alone))
  for outcome in sorted({a.outcome for a in together}):
    found = [a for a in together if a.outcome == outcome]
    print(_line(f"{options.requests} at once, {outcome}", found))


if __name__ == "__main__":
  main()
