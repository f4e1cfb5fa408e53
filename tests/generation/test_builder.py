"""A data set of one's own is a folder with a few lines."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from synthmatch_jax.data import pipeline
from synthmatch_jax.synths import description
from tests.synths.remote import instrument

TFDS = Path(sys.executable).parent / "tfds"
ROOT = Path(__file__).parents[2]

BUILDER = '''
"""Short sounds of the test instrument."""

import dataclasses

import tensorflow_datasets as tfds

from synthmatch_jax.generation.builder import SoundsBuilder
from synthmatch_jax.generation.options import Options


@dataclasses.dataclass(eq=False, kw_only=True)
class BleepsConfig(Options):
  engine: str = "ENGINE"
  seconds: float = 0.5


class Builder(SoundsBuilder):
  VERSION = tfds.core.Version("1.2.3")
  RELEASE_NOTES = {"1.2.3": "The first one."}
  builder_config_cls = BleepsConfig
  BUILDER_CONFIGS = [BleepsConfig(name="standard")]
'''


@pytest.mark.slow
def test_another_data_set_of_another_engine_is_a_few_lines(testbed, tmp_path):
  engine = description.write(instrument(name="bleeper"), tmp_path / "bleeper.json")
  folder = tmp_path / "bleeps"
  folder.mkdir()
  assert len(BUILDER.strip().splitlines()) < 25
  (folder / "bleeps_dataset_builder.py").write_text(BUILDER.replace("ENGINE", str(engine)))
  (folder / "README.md").write_text("Bleeps.")
  options = {"name": "few", "num_examples": 20, "shard_size": 8, "plugin": str(testbed)}
  command = [TFDS, "build", folder, f"--data_dir={tmp_path}", f"--config={json.dumps(options)}"]
  done = subprocess.run(command, capture_output=True, text=True, check=False)
  assert done.returncode == 0, done.stderr
  dataset = pipeline.open_dataset("bleeps/few", dir=tmp_path)
  assert dataset.version == "1.2.3"
  assert [dataset.num_examples(s) for s in ("train", "validation", "test")] == [16, 2, 2]
  assert (dataset.recipe.engine, dataset.recipe.seconds) == ("bleeper", 0.5)
  assert len(dataset.read("train")[0]) == 16


def test_only_a_build_imports_the_builder():
  modules = ("data.pipeline", "inspection.inspect", "generation.shards")
  imports = ", ".join(f"synthmatch_jax.{module}" for module in modules)
  program = f"import sys, {imports}; print(*sys.modules)"
  done = subprocess.run(
    [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
  )
  loaded = set(done.stdout.split())
  assert not {"tensorflow", "synthmatch_jax.generation.builder"} & loaded
