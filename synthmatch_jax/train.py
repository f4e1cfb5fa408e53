"""Trains a model: `python -m synthmatch_jax.train --config=configs/ast.py --workdir=W`.

Writes W/config.json, W/data.json, W/checkpoints/, W/metrics.jsonl and W/tensorboard/. The same
command goes on after a kill.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags
from ml_collections import config_flags

from synthmatch_jax import cli
from synthmatch_jax.errors import UserError

_CONFIG = config_flags.DEFINE_config_file(
  "config", None, "Recipe, e.g. configs/ast.py:runlocal; --config.FIELD=... changes a field."
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run.")


def main(arguments: Sequence[str]) -> None:
  """Trains what the flags say."""
  if arguments:
    raise UserError(f"unexpected {arguments[0]!r}; train takes flags only, as --workdir=W")
  if _CONFIG.value is None:
    raise UserError("no --config; name a recipe, e.g. --config=configs/ast.py:runlocal")
  try:
    _CONFIG.value.lock()
  except OSError as error:  # A file that could not be read speaks up when it is used.
    raise UserError(cli.explain(error)) from None
  if not _WORKDIR.value:
    raise UserError("no --workdir; name a folder for the run, e.g. --workdir=runs/ast")
  # Here, so that a mistyped flag is answered at once and not after the seconds that JAX takes.
  from synthmatch_jax.training import loop

  loop.train_and_evaluate(_CONFIG.value, Path(_WORKDIR.value))


if __name__ == "__main__":
  cli.run(main)
