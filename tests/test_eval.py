"""The eval binary on a real run."""

import json
import subprocess
import sys

import numpy as np
import pytest

from synthmatch_jax.spaces.massive16 import VITAL

ROWS = {"model", "mean", "nearest", "oracle"}


def evaluate(*arguments):
  command = [sys.executable, "-m", "synthmatch_jax.eval", *map(str, arguments)]
  return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def evaluated(tiny_run):
  done = evaluate(f"--workdir={tiny_run}")
  assert done.returncode == 0, done.stderr
  return done, tiny_run / "eval" / "test"


def test_every_row_has_every_metric_with_its_interval(evaluated):
  _, folder = evaluated
  results = json.loads((folder / "results.json").read_text())
  assert set(results["rows"]) == ROWS
  for metrics in results["rows"].values():
    assert set(metrics) == {"mse", "spectral_convergence", *(f"mse/{n}" for n in VITAL.names)}
    for summary in metrics.values():
      assert set(summary) == {"mean", "median", "low", "high", "count"}
      assert summary["low"] <= summary["mean"] <= summary["high"]
      assert summary["count"] == 6
  assert results["num_examples"] == 6
  assert results["silent_targets"] == 0


def test_the_oracle_is_at_the_floor_and_nobody_else(evaluated):
  _, folder = evaluated
  rows = json.loads((folder / "results.json").read_text())["rows"]
  assert rows["oracle"]["mse"]["mean"] == 0
  assert rows["oracle"]["spectral_convergence"]["mean"] < 1e-3
  assert min(rows[r]["spectral_convergence"]["mean"] for r in ROWS - {"oracle"}) > 0.1


def test_the_parameter_errors_are_those_of_the_data(evaluated, tiny_dataset):
  _, folder = evaluated
  dataset = tiny_dataset.open()

  def controls(split):
    records = dataset.sources[split]
    return np.stack(
      [dataset.decode(records[i], ["controls"])["controls"] for i in range(len(records))]
    )

  expected = ((controls("train").mean(0) - controls("test")) ** 2).mean(1)
  with np.load(folder / "per_sound.npz") as per_sound:
    np.testing.assert_allclose(per_sound["mean/mse"], expected, rtol=1e-4)
    assert per_sound["model/spectral_convergence"].shape == (6,)


def test_a_table_and_pictures_are_for_people(evaluated):
  done, folder = evaluated
  table = (folder / "table.md").read_text()
  assert all(f"| {row} |" in table for row in ROWS)
  assert table.strip() in done.stdout
  for name in ("error_per_control.png", "learning_curve.png"):
    assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_fewer_examples_can_be_asked_for(tiny_run):
  done = evaluate(f"--workdir={tiny_run}", "--num_examples=2", "--split=validation")
  results = json.loads((tiny_run / "eval" / "validation" / "results.json").read_text())
  assert done.returncode == 0
  assert results["num_examples"] == 2


@pytest.mark.parametrize(
  ("arguments", "says"),
  [
    ([], "--workdir"),
    (["--workdir=nowhere"], "no trained model in nowhere"),
    (["--workdir=x", "--num_examples=0"], "num_examples"),
    (["--workdir=x", "--split=tset"], "split"),
  ],
)
def test_a_mistake_gets_one_sentence(arguments, says):
  done = evaluate(*arguments)
  assert done.returncode in (1, 2)
  assert says in done.stderr
  assert len(done.stderr.splitlines()) == 1, done.stderr
