"""What users get wrong, through the real command: one sentence, a status, no traceback."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.inference import Predictor
from synthmatch_jax.training import checkpoints, loop, workdir
from synthmatch_jax.training.run_log import MetricLog

ROOT = Path(__file__).parents[2]


def train(*arguments, **environment):
  return subprocess.run(
    [sys.executable, "-m", "synthmatch_jax.train", *map(str, arguments)],
    cwd=ROOT,
    env=os.environ | environment,
    capture_output=True,
    text=True,
  )


def refused(ended):
  """The sentence of a run that was refused."""
  assert ended.returncode in (1, 2)
  assert ended.stdout == ""
  (line,) = ended.stderr.splitlines()
  assert line.startswith("train: error: ")
  return line


def test_mistakes_on_the_command_line(tmp_path):
  ast = "--config=configs/ast.py:runlocal"
  mistyped = refused(train(ast, "--config.optimizer.lerning_rate=1", f"--workdir={tmp_path}"))
  assert "lerning_rate" in mistyped and "did you mean 'learning_rate'" in mistyped
  assert "'nope'" in refused(train(ast, "--config.nope=1"))
  assert "/no/such/config.py" in refused(train("--config=/no/such/config.py"))
  assert "configs/ast.py:runlocal" in refused(train("--config=configs/ast.py:huge"))
  assert "--workdir" in refused(train(ast))
  assert "--config" in refused(train(f"--workdir={tmp_path}"))
  assert "seed" in refused(train(ast, "--config.seed=x"))
  assert "wrokdir" in refused(train(ast, f"--wrokdir={tmp_path}"))
  assert "'stray'" in refused(train(ast, "stray", f"--workdir={tmp_path}"))


def test_a_missing_data_set(tmp_path):
  sentence = refused(
    train("--config=configs/mlp.py", f"--workdir={tmp_path / 'w'}", TFDS_DATA_DIR=str(tmp_path))
  )
  assert f"no data set massive16/standard in {tmp_path}" in sentence
  assert "synthmatch build massive16" in sentence
  assert not (tmp_path / "w").exists()


def test_the_command_trains_refuses_another_config_and_goes_on(tiny_dataset, tmp_path):
  flags = (
    "--config=configs/mlp.py:runlocal",
    f"--config.data.dir={tiny_dataset.dir}",
    f"--config.data.name={tiny_dataset.name}",
    "--config.model.width=16",
    "--config.train.batch_size=8",
    f"--workdir={tmp_path}",
  )
  cache = {"JAX_COMPILATION_CACHE_DIR": "", "XDG_CACHE_HOME": str(tmp_path / "cache")}
  first = train(*flags, "--config.train.steps=2", **cache)
  assert first.returncode == 0, first.stderr
  assert list((tmp_path / "cache" / "synthmatch_jax" / "jax").iterdir())  # Compiled once for all.
  assert "lowest validation loss" in first.stdout
  # Nothing of JAX, Orbax or TensorBoard between the lines: one a validation.
  assert [line.split(":")[0] for line in first.stderr.splitlines()] == ["step 2/2"]

  other = refused(train(*flags, "--config.train.steps=2", "--config.optimizer.learning_rate=0.1"))
  assert "optimizer.learning_rate was 0.0003 and is 0.1" in other
  again = train(*flags, "--config.train.steps=2", "--config.train.log_every=1")
  assert (again.returncode, again.stderr) == (0, "")
  assert "training is finished" in again.stdout


@pytest.mark.slow
def test_the_full_size_command_takes_its_first_step(tiny_dataset, tmp_path):
  """As docs/accelerators.md has it, but for the width and depth of the model."""
  said = train(
    "--config=configs/ast.py",
    f"--workdir={tmp_path}",
    "--config.model.dtype=bfloat16",
    *("--config.model.width=48", "--config.model.heads=3", "--config.model.depth=1"),
    *("--config.model.head_width=16", "--config.train.batch_size=8", "--config.train.steps=1"),
    f"--config.data.dir={tiny_dataset.dir}",
    f"--config.data.name={tiny_dataset.name}",
  )
  assert said.returncode == 0, said.stderr
  assert "trained 1 steps" in said.stdout
  predictor = Predictor.load(tmp_path)
  assert predictor.arguments == {
    "name": "ast_base",
    "dtype": "bfloat16",
    "width": 48,
    "heads": 3,
    "depth": 1,
    "head_width": 16,
  }
  mel, _ = tiny_dataset.open().read("test")
  assert predictor.predict(mel).shape == (6, 16)


def test_a_run_of_a_time_with_fewer_fields_goes_on(tiny_dataset, make_config, tmp_path, capsys):
  """What is new is at its default, which is what the run was made with."""
  config = make_config("mlp_tiny", steps=2)
  loop.train_and_evaluate(config, tmp_path)
  path = tmp_path / "config.json"
  older = json.loads(path.read_text())
  del older["digest"]
  for section, key in (("model", "dtype"), ("masking", "bin_width"), ("train", "accumulate")):
    del older[section][key]
  path.write_text(json.dumps(older))
  capsys.readouterr()
  loop.train_and_evaluate(config, tmp_path)
  assert "training is finished" in capsys.readouterr().out
  path.write_text(json.dumps(older))
  with pytest.raises(UserError, match=r"train\.accumulate was 1 and is 2"):
    loop.train_and_evaluate(make_config("mlp_tiny", steps=2, accumulate=2), tmp_path)


@pytest.mark.parametrize(
  ("name", "harm", "said"),
  [
    ("config.json", lambda text: text[:-9], "config.json is damaged"),
    ("data.json", lambda text: "", "data.json is damaged"),
    (
      "data.json",
      lambda text: text.replace('"level_db": -', '"level_db": '),
      "its checksum is not",
    ),
    (
      "data.json",
      lambda text: text.replace('"mel_std": ', '"mel_std": 1'),
      "its checksum is not",
    ),
    ("data.json", lambda text: text.replace('"statistics": {', '"st": {'), "is damaged"),
    ("data.json", lambda text: text.replace('"pitch": 60', '"pitch": 61'), "its checksum is not"),
    ("config.json", lambda text: text.replace('"seed": ', '"seed": 1'), "its checksum is not"),
    ("config.json", lambda text: text.replace('"digest"', '"digesu"'), "unknown entry digesu"),
    ("metrics.jsonl", lambda text: text.replace(":", ";", 1), "metrics.jsonl is damaged"),
  ],
)
def test_a_damaged_file_of_a_run_gets_a_sentence(make_config, tiny_run, tmp_path, name, harm, said):
  run = shutil.copytree(tiny_run, tmp_path / "run")
  text = (run / name).read_text()
  assert harm(text) != text
  (run / name).write_text(harm(text))
  config = make_config("ast_tiny", steps=12)
  with pytest.raises(UserError, match=said):
    loop.train_and_evaluate(config, run)
  if name != "metrics.jsonl":
    with pytest.raises(UserError, match=said):
      Predictor.load(run)


def test_a_data_set_that_was_built_anew_is_refused(tiny_dataset, make_config, tmp_path):
  dataset, config = tiny_dataset.open(), make_config("mlp_tiny")
  workdir.prepare(tmp_path, config, dataset)
  (tmp_path / "checkpoints" / "7").mkdir(parents=True)
  workdir.prepare(tmp_path, config, dataset)
  reseeded = dataclasses.replace(dataset, recipe=dataclasses.replace(dataset.recipe, seed=9))
  grown = dataclasses.replace(dataset, sources=dict(dataset.sources) | {"train": [b""] * 99})
  with pytest.raises(UserError, match=r"recipe\.seed was 0 and is 9"):
    workdir.prepare(tmp_path, config, reseeded)
  with pytest.raises(UserError, match=r"num_examples\.train was 48 and is 99"):
    workdir.prepare(tmp_path, config, grown)


def test_a_folder_without_checkpoint_takes_any_config(tiny_dataset, make_config, tmp_path):
  """Nothing is lost, so nobody is told to take another folder."""
  for model in ("mlp_tiny", "ast_tiny"):
    workdir.prepare(tmp_path, make_config(model), tiny_dataset.open())
    assert workdir.read(tmp_path)[0]["model"]["name"] == model


def test_two_trainings_in_one_folder(tmp_path):
  with (
    workdir.claim(tmp_path),
    pytest.raises(UserError, match="another training is at work"),
    workdir.claim(tmp_path),
  ):
    pass
  with workdir.claim(tmp_path):
    pass  # Free again.


def test_a_folder_that_cannot_be_written(tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(UserError, match="cannot be written"), workdir.claim(tmp_path / "file"):
    pass


def test_no_model_to_load(tiny_dataset, make_config, tmp_path):
  with pytest.raises(UserError, match=r"no trained model in .*synthmatch_jax\.train"):
    Predictor.load(tmp_path / "nowhere")
  workdir.prepare(tmp_path, make_config("mlp_tiny"), tiny_dataset.open())
  with pytest.raises(UserError, match="no finished checkpoint"):
    Predictor.load(tmp_path)
  with checkpoints.Checkpoints(workdir.checkpoints(tmp_path)):
    pass
  with pytest.raises(UserError, match="no finished checkpoint"):
    Predictor.load(tmp_path)


def test_the_log_is_cut_where_a_run_goes_on(tmp_path):
  with MetricLog(tmp_path, step=0) as log:
    for step in (1, 2, 3):
      log.write(step, {"train/loss": step / 10})
  path = tmp_path / "metrics.jsonl"
  whole = path.read_text().splitlines(keepends=True)
  path.write_text("".join(whole) + '{"step": 4, "tr')
  with MetricLog(tmp_path, step=2) as log:
    log.write(3, {"train/loss": 0.5})
  assert path.read_text().splitlines(keepends=True)[:2] == whole[:2]
  assert json.loads(path.read_text().splitlines()[2]) == {"step": 3, "train/loss": 0.5}


def contents(folder):
  """Returns the bytes of all files but the lock."""
  paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock")
  return {path: path.read_bytes() for path in paths}


@pytest.mark.parametrize(
  "away",
  [
    "gone",
    pytest.param("a link to a drive that is away", marks=pytest.mark.slow),
    pytest.param("nothing but damaged", marks=pytest.mark.slow),
  ],
)
def test_a_run_whose_checkpoints_are_away_is_not_begun_anew(make_config, tmp_path, away):
  config, run = make_config("mlp_tiny", steps=2), tmp_path / "run"
  loop.train_and_evaluate(config, run)
  folder = run / "checkpoints"
  if away == "nothing but damaged":
    (folder / "2").rename(folder / "damaged-2")
  else:
    folder.rename(tmp_path / "drive")
  if away.startswith("a link"):
    folder.symlink_to(tmp_path / "unplugged")
  before = contents(run)
  said = "cannot be read now" if away.startswith("a link") else "put the checkpoints back"
  with pytest.raises(UserError, match=said):
    loop.train_and_evaluate(config, run)
  assert contents(run) == before


@pytest.mark.slow
def test_a_pipe_as_the_log_is_not_waited_for(make_config, tmp_path):
  config = make_config("mlp_tiny", steps=2)
  loop.train_and_evaluate(config, tmp_path)
  (tmp_path / "metrics.jsonl").unlink()
  os.mkfifo(tmp_path / "metrics.jsonl")
  with pytest.raises(UserError, match=r"metrics\.jsonl cannot be read .*no regular file"):
    loop.train_and_evaluate(config, tmp_path)
