"""Two evaluations compared, pair by pair."""

import json
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats

from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import differences


def test_differences_are_paired():
  rng = np.random.default_rng(0)
  hard = rng.exponential(10.0, 500)  # Sounds differ far more than models do.
  first, second = hard + rng.normal(0, 0.1, 500), hard + 0.05 + rng.normal(0, 0.1, 500)
  found = differences.difference(first, second, better="lower")
  delta = first - second
  error = 1.96 * delta.std() / np.sqrt(500)  # The closed form of the interval of a mean.
  assert found.mean == pytest.approx(delta.mean())
  assert found.low == pytest.approx(delta.mean() - error, abs=0.2 * error)
  assert found.high == pytest.approx(delta.mean() + error, abs=0.2 * error)
  assert found.high < 0
  assert found.first_better == pytest.approx((delta < 0).mean())
  assert found.p_value == pytest.approx(scipy.stats.wilcoxon(first, second).pvalue)
  unpaired = scipy.stats.ttest_ind(first, second).pvalue
  assert unpaired > 0.5 > 1e-6 > found.p_value


def test_where_more_is_better_the_larger_one_wins():
  found = differences.difference(np.array([0.9, 0.8]), np.array([0.5, 0.8]), better="higher")
  assert found.first_better == 0.75  # An equal one counts half.


def test_sounds_without_a_value_in_one_are_left_out():
  found = differences.difference(
    np.array([1.0, np.nan, 3.0]), np.array([1.0, 2.0, np.nan]), better="lower"
  )
  assert (found.count, found.mean, found.p_value) == (1, 0.0, 1.0)


def evaluation(workdir, *, targets, values):
  folder = workdir / "eval" / "test"
  folder.mkdir(parents=True)
  metric = {"unit": "", "better": "lower", "definition": "..."}
  metrics = {"mse": metric, "f0_cents": metric}
  results = {"targets": targets, "metrics": metrics, "rows": {"model": {}, "mean": {}}}
  (folder / "results.json").write_text(json.dumps(results))
  scores = {f"{row}/mse": v for row, v in values.items()}
  scores |= {f"{row}/f0_cents": np.full(len(v), np.nan) for row, v in values.items()}
  np.savez(folder / "per_sound.npz", **scores)
  return workdir


def run(*arguments):
  command = [sys.executable, "-m", "synthmatch_jax.compare", *map(str, arguments)]
  return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_compares_models_and_rows(tmp_path):
  one, two = np.linspace(0, 1, 40), np.linspace(0.1, 1.2, 40)
  a = evaluation(tmp_path / "a", targets="same", values={"model": one, "mean": two})
  b = evaluation(tmp_path / "b", targets="same", values={"model": two})
  done = run(a, b, f"--out={tmp_path / 'out.json'}")
  assert (done.returncode, done.stderr) == (0, "")
  line = done.stdout.splitlines()[-1]
  assert line.startswith("| mse ↓ | -0.15 (")
  assert line.endswith("| 100 % | 2e-12 | 40 | 1 |")
  found = json.loads((tmp_path / "out.json").read_text())["differences"]["mse"]
  assert found["mean"] == pytest.approx((one - two).mean())
  assert run(a, f"{a}:mean").stdout.splitlines()[-1] == line


@pytest.mark.slow
def test_a_mistake_gets_one_sentence(tmp_path):
  values = {"model": np.ones(3)}
  a = evaluation(tmp_path / "a", targets="same", values=values)
  b = evaluation(tmp_path / "b", targets="others", values=values)
  for arguments, says in (
    ([a], "name two runs, not 1"),
    ([a, tmp_path / "c"], "there is no evaluation in"),
    ([a, f"{a}:mena"], "has no row 'mena'; it has model"),
    ([a, b], "were measured on different sounds"),
  ):
    done = run(*arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_file_that_was_copied_by_half_gets_a_sentence(tmp_path):
  a = evaluation(tmp_path / "a", targets="same", values={"model": np.ones(3)})
  file = a / "eval" / "test" / "per_sound.npz"
  file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
  with pytest.raises(UserError, match=r"no evaluation in .*run `python -m"):
    differences.load(str(a), on="test")


def test_a_metric_without_values_is_left_out(tmp_path):
  """As f0_cents of sounds without a pitch."""
  runs = [
    evaluation(tmp_path / name, targets="same", values={"model": values})
    for name, values in (("a", [1.0, 2.0]), ("b", [2.0, 3.0]))
  ]
  done = run(*runs)
  assert done.returncode == 0
  assert "mse" in done.stdout
  assert "f0_cents" not in done.stdout


@pytest.mark.parametrize("name", ["2026-11-28T09:30", "a:b:c", "C:", r"C:\runs\ast"])
def test_a_workdir_may_have_colons(tmp_path, name):
  values = {"model": np.array([1.0]), "mean": np.array([2.0])}
  workdir = evaluation(tmp_path / name, targets="same", values=values)
  assert differences.load(str(workdir), on="test").scores["mse"] == [1.0]
  assert differences.load(f"{workdir}:mean", on="test").scores["mse"] == [2.0]
  with pytest.raises(UserError, match="no row 'median'"):
    differences.load(f"{workdir}:median", on="test")


@pytest.mark.parametrize(
  ("name", "workdir", "row"),
  [
    (r"C:\runs\ast", r"C:\runs\ast", "model"),
    ("C:/runs/ast:nearest_mel", "C:/runs/ast", "nearest_mel"),
    ("runs/ast:mean", "runs/ast", "mean"),
    ("host:/runs/ast", "host:/runs/ast", "model"),
  ],
)
def test_a_drive_is_no_row(name, workdir, row):
  assert differences.split(name) == (workdir, row)
