"""The snap binary on a real run, and where what it found goes from there."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from synthmatch_jax import exported
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation.evaluate import evaluate
from synthmatch_jax.inference import Predictor
from synthmatch_jax.spaces.massive16 import VITAL
from synthmatch_jax.training import card, trained
from synthmatch_jax.training import workdir as workdirs

CONTROL = "osc2_pitch"
HALVES = {CONTROL: [0.25, 0.25, 0.75, 0.75]}


def snap(*arguments):
  command = [sys.executable, "-m", "synthmatch_jax.snap", *map(str, arguments)]
  return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def run(tiny_run, tmp_path):
  return shutil.copytree(tiny_run, tmp_path / "run", ignore=shutil.ignore_patterns("eval"))


def keep(run, curves=HALVES, *, more_steps=0):
  workdirs.keep_snapping(run, curves, step=Predictor.load(run).step + more_steps)


def test_it_says_what_it_found_and_keeps_it(run):
  done = snap(f"--workdir={run}")
  assert done.returncode == 0, done.stderr
  kept = json.loads((run / "snapping.json").read_text())
  assert kept["step"] == Predictor.load(run).step
  said = [line.partition(":")[0] for line in done.stdout.splitlines()]
  assert said == (list(kept["curves"]) or ["no control gains"])


def test_answers_follow_the_curves_here_and_where_they_are_exported(run, tiny_dataset, tmp_path):
  mel = tiny_dataset.open().read("test")[0]
  plain = Predictor.load(run).predict(mel)
  keep(run)
  found = trained.load(run)
  text = card.write(found, run, dtype="float32")
  assert f"drawn to the peaks of the prior in `{CONTROL}`" in text
  exported.write(tmp_path / "out", found, card=text)
  i = VITAL.names.index(CONTROL)
  for folder in (run, tmp_path / "out"):
    predictor = Predictor.load(folder)
    expected = np.interp(plain[:, i], np.linspace(0, 1, 4), HALVES[CONTROL])
    np.testing.assert_allclose(predictor.predict(mel)[:, i], expected, atol=1e-6)
    np.testing.assert_allclose(predictor.predict(mel, snap=False), plain, atol=1e-6)


def test_both_answers_are_rows_of_the_table(run):
  keep(run)
  evaluation, folder = evaluate(run, names=["model", "unsnapped"], gallery_size=0, workers=1)
  assert evaluation.rows == ("model", "unsnapped")
  differ = evaluation.estimates["model"] != evaluation.estimates["unsnapped"]
  assert [VITAL.names[i] for i in np.flatnonzero(differ.any(axis=0))] == [CONTROL]
  assert {"model", "unsnapped"} == set(json.loads((folder / "results.json").read_text())["rows"])


def test_a_model_that_does_not_snap_has_no_such_row(run):
  with pytest.raises(UserError, match="no row 'unsnapped'"):
    evaluate(run, names=["unsnapped"], gallery_size=0)


def test_curves_of_other_weights_are_not_taken(run):
  keep(run, more_steps=1)
  assert Predictor.load(run).curves == {}


def test_mistakes_are_one_sentence(run, tmp_path):
  (run / "snapping.json").write_text("{")
  with pytest.raises(UserError, match=r"snapping\.json is damaged"):
    Predictor.load(run)
  for folder, sentence in ((tmp_path / "none", "no trained model in"), (run, "is damaged")):
    done = snap(f"--workdir={folder}")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert sentence in line


def test_an_exported_model_is_not_snapped(run, tmp_path):
  exported.write(tmp_path / "out", trained.load(run), card="")
  done = snap(f"--workdir={tmp_path / 'out'}")
  assert done.returncode == 1
  assert "snap the run's own folder" in done.stderr
