"""Builds a data set: `python -m synthmatch_jax.build massive16 [--data_dir=D] [--config=JSON]`.

This is TFDS's own command, `tfds build datasets/massive16`, for the data sets that come along, and
for a folder with a builder of yours. The options of a data set are in its README.md, beside its
builder. The same command goes on after a kill.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from absl import flags

from synthmatch_jax import bundled, cli, extras
from synthmatch_jax.errors import UserError

_DATA_DIR = cli.define_path(
  "data_dir", None, "Where data sets are; the default is TFDS's (TFDS_DATA_DIR)."
)
_CONFIG = flags.DEFINE_string(
  "config", None, """The options as JSON, e.g. '{"name": "mine", "num_examples": 10000}'."""
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace a data set that is there.")
_BEAM = flags.DEFINE_string(
  "beam_pipeline_options", None, "Options of Beam, whose runner then renders (docs/scaling.md)."
)


def main(arguments: Sequence[str]) -> int:
  """Builds the data set named on the command line."""
  if len(arguments) != 1:
    raise UserError("name one data set: build massive16 [--data_dir=D] [--config=JSON]")
  folder = bundled.builder(arguments[0])
  config = _CONFIG.value or ""
  if config.lstrip().startswith("{"):
    try:
      json.loads(config)
    except ValueError as error:
      raise UserError(f"--config is no JSON ({error}); mind the quotes of your shell") from None
  extras.need("build", "a build")
  values = {
    "data_dir": _DATA_DIR.value,
    "config": _CONFIG.value,
    "beam_pipeline_options": _BEAM.value,
  }
  options = [f"--{name}={value}" for name, value in values.items() if value is not None]
  options += ["--overwrite"] if _OVERWRITE.value else []
  # A program of its own, as it defines the flags of these names itself.
  module = "tensorflow_datasets.scripts.cli.main"
  command = [sys.executable, "-m", module, "build", str(folder.resolve()), *options]
  environment = {"TF_CPP_MIN_LOG_LEVEL": "3"} | os.environ | {"PYTHONSAFEPATH": "1"}
  if sys.platform == "win32":  # There, nobody waits for a program that replaces another.
    return subprocess.call(command, env=environment)
  os.execve(sys.executable, command, environment)


if __name__ == "__main__":
  cli.run(main)
