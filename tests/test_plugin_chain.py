"""From a plugin that nobody has described to a matched sound, by the commands of the docs alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin import build, third_party

NAMES = ("Testbed", *third_party.NAMES)
SOUND = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def bundles(request, testbed) -> dict[str, Path]:
  if reason := third_party.why_not():
    (pytest.fail if build.is_debian() else pytest.skip)(reason)
  others = third_party.build(Path(request.config.cache.mkdir("third_party")))
  return {"Testbed": testbed, **others}


def run(*command, cwd):
  done = subprocess.run(
    [str(part) for part in command],
    cwd=cwd,
    env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stdout + done.stderr
  return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_probe_build_train_eval_match(bundles, tmp_path, name):
  root = Path(__file__).parents[1]
  python, tfds = sys.executable, Path(sys.executable).parent / "tfds"
  file, data, workdir, out = (tmp_path / n for n in ("plugin.json", "data", "run", "out"))
  print(run(python, "-m", "synthmatch_jax.probe", bundles[name], "--out", file, cwd=root))
  config = {"name": "chain", "engine": str(file), "plugin": str(bundles[name])}
  config |= {"num_examples": 300, "shard_size": 30, "seconds": 1.0, "note_seconds": 0.5}
  run(
    *(tfds, "build", "datasets/massive16", "--data_dir", data, "--config", json.dumps(config)),
    cwd=root,
  )
  run(
    *(python, "-m", "synthmatch_jax.train", "--config=configs/mlp.py:runlocal"),
    *(f"--workdir={workdir}", f"--config.data.dir={data}", "--config.data.name=massive16/chain"),
    *("--config.train.epochs=3", "--config.train.batch_size=16"),
    cwd=root,
  )
  plugin = f"--plugin={bundles[name]}"
  run(python, "-m", "synthmatch_jax.eval", f"--workdir={workdir}", plugin, cwd=root)
  results = json.loads((workdir / "eval" / "test" / "results.json").read_text())
  convergence = {row: m["spectral_convergence"]["mean"] for row, m in results["rows"].items()}
  print(name, convergence)
  assert results["num_examples"] == 30
  assert convergence["oracle"] < 1e-3 < convergence["model"]
  sound = sorted(SOUND.glob("*.flac"))[0]
  run(
    *(python, "-m", "synthmatch_jax.match", sound, f"--workdir={workdir}", f"--out={out}", plugin),
    cwd=root,
  )
  assert list(out.glob("*/*.vstpreset"))
  assert (out / "index.html").exists()
