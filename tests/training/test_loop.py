import json
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from synthmatch_jax.data import fit_statistics
from synthmatch_jax.errors import UserError
from synthmatch_jax.inference import Predictor
from synthmatch_jax.training import loop, workdir


@pytest.fixture(scope="module")
def metrics():
  def read(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]

  return read


def test_the_predictor_is_the_model_of_the_best_validation(tiny_run, metrics, tiny_dataset):
  losses = {m["step"]: m["validation/loss"] for m in metrics(tiny_run) if "validation/loss" in m}
  predictor = Predictor.load(tiny_run)
  assert predictor.step == min(losses, key=lambda step: losses[step])
  mel, controls = tiny_dataset.open().read("validation")
  estimate = np.asarray(predictor.model(predictor.statistics.normalise(jnp.asarray(mel))))
  assert np.mean((estimate - controls) ** 2) == pytest.approx(losses[predictor.step], rel=1e-5)

  many = np.concatenate([mel] * 7)  # More than one batch, the last one not full.
  expected = np.clip(np.concatenate([estimate] * 7), 0, 1)
  np.testing.assert_allclose(predictor.predict(many), expected, atol=1e-5)
  np.testing.assert_allclose(predictor.predict(mel[:1]), expected[:1], atol=1e-5)
  assert predictor.predict(mel[:0]).shape == (0, controls.shape[1])


def test_metrics_say_what_was_learnt(tiny_run, tiny_dataset, metrics):
  names = tiny_dataset.open().recipe.space.names
  lines = metrics(tiny_run)
  assert [line["step"] for line in lines] == sorted({line["step"] for line in lines})
  last = lines[-1]
  speed = {f"speed/{name}" for name in ("examples_per_second", "step_seconds", "input_wait")}
  assert {"train/loss", "validation/loss", "speed/utilisation"} | speed < set(last)
  assert last["speed/step_seconds"] == pytest.approx(8 / last["speed/examples_per_second"], rel=0.2)
  assert 0 <= last["speed/input_wait"] <= 1 and 0 < last["speed/utilisation"] < 1
  per_control = [last[f"validation/mse/{name}"] for name in names]
  assert np.mean(per_control) == pytest.approx(last["validation/loss"], rel=1e-6)
  assert list((tiny_run / "tensorboard").glob("events.*"))


def test_the_workdir_holds_what_inference_needs(tiny_run, tiny_dataset):
  dataset = tiny_dataset.open()
  config, data = workdir.read(tiny_run)
  assert config["model"]["name"] == "ast_tiny"
  assert data.recipe == dataset.recipe
  assert data.dataset["name"] == "massive16/tiny"
  assert Path(data.dataset["dir"]) == tiny_dataset.dir.absolute()
  assert data.dataset["num_examples"] == {"train": 48, "validation": 6, "test": 6}
  assert data.statistics.to_dict() == fit_statistics.compute(dataset).to_dict()


def test_the_loss_goes_down(make_config, tmp_path, metrics):
  loop.train_and_evaluate(make_config("ast_tiny", epochs=8, trace_at=10), tmp_path)
  assert list((tmp_path / "trace").rglob("*.xplane.pb"))
  losses = [m["train/loss"] for m in metrics(tmp_path)]
  assert losses[-1] < 0.5 * losses[0]
  assert metrics(tmp_path)[-1]["step"] == 8 * 48 // 8
  assert [m["step"] for m in metrics(tmp_path) if "validation/loss" in m] == [*range(6, 49, 6)]


def test_batches_may_be_larger_than_a_split(make_config, tmp_path, metrics):
  loop.train_and_evaluate(make_config("mlp_tiny", batch_size=64, epochs=2), tmp_path)
  assert [m["step"] for m in metrics(tmp_path)] == [1, 2]


def test_a_loss_that_is_no_number_ends_the_run(make_config, tmp_path):
  with pytest.raises(UserError, match=r"no longer a finite number by step \d+; try a lower"):
    loop.train_and_evaluate(make_config("mlp_tiny", learning_rate=1e30, steps=50), tmp_path)


def test_a_validation_that_is_no_number_ends_the_run_before_it_is_saved(make_config, tmp_path):
  config = make_config("mlp_tiny", learning_rate=1e30, steps=1)
  with pytest.raises(UserError, match="validation loss is no finite number any more at step 1"):
    loop.train_and_evaluate(config, tmp_path)
  assert not workdir.has_checkpoint(tmp_path)


def test_the_same_seed_gives_the_same_run_and_another_does_not(make_config, tmp_path, metrics):
  runs = {"one": 0, "same": 0, "other": 1}
  for name, seed in runs.items():
    loop.train_and_evaluate(make_config("mlp_tiny", seed=seed, steps=6), tmp_path / name)
  one, same, other = (metrics(tmp_path / name)[-1]["train/loss"] for name in runs)
  assert one == same != other


def test_training_needs_neither_tensorflow_nor_a_synth(tiny_dataset, tmp_path):
  program = f"""
import pathlib, sys
from synthmatch_jax.config import base_config
from synthmatch_jax.inference import Predictor
from synthmatch_jax.training import loop
config = base_config()
config.data.name, config.data.dir = {tiny_dataset.name!r}, {str(tiny_dataset.dir)!r}
config.model.name, config.train.steps, config.train.batch_size = "mlp_tiny", 3, 8
folder = pathlib.Path({str(tmp_path)!r})
loop.train_and_evaluate(config, folder)
predictor = Predictor.load(folder)
predictor.predict(predictor.dataset().read("test")[0])
found = {{"tensorflow", "torch", "vita", "pedalboard", "synthmatch_jax.synths"}} & set(sys.modules)
assert not found, found
"""
  ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
  assert ended.returncode == 0, ended.stderr


def test_a_run_on_the_first_sounds_alone(make_config, tmp_path):
  config = make_config("mlp_tiny", steps=2)
  config.data.train_examples = 20
  loop.train_and_evaluate(config, tmp_path)
  predictor = Predictor.load(tmp_path)
  assert predictor.statistics.num_examples == 20
  assert predictor.dataset().num_examples("train") == 20
  config.data.train_examples = 24
  with pytest.raises(UserError, match=r"data\.train_examples was 20 and is 24"):
    loop.train_and_evaluate(config, tmp_path)
