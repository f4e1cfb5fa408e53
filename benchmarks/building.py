"""Builds a data set without TensorFlow, which TFDS's command needs and TFDS itself does not.

    python -m benchmarks.building massive16 --data_dir=D --config='{"name": "mine", ...}'

The arguments are those of `synthmatch build`, and so are the files.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthmatch_jax import bundled


def command(data_dir: Path, options: Mapping[str, Any]) -> list[str]:
  """Returns the command that builds a data set of massive16; its name is among the options."""
  words = ["benchmarks.building", "massive16", f"--data_dir={data_dir}"]
  return [sys.executable, "-m", *words, f"--config={json.dumps(dict(options))}"]


def main() -> None:
  """Builds the data set."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("dataset", help="a name, e.g. massive16, or the folder of a builder")
  parser.add_argument("--data_dir", required=True, help="folder of the data sets")
  parser.add_argument("--config", type=json.loads, required=True, help="the options, as JSON")
  options = parser.parse_args()
  folder = bundled.builder(options.dataset)
  sys.path.insert(0, str(folder.parent))
  builder = importlib.import_module(f"{folder.name}.{folder.name}_dataset_builder").Builder
  config = builder.builder_config_cls(**options.config)
  builder(data_dir=options.data_dir, config=config).download_and_prepare()


if __name__ == "__main__":
  main()
