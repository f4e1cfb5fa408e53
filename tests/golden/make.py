"""Makes the golden files: what synthmatch_jax 0.1.0 built, trained and answered.

They were made once, by that version, and are not to be made again: `tests/test_golden.py` holds
every later version to them. The script stays to show what they are.

    PYTHONPATH=.:datasets python -m tests.golden.make
"""

import json
import platform
import shutil
import tarfile
import tempfile
from pathlib import Path

import massive16.massive16_dataset_builder as massive16
import numpy as np

from synthmatch_jax.bundled import VITAL16
from synthmatch_jax.config import base_config
from synthmatch_jax.generation.record import draw
from synthmatch_jax.inference import Predictor
from synthmatch_jax.training import loop

HERE = Path(__file__).parent
COUNT = 12

OPTIONS = {
  "golden": {"num_examples": COUNT, "seconds": 1.0, "n_mels": 16, "shard_size": 6},
  "standard": {},
  "uniform": {"prior": "uniform", "seed": 3},
  "low": {"pitch": 36, "velocity": 90, "note_seconds": 0.5, "threshold_db": -50.0},
}
"""Name -> options of a build of Vital."""

MODELS = {
  "mlp": {"name": "mlp_tiny", "width": 8, "depth": 1},
  "cnn": {"name": "cnn_tiny", "channels": 4, "width": 8, "depth": 1},
  "ast": {"name": "ast_tiny", "width": 8, "depth": 1, "heads": 1, "head_width": 8},
  "resnet": {"name": "resnet_tiny", "width": 4, "stages": 1, "head_width": 8},
}
"""Workdir -> the model section of its config."""


def options(name: str) -> massive16.Massive16Config:
  """The config of a build."""
  return massive16.Massive16Config(name=name, engine="vital", **OPTIONS[name])


def mels(num_frames: int, num_bins: int) -> np.ndarray:
  """Log-mels that any NumPy makes alike: falling in time and frequency, with ripples."""
  index, t, f = np.ogrid[:COUNT, :num_frames, :num_bins]
  ripple = 9 * ((index * 7 + t * 3 + f * 5) % 11 - 5)
  return (-0.5 * t * (1 + index % 3) - 0.6 * f + ripple).clip(-100, 40).astype(np.float32)


def cpu() -> str:
  """What the machine computes on: the last bits of a network depend on it."""
  lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
  names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
  return names[0] if names else platform.processor()


def main() -> None:
  """Builds, trains, asks."""
  root = Path(tempfile.mkdtemp())
  massive16.Builder(data_dir=root / "data", config=options("golden")).download_and_prepare()
  shutil.rmtree(root / "data" / ".shards")
  answers: dict[str, object] = {"cpu": cpu()}
  for name, model in MODELS.items():
    config = base_config()
    config.data.name, config.data.dir = "massive16/golden", str(root / "data")
    config.model.update(model)
    config.optimizer.learning_rate = 1e-3
    config.train.batch_size, config.train.steps = 4, 4
    loop.train_and_evaluate(config, root / "runs" / name)
    shutil.rmtree(root / "runs" / name / "tensorboard")
  for folder in (VITAL16, *(root / "runs" / name for name in MODELS)):
    predictor = Predictor.load(folder)
    mel = mels(predictor.recipe.num_frames, predictor.recipe.mel.n_mels)
    answers[folder.name] = predictor.predict(mel).tolist()
  for name in OPTIONS:
    recipe = options(name).recipe
    draws = [draw(recipe, index, attempt=1 + index % 2).tolist() for index in range(COUNT)]
    answers[f"{name} recipe"] = {"digest": recipe.digest(), "draws": draws}
  (HERE / "answers.json").write_text(json.dumps(answers) + "\n")
  with tarfile.open(HERE / "golden.tar.xz", "w:xz") as archive:
    for part in ("data", "runs"):
      archive.add(root / part, part)
  shutil.rmtree(root)


if __name__ == "__main__":
  main()
