"""Seconds from a sound to its answer, cold and warm, beside the raw rendering.

    python -m benchmarks.matching [--workdir=W] [--sound=examples/guitar.flac] [--times=5]

The model is the bundled one, or any trained one; sounds are as long as those it was trained on.

* cold: a new process, from its start to the answer: Python, imports, weights, compilation, engine
  and match; in Python, which compiles anew, and by the command, which takes what is compiled from
  the user's cache and also writes the folder and its page, without a search and with one;
* warm: a match in a process that has already made one, for one answer and for up to four;
* raw rendering: the same patch at the same note by the same engine, used and new; no match with
  that engine can be faster.

Each is run several times; the table has the median and the slowest.
"""

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synthmatch_jax import bundled, cores
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.synths.play import play

COLD = """
import sys
from pathlib import Path
from synthmatch_jax.matching.matcher import Matcher
with Matcher.open([Path(sys.argv[1])], plugin=sys.argv[3]) as matcher:
  matcher.match(sys.argv[2])
"""


def seconds(do: Callable[[], Any], times: int) -> list[float]:
  """Measures how long each of several calls takes."""
  taken = []
  for _ in range(times):
    start = time.perf_counter()
    do()
    taken.append(time.perf_counter() - start)
  return taken


def cold(options: argparse.Namespace) -> dict[str, list[float]]:
  """Measures matches in new processes."""

  def run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

  def command(*more: str) -> None:
    with tempfile.TemporaryDirectory() as out:
      flags = (f"--workdir={options.workdir}", f"--out={out}", f"--plugin={options.plugin}", *more)
      run("-m", "synthmatch_jax.match", options.sound, *flags)

  command("--search=0")  # From now on what was traced and compiled is in the user's cache.

  return {
    "cold, in Python": seconds(
      lambda: run("-c", COLD, options.workdir, options.sound, options.plugin), options.times
    ),
    "cold, the command without a search": seconds(lambda: command("--search=0"), options.times),
    "cold, the command with all its files": seconds(command, options.times),
  }


def warm(options: argparse.Namespace) -> dict[str, list[float]]:
  """Measures matches in this process, after a first one."""
  with Matcher.open([Path(options.workdir)], plugin=options.plugin) as matcher:

    def render(fresh: bool) -> None:
      with matcher.pool.lend() as host:
        if fresh:
          host.renew()
        host.call(play, matcher.recipe, found.best.example)

    found = matcher.match(options.sound)
    matcher.match(options.sound, top=4)
    return {
      "warm, one answer": seconds(lambda: matcher.match(options.sound), options.times),
      "warm, up to four answers": seconds(
        lambda: matcher.match(options.sound, top=4), options.times
      ),
      "raw rendering, new engine": seconds(lambda: render(True), options.times),
      "raw rendering, used engine": seconds(lambda: render(False), options.times),
    }


def main() -> None:
  """Measures and prints the table."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--workdir", default=str(bundled.model()), help="folder of the model")
  parser.add_argument("--sound", default="examples/guitar.flac")
  parser.add_argument("--plugin", default="", help="path of the plugin, if it is not found")
  parser.add_argument("--times", type=int, default=5, help="repetitions of each measurement")
  options = parser.parse_args()
  rows = cold(options) | warm(options)
  raw = statistics.median(rows["raw rendering, used engine"])
  print(f"\n{options.workdir}; {platform.machine()}, {cores.available()} cores")
  print("| | median, s | slowest, s | x raw rendering |")
  print("|---|---:|---:|---:|")
  for label, taken in rows.items():
    median = statistics.median(taken)
    print(f"| {label} | {median:.2f} | {max(taken):.2f} | {median / raw:.1f} |")


if __name__ == "__main__":
  main()
