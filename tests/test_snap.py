"""The snap binary on a real run, and where what it found goes from there."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from synthmatch_jax import checksums, exported
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import fit_snapping
from synthmatch_jax.evaluation.evaluator import evaluate
from synthmatch_jax.inference import Predictor
from synthmatch_jax.matching import ensemble
from synthmatch_jax.spaces import snapping
from synthmatch_jax.spaces.snapping import Fitted
from synthmatch_jax.synths import registry
from synthmatch_jax.training import card, trained
from synthmatch_jax.training import workdir as workdirs

VITAL = registry.engine("vital").space

CONTROL = "osc2_pitch"
HALVES = {CONTROL: [0.25, 0.25, 0.75, 0.75]}


def snap(*arguments):
  command = [sys.executable, "-m", "synthmatch_jax.snap", *map(str, arguments)]
  return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def run(tiny_run, tmp_path):
  return shutil.copytree(tiny_run, tmp_path / "run", ignore=shutil.ignore_patterns("eval"))


def keep(run, curves=HALVES, *, more_steps=0):
  workdirs.write_snapping(run, curves, step=Predictor.load(run).step + more_steps)


def test_a_gain_is_kept(run, monkeypatch):
  """On the few sounds that tests have, chance decides; here it is told to."""
  gain = Fitted(curve=HALVES[CONTROL], median=(0.2, 0.1), mse=(0.02, 0.02))
  monkeypatch.setattr(snapping, "fit", lambda space, **_: {CONTROL: gain})
  monkeypatch.setattr(fit_snapping, "FEWEST", 1)
  assert fit_snapping.fit(run, data_dir=None, limit=100) == {CONTROL: gain}
  kept = json.loads((run / "snapping.json").read_text())
  assert kept == checksums.seal({"step": Predictor.load(run).step, "curves": HALVES})


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
    np.testing.assert_allclose(predictor.predict_unsnapped(mel), plain, atol=1e-6)


def test_both_answers_are_rows_of_the_table(run):
  keep(run)
  sheet, folder = evaluate(run, names=["model", "unsnapped"], gallery_size=0, workers=1)
  assert list(sheet.rows) == ["model", "unsnapped"]
  differ = sheet.answers["model"] != sheet.answers["unsnapped"]
  assert [VITAL.names[i] for i in np.flatnonzero(differ.any(axis=0))] == [CONTROL]
  assert {"model", "unsnapped"} == set(json.loads((folder / "results.json").read_text())["rows"])


def test_a_model_that_does_not_snap_has_no_such_row(run):
  with pytest.raises(UserError, match="no row 'unsnapped'"):
    evaluate(run, names=["unsnapped"], gallery_size=0)


def test_snapping_of_other_weights_is_not_taken(run):
  keep(run, more_steps=1)
  assert Predictor.load(run).snapping == {}


def test_it_stays_where_the_weights_that_it_was_fitted_to_are_away(run, make_config, tiny_dataset):
  keep(run)
  shutil.rmtree(run / "checkpoints")
  before = (run / "snapping.json").read_bytes()
  with pytest.raises(UserError, match="put the checkpoints back"):
    workdirs.prepare(run, make_config("ast_tiny"), tiny_dataset.open())
  assert (run / "snapping.json").read_bytes() == before


def test_matches_and_measurements_from_before_are_not_taken(run):
  evaluate(run, names=["model"], gallery_size=0, workers=1)
  before = ensemble.load([run])[0]
  assert "snapped" not in before.reference.unknown
  keep(run)
  after = ensemble.load([run])[0]
  assert "was snapped since it was evaluated" in after.reference.unknown
  assert after.digest != before.digest
  assert "Not evaluated yet" in card.write(trained.load(run), run, dtype="float32")


def test_mistakes_are_one_sentence(run, tmp_path):
  (run / "snapping.json").write_text("{")
  with pytest.raises(UserError, match=r"snapping\.json cannot be read .*remove it, or snap again"):
    Predictor.load(run)
  changed = checksums.seal({"step": 12, "curves": HALVES}) | {"step": 13}
  (run / "snapping.json").write_text(json.dumps(changed))
  with pytest.raises(UserError, match="its checksum is not the one that was stored"):
    Predictor.load(run)
  for folder, sentence in ((tmp_path / "none", "no trained model in"), (run, "are too few")):
    done = snap(f"--workdir={folder}")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert sentence in line


def test_an_exported_model_is_not_snapped(run, tmp_path):
  exported.write(tmp_path / "out", trained.load(run), card="")
  done = snap(f"--workdir={tmp_path / 'out'}")
  assert done.returncode == 1
  assert "snap the run's own folder" in done.stderr
