"""A model leaves its workdir, and gives the same answers without what training needs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from synthmatch_jax import exported, files
from synthmatch_jax.errors import UserError
from synthmatch_jax.exported import ANSWERED
from synthmatch_jax.inference import Predictor
from synthmatch_jax.matching import confidence
from synthmatch_jax.training import carry, loop, trained

ROOT = Path(__file__).parents[1]
# Flax itself imports optax.
TRAINING = ("orbax", "grain", "tensorflow_datasets", "tensorboardX", "ml_collections", "filelock")


def export(*arguments):
  return subprocess.run(
    [sys.executable, "-m", "synthmatch_jax.export", *map(str, arguments)],
    cwd=ROOT,
    capture_output=True,
    text=True,
  )


@pytest.fixture(scope="module")
def folder(tiny_run, tmp_path_factory):
  """The model of a run that was not evaluated, whatever other tests do with the run."""
  run, out = (tmp_path_factory.mktemp("exported") / name for name in ("run", "model"))
  shutil.copytree(tiny_run, run, ignore=shutil.ignore_patterns("eval"))
  done = export(f"--workdir={run}", f"--out={out}")
  assert done.returncode == 0, done.stderr
  assert f"is in {out}: " in done.stdout
  assert "evaluate it first" in done.stdout
  return out


@pytest.fixture(scope="module")
def mel(tiny_dataset):
  return tiny_dataset.open().read("test")[0]


def test_the_answers_are_those_of_the_live_model(tiny_run, folder, mel):
  live, stored = Predictor.load(tiny_run), Predictor.load(folder)
  np.testing.assert_array_equal(stored.predict(mel), live.predict(mel))
  assert (stored.step, stored.recipe, stored.arguments) == (live.step, live.recipe, live.arguments)


def test_no_path_of_the_machine_is_in_it(folder, tiny_dataset):
  """It is given away; the data set is looked for where data sets are by default."""
  assert str(tiny_dataset.dir) not in "".join(p.read_text() for p in folder.glob("*.[jm]*"))
  assert Predictor.load(folder).data.dataset["dir"] == files.data_dir()


def test_half_the_size_costs_little(tiny_run, folder, mel, tmp_path):
  assert export(f"--workdir={tiny_run}", f"--out={tmp_path}", "--dtype=float16").returncode == 0
  half, whole = (f / "weights.safetensors" for f in (tmp_path, folder))
  assert half.stat().st_size == pytest.approx(whole.stat().st_size / 2, rel=0.05)
  difference = Predictor.load(tmp_path).predict(mel) - Predictor.load(folder).predict(mel)
  assert 0 < np.abs(difference).max() < 2e-3


@pytest.mark.parametrize("name", ["mlp_tiny", pytest.param("cnn_tiny", marks=pytest.mark.slow)])
def test_running_statistics_and_dropout_come_along(make_run, name, mel, tmp_path):
  """Batch normalisation has statistics beside its weights; dropout has random state."""
  assert export(f"--workdir={make_run(name)}", f"--out={tmp_path / 'out'}").returncode == 0
  expected = Predictor.load(make_run(name)).predict(mel)
  np.testing.assert_array_equal(Predictor.load(tmp_path / "out").predict(mel), expected)


@pytest.fixture
def make_run(make_config, tmp_path):
  def make(name):
    loop.train_and_evaluate(make_config(name, steps=3), tmp_path / name)
    return tmp_path / name

  return make


def test_nothing_of_training_is_loaded(folder, mel, tmp_path):
  np.save(tmp_path / "mel.npy", mel)
  program = f"""
import pathlib, sys
for name in {TRAINING}:
  sys.modules[name] = None  # As if it were not installed.
import numpy as np
from synthmatch_jax.inference import Predictor
predictor = Predictor.load(pathlib.Path(sys.argv[1]))
np.save(sys.argv[3], predictor.predict(np.load(sys.argv[2])))
"""
  paths = [folder, tmp_path / "mel.npy", tmp_path / "controls.npy"]
  subprocess.run([sys.executable, "-c", program, *map(str, paths)], check=True, cwd=ROOT)
  expected = Predictor.load(folder).predict(mel)
  np.testing.assert_array_equal(np.load(tmp_path / "controls.npy"), expected)


def test_the_card_says_what_it_is(folder, tiny_dataset):
  card = (folder / "README.md").read_text()
  recipe = tiny_dataset.open().recipe
  for said in ("ast_tiny for vital", "48 train, 6 validation, 6 test", recipe.digest(), "Apache"):
    assert said in card
  assert "learning_rate" in card


def test_an_evaluation_comes_along(tiny_run, tmp_path):
  workdir, out = tmp_path / "run", tmp_path / "out"
  shutil.copytree(tiny_run, workdir)
  step = Predictor.load(workdir).step
  (workdir / "eval" / "test").mkdir(parents=True, exist_ok=True)
  (workdir / "eval" / "test" / "results.json").write_text(
    json.dumps({"step": step, "rows": {}, "title": "t", "num_examples": 30})
  )
  kept = ["model/loudness_spectrum", "model/rms_cosine", f"{ANSWERED}/rms_cosine", "hold_seconds"]
  others = {"mean/mss": np.ones(30), "model/mse/x": np.ones(30), "model/controls": np.ones((30, 2))}
  arrays = {name: np.arange(1.0, 31.0) for name in kept} | others | {"name": np.array(["a"] * 30)}
  np.savez(workdir / "eval" / "test" / "per_sound.npz", **arrays)
  assert export(f"--workdir={workdir}", f"--out={out}").returncode == 0
  found = confidence.reference(out, Predictor.load(out))
  np.testing.assert_array_equal(found.held, np.arange(1.0, 31.0))
  with np.load(out / "eval" / "test" / "per_sound.npz") as arrays:
    assert arrays.files == kept


def test_an_evaluation_of_other_weights_stays_behind(tiny_run, folder, tmp_path):
  workdir, out = tmp_path / "run", tmp_path / "out"
  shutil.copytree(tiny_run, workdir)
  shutil.copytree(folder, out)
  found = trained.load(workdir)
  (workdir / "eval" / "test").mkdir(parents=True, exist_ok=True)
  np.savez(workdir / "eval" / "test" / "per_sound.npz", **{"model/mss": np.arange(30.0)})
  for content in (json.dumps({"step": -1, "rows": {}}), '{"step'):  # Of earlier ones, damaged.
    (workdir / "eval" / "test" / "results.json").write_text(content)
    (out / "eval" / "test").mkdir(parents=True)
    assert not carry.evaluation(workdir, out, found)
    assert not (out / "eval" / "test").exists()


def test_a_folder_of_other_things_is_left_alone(tiny_run, tmp_path):
  (tmp_path / "README.md").write_text("mine")
  found = trained.load(tiny_run)
  with pytest.raises(UserError, match="holds something else than an exported model"):
    exported.write(tmp_path, found, card="")
  assert (tmp_path / "README.md").read_text() == "mine"
  with pytest.raises(UserError, match="is the folder of a run"):
    exported.write(tiny_run, found, card="")
  assert not (tiny_run / "model.json").exists()


def test_nothing_to_export(tmp_path):
  done = export(f"--workdir={tmp_path}", f"--out={tmp_path / 'out'}")
  assert done.returncode == 1
  (line,) = done.stderr.splitlines()
  assert f"no trained model in {tmp_path}" in line
  assert not (tmp_path / "out").exists()
