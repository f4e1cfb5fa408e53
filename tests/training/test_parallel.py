"""One run, spread over devices and processes that this machine's CPU pretends to be."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.inference import Predictor
from synthmatch_jax.training import parallel

ROOT = Path(__file__).parents[2]
STEPS = 6
# Over these steps, sums in another order change the losses by less than this.
TOLERANCE = 1e-5

# Trains one run for every line of arguments: (folder, fields of the config).
PROGRAM = """
import json, pathlib, sys
from synthmatch_jax.config import base_config
from synthmatch_jax.training import loop
for folder, fields in json.loads(sys.argv[1]):
  config = base_config()
  with config.unlocked():
    config.update_from_flattened_dict(fields)
  loop.train_and_evaluate(config, pathlib.Path(folder))
"""


def with_devices(count):
  return os.environ | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={count}"}


@pytest.fixture
def fields(tiny_dataset):
  """Fields of a config: a small AST with dropout, on batches of 16."""

  def make(**more):
    return {
      "data.name": tiny_dataset.name,
      "data.dir": str(tiny_dataset.dir),
      "model.name": "ast_tiny",
      "model.dropout": 0.1,
      "optimizer.learning_rate": 1e-3,
      "train.batch_size": 16,
      "train.steps": STEPS,
      "train.eval_every": 3,
      "train.log_every": 1,
    } | more

  return make


def run(folder, jobs):
  """Trains in a process that has eight devices."""
  named = [(str(folder / name), config) for name, config in jobs]
  program = [sys.executable, "-c", PROGRAM, json.dumps(named)]
  subprocess.run(program, env=with_devices(8), check=True, cwd=ROOT)


def losses(folder):
  lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
  return np.array([line["train/loss"] for line in lines] + [lines[-1]["validation/loss"]])


@pytest.mark.slow
def test_eight_devices_with_weights_cut_over_them_give_the_losses_of_one(fields, tmp_path):
  half = {"mesh.params": "sharded", "train.steps": STEPS // 2}
  run(tmp_path, [("one", fields(**{"mesh.devices": 1})), ("cut", fields(**half))])
  # Goes on with other devices, which hold all weights each.
  run(tmp_path, [("cut", fields(**{"mesh.devices": 2}))])
  expected = losses(tmp_path / "one")
  assert expected.shape == (STEPS + 1,) and len(set(expected)) == STEPS + 1
  np.testing.assert_allclose(losses(tmp_path / "cut"), expected, rtol=TOLERANCE)


@pytest.mark.slow
def test_what_many_devices_have_trained_is_used_by_one(fields, tmp_path):
  run(tmp_path, [("cut", fields(**{"mesh.params": "sharded"}))])
  predictor = Predictor.load(tmp_path / "cut")
  recipe = predictor.recipe
  mel = np.zeros((1, recipe.num_frames, recipe.mel.n_mels), np.float32)
  assert predictor.predict(mel).shape == (1, recipe.space.width)


@pytest.mark.slow
def test_any_number_of_devices_gives_the_same_losses(fields, tmp_path):
  runs = {
    "one": {"mesh.devices": 1},
    "four": {"mesh.devices": 4},
    "eight": {},
    "sharded": {"mesh.params": "sharded"},
    "parts": {"mesh.devices": 2, "train.accumulate": 4, "model.dropout": 0.0},
    "no_parts": {"mesh.devices": 2, "model.dropout": 0.0},
  }
  run(tmp_path, [(name, fields(**more)) for name, more in runs.items()])
  expected = losses(tmp_path / "one")
  for name in ("four", "eight", "sharded"):
    np.testing.assert_allclose(losses(tmp_path / name), expected, rtol=TOLERANCE, err_msg=name)
  parts, whole = losses(tmp_path / "parts"), losses(tmp_path / "no_parts")
  np.testing.assert_allclose(parts, whole, rtol=TOLERANCE)


def test_sharded_arrays_are_cut_and_small_ones_are_not():
  program = """
import jax, jax.numpy as jnp
from synthmatch_jax.training import parallel
layout = parallel.layout(devices=None, params="sharded", batch_size=16)
shapes = {"wide": (64, 512), "tall": (1024, 24), "odd": (999, 33), "small": (64,)}
tree = {name: jnp.zeros(shape) for name, shape in shapes.items()}
placed = jax.device_put(tree, layout.state(tree))
print({n: a.addressable_shards[0].data.shape for n, a in placed.items()})
batch = layout.put({"mel": jnp.zeros((16, 3, 2))})["mel"]
print(batch.shape, batch.addressable_shards[0].data.shape)
"""
  done = subprocess.run(
    [sys.executable, "-c", program],
    env=with_devices(8), check=True, cwd=ROOT, capture_output=True, text=True,
  )  # fmt: skip
  first, second = done.stdout.splitlines()
  assert eval(first) == {"wide": (64, 64), "tall": (128, 24), "odd": (999, 33), "small": (64,)}
  assert second == "(16, 3, 2) (2, 3, 2)"


class Training:
  """The command line of a run, with two pretended devices for each of its processes."""

  def __init__(self, workdir, fields):
    config = [f"--config.{key}={value}" for key, value in fields.items()]
    base = [sys.executable, "-m", "synthmatch_jax.train", "--config=configs/ast.py:runlocal"]
    self.command = [*base, *config, f"--workdir={workdir}"]

  def start(self, *arguments):
    return subprocess.Popen(
      [*self.command, *arguments],
      env=with_devices(2), cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip

  def start_two(self):
    with socket.socket() as probe:
      probe.bind(("localhost", 0))
      address = f"localhost:{probe.getsockname()[1]}"
    both = [f"--distributed={address}", "--processes=2"]
    return [self.start(*both, f"--process={i}") for i in range(2)]


def end(processes, code=0):
  """What processes print, which all have to end with a code."""
  ended = [(p.communicate(timeout=300), p.returncode) for p in processes]
  assert [code for _, code in ended] == [code] * len(ended), ended[0][0][1][-2000:]
  return [out for (out, _), _ in ended]


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one_and_read_nothing_twice(fields, tmp_path):
  said = end(Training(tmp_path / "two", fields()).start_two())
  assert "trained 6 steps" in said[0] and "on 4 x cpu" in said[0]
  assert "trained" not in said[1]  # One speaks for both.
  end([Training(tmp_path / "one", fields()).start()])
  expected = losses(tmp_path / "one")
  np.testing.assert_allclose(losses(tmp_path / "two"), expected, rtol=TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("told", [[0, 1], [1]])
def test_two_processes_told_to_stop_agree_on_a_step_and_go_on(fields, tmp_path, told):
  """SIGTERM to both, as from a cluster, or to one whose machine alone is taken back."""
  rarely = {"train.eval_every": 9_000, "train.save_every": 9_000}
  processes = Training(tmp_path / "told", fields(**{"train.steps": 20_000}, **rarely)).start_two()
  deadline = time.monotonic() + 120
  while not (tmp_path / "told" / "metrics.jsonl").exists() and time.monotonic() < deadline:
    time.sleep(0.05)
  for number in told:
    processes[number].send_signal(signal.SIGTERM)
  first, second = end(processes, code=143)
  step = int(re.search(r"ended by a signal after step (\d+); the same command", first)[1])
  assert "ended" not in second
  assert [path.name for path in (tmp_path / "told" / "checkpoints").iterdir()] == [str(step)]

  longer = fields(**{"train.steps": step + 10}, **rarely)
  said = end(Training(tmp_path / "told", longer).start_two())
  assert f"going on from step {step}" in said[0]
  end(Training(tmp_path / "whole", longer).start_two())
  np.testing.assert_array_equal(losses(tmp_path / "told"), losses(tmp_path / "whole"))


@pytest.mark.parametrize(
  ("changes", "said"),
  [
    ({"params": "cut"}, "mesh.params must be replicated or sharded, not 'cut'"),
    ({"devices": 99}, r"mesh.devices is 99, but there are \d+ \(cpu\)"),
    ({"batch_size": 9, "accumulate": 2}, "batch_size 9 cannot be cut evenly for 1 devices in 2"),
  ],
)
def test_layouts_that_cannot_be(changes, said):
  arguments = {"devices": 1, "params": "replicated", "batch_size": 8}
  with pytest.raises(UserError, match=said):
    parallel.layout(**arguments | changes)
