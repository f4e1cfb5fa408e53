"""Compares several trainings at a time, each on one core, with one training on all cores.

    python -m benchmarks.cores [--rounds=3] [--seconds=5] [ast mlp cnn resnet]

XLA splits an operation over all cores that it is given and waits for the last one, which costs
small models time. Both ways run alternately, in new processes that are bound to their cores; each
runs the training step of `train` on one batch that is already in memory. The numbers are medians
over rounds of the median step of a round.
"""

import argparse
import multiprocessing
import os
import platform
import statistics
import time

import jax
import numpy as np

from benchmarks.task import CONTROLS, MEL, SIZES, STATISTICS
from synthmatch_jax import models
from synthmatch_jax.training import optimizer as optimizers
from synthmatch_jax.training import state as states
from synthmatch_jax.training.step import make_train_step

MODELS = {
  "ast": ("ast_small", 32, {"stride": 16}),
  "mlp": ("mlp", 64, {}),
  "cnn": ("cnn", 64, {}),
  "resnet": ("resnet", 32, {}),
}
"""Name -> model, batch size and arguments, as in the study's recipes."""


def rate(name: str, cores: tuple[int, ...], seconds: float) -> float:
  """Measures examples per second of one training; binds this process to the given cores."""
  os.sched_setaffinity(0, cores)  # Before JAX starts its threads, one per core.
  model, batch_size, arguments = MODELS[name]
  optimizer = optimizers.create("adam", learning_rate=1e-4)
  graphdef, state = states.create(models.create(model, **SIZES, seed=0, **arguments), optimizer)
  step = jax.jit(make_train_step(graphdef, optimizer, STATISTICS), donate_argnums=0)
  rng = np.random.default_rng(0)
  batch = {
    "mel": rng.standard_normal((batch_size, *MEL), np.float32),
    "controls": rng.random((batch_size, CONTROLS), np.float32),
  }
  state, loss = step(state, batch)
  float(loss)
  times, start = [], time.perf_counter()
  while not times or time.perf_counter() < start + seconds:
    before = time.perf_counter()
    state, loss = step(state, batch)
    float(loss)
    times.append(time.perf_counter() - before)
  return batch_size / statistics.median(times)


def together(name: str, parts: list[tuple[int, ...]], seconds: float) -> float:
  """Measures examples per second of simultaneous trainings, one on each part of the cores."""
  with multiprocessing.get_context("spawn").Pool(len(parts)) as pool:
    return sum(pool.starmap(rate, [(name, cores, seconds) for cores in parts], chunksize=1))


def main() -> None:
  """Measures and prints the table."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("models", nargs="*", choices=[*MODELS, []], metavar="MODEL")
  parser.add_argument("--rounds", type=int, default=3, help="number of rounds of each way")
  parser.add_argument("--seconds", type=float, default=5.0, help="length of a round")
  options = parser.parse_args()
  cores = tuple(sorted(os.sched_getaffinity(0)))
  apart = [(core,) for core in cores]
  print(f"{platform.machine()}, {len(cores)} cores; examples a second")
  print("| model | one on all cores | one on each core, together | ratio |")
  print("|---|---:|---:|---:|")
  for name in options.models or MODELS:
    found = [
      (together(name, [cores], options.seconds), together(name, apart, options.seconds))
      for _ in range(options.rounds)
    ]
    one, each = (statistics.median(way) for way in zip(*found, strict=True))
    ratio = statistics.median(b / a for a, b in found)
    print(f"| {name} | {one:.0f} | {each:.0f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
  main()
