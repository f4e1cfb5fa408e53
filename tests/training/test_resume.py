"""Killed for real, a run goes on as if nothing had happened."""

import json
import re
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.training import loop

STEPS, EVAL_EVERY, LOG_EVERY = 90, 15, 7

PROGRAM = """
import json, pathlib, sys
from synthmatch_jax.config import base_config
from synthmatch_jax.errors import UserError
from synthmatch_jax.training import loop
config = base_config()
with config.unlocked():
  config.update(json.loads(sys.argv[1]))
loop.train_and_evaluate(config, pathlib.Path(sys.argv[2]))
"""


def metrics(workdir):
  lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
  return [{k: v for k, v in line.items() if not k.startswith("speed/")} for line in lines]


def logged(workdir):
  path = workdir / "metrics.jsonl"
  return path.exists() and path.stat().st_size > 0


def saved(workdir):
  """The step of the newest checkpoint."""
  return max(
    (int(p.name) for p in (workdir / "checkpoints").glob("*") if p.name.isdigit()), default=0
  )


def array(leaf):
  """As numpy, also the keys of random numbers."""
  is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
  return np.asarray(jax.random.key_data(leaf) if is_key else leaf)


def last_checkpoint(workdir, step=STEPS):
  """Everything in the checkpoint of the last step, as numpy arrays."""
  folder = workdir / "checkpoints" / str(step)
  reader = ocp.StandardCheckpointer()
  trees = {item: reader.restore(folder / item) for item in ("model", "optimizer")}
  reader.close()
  return jax.tree.map(array, trees)


def start(config, workdir):
  arguments = [sys.executable, "-c", PROGRAM, json.dumps(config.to_dict()), str(workdir)]
  return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def killed_after_its_first_checkpoint(config, workdir):
  child = start(config, workdir)
  deadline = time.monotonic() + 120
  first = workdir / "checkpoints" / str(EVAL_EVERY)
  while not first.exists() and child.poll() is None and time.monotonic() < deadline:
    time.sleep(0.002)
  child.send_signal(signal.SIGKILL)
  child.communicate()
  assert child.returncode == -signal.SIGKILL
  assert not (workdir / "checkpoints" / str(STEPS)).exists()


@pytest.mark.parametrize(
  ("model", "overrides"),
  [
    ("mlp_tiny", {}),  # Running statistics and dropout.
    pytest.param("ast_tiny", {"dropout": 0.1, "depth": 1}, marks=pytest.mark.slow),
  ],
)
def test_a_killed_run_ends_with_the_same_bits(make_config, tmp_path, model, overrides):
  config = make_config(
    model, overrides=overrides, steps=STEPS, eval_every=EVAL_EVERY, log_every=LOG_EVERY
  )
  whole, killed = tmp_path / "whole", tmp_path / "killed"
  killed_after_its_first_checkpoint(config, killed)
  with (killed / "metrics.jsonl").open("a") as file:
    file.write('{"step": 89, "train/lo')  # A line that a kill has torn.
  loop.train_and_evaluate(config, killed)
  loop.train_and_evaluate(config, whole)

  assert metrics(killed) == metrics(whole)
  steps = [line["step"] for line in metrics(whole)]
  assert steps == [s for s in range(1, STEPS + 1) if s % LOG_EVERY == 0 or s % EVAL_EVERY == 0]
  tree, expected = map(last_checkpoint, (killed, whole))
  jax.tree.map(np.testing.assert_array_equal, tree, expected)


def test_a_run_that_is_told_to_stop_saves_first_and_goes_on(make_config, tmp_path):
  """SIGTERM, as from a cluster that takes its machine back; far from any validation."""
  config = make_config("mlp_tiny", steps=200_000, eval_every=100_000, log_every=7)
  told = tmp_path / "told"
  child = start(config, told)
  deadline = time.monotonic() + 120
  while not logged(told) and time.monotonic() < deadline:
    time.sleep(0.01)
  child.send_signal(signal.SIGTERM)
  said, _ = child.communicate(timeout=60)
  assert child.returncode == 0  # The binary makes 143 of it; see test_errors.
  step = int(re.search(r"ended by a signal after step (\d+); the same command", said)[1])
  assert [path.name for path in (told / "checkpoints").iterdir()] == [str(step)]

  config.train.steps, config.train.eval_every = step + 20, 100_000
  with pytest.raises(UserError, match=r"train\.eval_every"):
    loop.train_and_evaluate(make_config("mlp_tiny", steps=step + 20, log_every=7), told)
  loop.train_and_evaluate(config, told)
  loop.train_and_evaluate(config, tmp_path / "whole")
  assert metrics(told) == metrics(tmp_path / "whole")


@pytest.mark.slow
def test_ten_kills_at_any_moment_change_no_bit(make_config, tmp_path):
  config = make_config(
    "ast_tiny",
    overrides={"dropout": 0.1, "depth": 1},
    steps=STEPS * 20,
    eval_every=EVAL_EVERY * 4,
    log_every=LOG_EVERY,
    save_every=10,
    average_decay=0.9,
    accumulate=2,
  )
  killed, whole = tmp_path / "killed", tmp_path / "whole"
  rng, went_on_from = np.random.default_rng(0), set()
  for number in range(10):
    child, before, limit = start(config, killed), saved(killed), time.monotonic() + 120
    if number % 2:  # At work,
      while saved(killed) == before and child.poll() is None and time.monotonic() < limit:
        time.sleep(0.002)
      time.sleep(rng.uniform(0, 0.3))
    else:  # or at any moment from its start on.
      time.sleep(rng.uniform(0, 6))
    child.kill()
    said, _ = child.communicate()
    assert child.returncode == -signal.SIGKILL
    went_on_from |= set(re.findall(r"going on from step (\d+)", said))
  assert len(went_on_from) > 2
  loop.train_and_evaluate(config, killed)
  loop.train_and_evaluate(config, whole)
  assert metrics(killed) == metrics(whole)
  last = [last_checkpoint(folder, step=STEPS * 20) for folder in (killed, whole)]
  jax.tree.map(np.testing.assert_array_equal, *last)


@pytest.mark.slow
def test_a_run_can_be_made_longer_and_ends_as_if_it_had_been_so_from_the_start(
  make_config, tmp_path, capsys
):
  short, long = (
    make_config("mlp_tiny", steps=steps, eval_every=10, log_every=5) for steps in (20, 40)
  )
  loop.train_and_evaluate(short, tmp_path / "grown")
  capsys.readouterr()
  loop.train_and_evaluate(short, tmp_path / "grown")
  assert "training is finished: 20 of 20 steps" in capsys.readouterr().out
  loop.train_and_evaluate(long, tmp_path / "grown")
  loop.train_and_evaluate(long, tmp_path / "whole")
  assert metrics(tmp_path / "grown") == metrics(tmp_path / "whole")
