"""Trains a model: `python -m synthmatch_jax.train --config=configs/ast.py --workdir=W`.

Writes W/config.json, W/data.json, W/checkpoints/, W/metrics.jsonl, W/validation.md and
W/tensorboard/. The same command goes on after a kill. With `--seeds=0,1,2` it trains one run
for each seed, in W/seed0, W/seed1 and W/seed2, and writes a summary to W/sweep.md.
"""

import sys
from typing import Any

from absl import flags

from synthmatch_jax import bundled, cli, extras, startup
from synthmatch_jax.errors import UserError

try:
  extras.need("train", "training")
  from ml_collections import config_flags
except UserError as error:
  sys.exit(cli.say_error("train", error, 1))


class _Recipes(flags.ArgumentParser):
  """Lets a parser of configs read a recipe of the user, or one that comes along."""

  def __init__(self, usual: flags.ArgumentParser):
    self._usual = usual

  def parse(self, argument: str) -> Any:
    return self._usual.parse(bundled.recipe(argument))


_CONFIG = config_flags.DEFINE_config_file(
  "config", None, "A config, e.g. configs/ast.py:runlocal; --config.FIELD=... changes a field."
)
flags.FLAGS["config"].parser = _Recipes(flags.FLAGS["config"].parser)
_WORKDIR = cli.define_path("workdir", None, "The folder of the run.")
_SEEDS = flags.DEFINE_list("seeds", [], "Seeds: a run is trained for each, in a folder of its own.")
_DISTRIBUTED = flags.DEFINE_string(
  "distributed",
  None,
  "HOST:PORT of the first of several processes that train together, or auto on a TPU, Slurm, Open"
  " MPI or Kubernetes.",
)
_PROCESSES = flags.DEFINE_integer("processes", None, "The number of processes, unless auto.")
_PROCESS = flags.DEFINE_integer("process", None, "The index of this process, from 0, unless auto.")

# The exit status by which a shell says that SIGTERM has ended a program.
_TERMINATED = 128 + 15


def main() -> int:
  """Trains the model that the flags describe."""
  if _CONFIG.value is None:
    raise UserError("no --config; name one, e.g. --config=configs/ast.py:runlocal")
  try:
    _CONFIG.value.lock()
  except OSError as error:  # A file that could not be read raises when it is first used.
    raise UserError(cli.explain(error)) from None
  if not _WORKDIR.value:
    raise UserError("no --workdir; name a folder for the run, e.g. --workdir=runs/ast")
  if not all(seed.isdecimal() for seed in _SEEDS.value):
    raise UserError(f"--seeds takes whole numbers, e.g. 0,1,2, not {','.join(_SEEDS.value)}")
  if not _DISTRIBUTED.value and (_PROCESSES.value, _PROCESS.value) != (None, None):
    raise UserError("--processes and --process need --distributed=HOST:PORT of the first process")
  # Imported late, so that a mistyped flag is answered before JAX is loaded, which takes seconds.
  from synthmatch_jax.training import loop, parallel, sweep

  startup.keep_compiled()
  if _DISTRIBUTED.value:
    parallel.join(_DISTRIBUTED.value, num_processes=_PROCESSES.value, process=_PROCESS.value)
  workdir = _WORKDIR.value
  if _SEEDS.value:
    finished = sweep.over_seeds(_CONFIG.value, workdir, [int(seed) for seed in _SEEDS.value])
  else:
    finished = loop.train_and_evaluate(_CONFIG.value, workdir)
  return 0 if finished else _TERMINATED


if __name__ == "__main__":
  cli.run_flags(main, like="--workdir=W")
