"""Follows a training by ear: `python -m synthmatch_jax.follow --workdir=W`, beside the training.

Whenever the run has a new best model, the first validation sounds and the model's answers to them
are rendered, as sounds and pictures in TensorBoard. Training itself needs no synth; this does.
"""

import os

from absl import flags

from synthmatch_jax import cli, extras
from synthmatch_jax.errors import UserError

_WORKDIR = cli.define_path("workdir", None, "The folder of the run.", required=True)
_COUNT = flags.DEFINE_integer("count", 4, "The number of sounds to render.", lower_bound=1)
_ONCE = flags.DEFINE_bool("once", False, "Whether to end after the best model that there is now.")
_SECONDS = flags.DEFINE_float("seconds", 15.0, "The time from look to look.", lower_bound=0.1)
_DATA_DIR = cli.define_path("data_dir", None, "The folder of the data set, if it was moved.")
_PLUGIN = cli.define_plugin()
_WORKERS = flags.DEFINE_integer(
  "workers", 1, "Sounds to render at once; 0 is one for each core.", lower_bound=0
)


def main() -> None:
  """Runs until it is interrupted."""
  if _ONCE.value and not _WORKDIR.value.is_dir():
    raise UserError(f"there is no trained model in {_WORKDIR.value} yet; train first")
  extras.need("train", "following a training")
  # The accelerator belongs to the training.
  os.environ.setdefault("JAX_PLATFORMS", "cpu")
  # This stands here so that a mistyped flag is answered at once, before JAX takes its seconds.
  from synthmatch_jax.evaluation import following

  following.follow(
    _WORKDIR.value,
    count=_COUNT.value,
    once=_ONCE.value,
    seconds=_SECONDS.value,
    workers=_WORKERS.value,
    data_dir=_DATA_DIR.value,
    plugin=_PLUGIN.value,
  )


if __name__ == "__main__":
  cli.run_flags(main, like="--workdir=W")
