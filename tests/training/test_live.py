"""Training on sounds that are rendered meanwhile."""

import json
import shutil

import pytest

from synthmatch_jax.data import growing
from synthmatch_jax.errors import UserError
from synthmatch_jax.training import loop
from synthmatch_jax.training.run import Run


@pytest.fixture
def live_config(make_config, tmp_path):
  """A config of a live run, and the folder of a build that has finished one of two shards."""
  config = make_config("mlp_tiny", steps=8, eval_every=4, log_every=2)
  config.data.live, config.data.shards = True, str(tmp_path / "shards")
  shutil.copytree(f"{config.data.dir}/{growing.SHARDS}", config.data.shards)
  for path in (tmp_path / "shards").rglob("train-000001-*"):
    path.rename(path.with_name(f"later-{path.name}"))
  return config


def finish(folder):
  for path in folder.rglob("later-*"):
    path.rename(path.with_name(path.name.removeprefix("later-")))


def metrics(workdir):
  lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
  timed = ("speed/", "live/rendered")
  return [{k: v for k, v in line.items() if not k.startswith(timed)} for line in lines]


def test_a_live_run_takes_in_new_sounds_and_can_be_made_again(live_config, tmp_path, capsys):
  grown, again = tmp_path / "grown", tmp_path / "again"
  loop.train_and_evaluate(live_config, grown)
  assert "trained on those of a build under way, 24 so far" in capsys.readouterr().out
  finish(tmp_path / "shards")
  live_config.train.steps = 32  # Batches are read some ten steps ahead.
  loop.train_and_evaluate(live_config, grown)
  assert "48 sounds, each heard 5.3 times" in capsys.readouterr().err
  heard = [line["live/sounds"] for line in metrics(grown)]
  assert sorted(set(heard)) == [24, 48]
  again.mkdir()
  shutil.copy(grown / growing.FILE, again)
  loop.train_and_evaluate(live_config, again)
  assert metrics(again) == metrics(grown)


def test_a_live_run_has_steps_and_no_epochs(live_config):
  live_config.train.steps = None
  with pytest.raises(UserError, match=r"data\.live has neither epochs .* set train\.steps"):
    Run.open(live_config)
