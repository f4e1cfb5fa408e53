"""Killed for real, a run goes on as if nothing had happened."""

import json
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest

from synthmatch_jax.training import loop

STEPS, EVAL_EVERY, LOG_EVERY = 90, 15, 7

PROGRAM = """
import json, pathlib, sys
from synthmatch_jax.config import base_config
from synthmatch_jax.training import loop
config = base_config()
with config.unlocked():
  config.update(json.loads(sys.argv[1]))
loop.train_and_evaluate(config, pathlib.Path(sys.argv[2]))
"""


def metrics(workdir):
  lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
  return [{k: v for k, v in line.items() if not k.startswith("speed/")} for line in lines]


def array(leaf):
  """As numpy, also the keys of random numbers."""
  is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
  return np.asarray(jax.random.key_data(leaf) if is_key else leaf)


def last_checkpoint(workdir):
  """Everything in the checkpoint of the last step, as numpy arrays."""
  folder = workdir / "checkpoints" / str(STEPS)
  reader = ocp.StandardCheckpointer()
  trees = {item: reader.restore(folder / item) for item in ("model", "optimizer")}
  reader.close()
  return jax.tree.map(array, trees)


def killed_after_its_first_checkpoint(config, workdir):
  arguments = [sys.executable, "-c", PROGRAM, json.dumps(config.to_dict()), str(workdir)]
  child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
  deadline = time.monotonic() + 120
  first = workdir / "checkpoints" / str(EVAL_EVERY)
  while not first.exists() and child.poll() is None and time.monotonic() < deadline:
    time.sleep(0.002)
  child.send_signal(signal.SIGKILL)
  assert child.wait() == -signal.SIGKILL
  assert not (workdir / "checkpoints" / str(STEPS)).exists()


@pytest.mark.parametrize(
  ("model", "overrides"),
  [
    ("mlp_tiny", {}),  # Running statistics and dropout.
    ("ast_tiny", {"dropout": 0.1, "depth": 1}),
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
