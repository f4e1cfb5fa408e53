"""Shares of a cold match, in seconds of a processor.

    python -m benchmarks.shares [--sound=examples/guitar.flac] [--times=5]

Each run is a process of its own, which imports, loads, compiles, matches and writes in the order of
`synthmatch match --search=0`; the table has the median of each part, and of a second match in the
same process. Processor seconds, of all threads, depend less on what else a machine does than a
clock does. Traced and compiled code come from the user's cache, as from the second match on.
"""

import argparse
import statistics
import subprocess
import sys

RUN = """
import os, sys, tempfile
from pathlib import Path

def mark(name, spent=[0.0]):
  times = os.times()
  print(f"{times.user + times.system - spent[0]}\\t{name}")
  spent[0] = times.user + times.system

mark("Python")
from synthmatch_jax import cli, cores, startup
mark("flags")
with startup.loading():
  import numpy, scipy.fft
  mark("import NumPy, scipy.fft")
  import scipy.signal, scipy.ndimage, pyloudnorm
  mark("import scipy.signal, scipy.ndimage")
  import jax
  mark("import JAX")
  from synthmatch_jax.matching import bulk, ensemble, output
  from synthmatch_jax.matching.matcher import Matcher
  from synthmatch_jax.synths.play import engine
  from synthmatch_jax.synths.pool import Pool
  mark("import the rest")
startup.keep_compiled()
models = ensemble.load([])
mark("load the model")
plays = engine(models[0].predictor.recipe, path="")
with tempfile.TemporaryDirectory() as out, Pool(plays, size=1) as pool, cores.one_each():
  for again in ("", ", again"):
    found = Matcher(models, pool).match(sys.argv[1])
    mark(f"compile, listen, play, judge{again}")
    output.write(found, Path(out, "match"), pool=pool)
    mark(f"write, draw{again}")
"""


def main() -> None:
  """Prints the table."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--sound", default="examples/guitar.flac")
  parser.add_argument("--times", type=int, default=5)
  options = parser.parse_args()
  parts: dict[str, list[float]] = {}
  for _ in range(options.times):
    command = [sys.executable, "-c", RUN, options.sound]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for line in said.splitlines():
      seconds, name = line.split("\t")
      parts.setdefault(name, []).append(float(seconds))
  print("| part | processor s |\n|---|---:|")
  medians = {name: statistics.median(found) for name, found in parts.items()}
  for name, median in medians.items():
    print(f"| {name} | {median:.2f} |")
  cold = sum(median for name, median in medians.items() if not name.endswith("again"))
  print(f"| cold, in all | {cold:.2f} |")


if __name__ == "__main__":
  main()
