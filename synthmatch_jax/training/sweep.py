"""Trains one config with several seeds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from synthmatch_jax import files
from synthmatch_jax.config import Config
from synthmatch_jax.training import loop, parallel, run_log
from synthmatch_jax.training.validation import LOSS


def over_seeds(config: Config, workdir: Path, seeds: Sequence[int]) -> bool:
  """Trains a run for each seed in `workdir`/seedN, one after the other, and writes sweep.md.

  Runs that are finished are not trained again. For exceptions see `loop.train_and_evaluate`.

  Returns:
    Whether all runs are finished.
  """
  best: dict[int, float] = {}
  for seed in seeds:
    own = config.copy_and_resolve_references()
    own.seed = seed
    folder = workdir / f"seed{seed}"
    if not loop.train_and_evaluate(own, folder):
      return False
    best[seed] = min(line[LOSS] for line in run_log.read(folder) if LOSS in line)
  if parallel.is_first():
    table = _table(best)
    files.write_text(workdir / "sweep.md", table + "\n")
    print(table)
  return True


def _table(best: dict[int, float]) -> str:
  values = np.array(list(best.values()))
  lines = ["| seed | lowest validation loss |", "|---|---:|"]
  lines += [f"| {seed} | {value:.5f} |" for seed, value in best.items()]
  spread = f" ± {values.std(ddof=1):.5f}" if values.size > 1 else ""
  return "\n".join(
    [*lines, f"| mean{' ± deviation' if spread else ''} | {values.mean():.5f}{spread} |"]
  )
