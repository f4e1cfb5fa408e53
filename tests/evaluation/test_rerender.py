import json
import multiprocessing
import time

import numpy as np
import pytest

from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import rerender
from synthmatch_jax.evaluation.parts import Parts
from synthmatch_jax.evaluation.targets import of_dataset
from synthmatch_jax.metrics.suite import SOUND_METRICS
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths.description import Care
from synthmatch_jax.synths.play import fingerprint
from synthmatch_jax.synths.registry import Engine
from tests.synths.remote import CANARY, instrument


@pytest.fixture(scope="module")
def recipe():
  synth = Engine(name="vital").make()
  return Recipe(
    engine="vital",
    fingerprint=synth.fingerprint(),
    space=synth.space,
    prior=prior.load("presets", synth.space),
    seconds=1.0,
  )


@pytest.fixture(scope="module")
def targets(recipe, controls):
  return of_dataset(controls, [recipe.note] * len(controls), split="test")


@pytest.fixture(scope="module")
def controls(recipe):
  rng = np.random.default_rng(3)
  return np.stack([prior.sample(recipe.prior, recipe.space, rng) for _ in range(20)])


def test_the_oracle_is_at_the_floor_and_one_wrong_control_is_not(recipe, targets, controls):
  wrong = controls.copy()
  wrong[:, recipe.space.names.index("osc1_amp")] *= 0.5
  rows = {"oracle": controls, "wrong": wrong, "mean": np.tile(controls.mean(0), (20, 1))}
  scores = rerender.score(targets, rows, recipe, workers=2).scores
  convergence = {row: metrics["spectral_convergence"] for row, metrics in scores.items()}
  assert all(values.shape == (20,) for values in convergence.values())
  # The engine repeats itself to -68 dB; twice the largest amplitude error is 1e-3.
  assert convergence["oracle"].max() < 1e-3
  assert np.median(convergence["wrong"]) > 0.05
  assert np.median(convergence["mean"]) > np.median(convergence["wrong"])


def test_results_do_not_depend_on_the_number_of_workers(recipe, targets, controls):
  rows = {"reversed": controls[::-1]}
  one, three = (rerender.score(targets, rows, recipe, workers=w).scores for w in (1, 3))
  np.testing.assert_array_equal(
    one["reversed"]["spectral_convergence"], three["reversed"]["spectral_convergence"]
  )


def test_another_engine_than_the_data_sets_is_refused(recipe, targets, controls):
  other = Recipe(**{**vars(recipe), "fingerprint": "vital/0 vita/0.0.1 base/0"})
  with pytest.raises(UserError, match=r"rendered by vital/0 .* the engine here is vital/2"):
    rerender.score(targets, {"oracle": controls}, other, workers=1)


def test_an_interrupted_evaluation_goes_on_and_ends_the_same(recipe, targets, controls, tmp_path):
  rows = {"reversed": controls[::-1]}
  parts = Parts(folder=tmp_path / "parts", digest="one")
  undisturbed = rerender.score(targets, rows, recipe, workers=1, parts=parts)
  assert parts.count() == 2
  second = parts.folder / "one" / "000016.json"
  second.write_text(second.read_text()[:100])  # Damaged: done again.
  first = parts.folder / "one" / "000000.json"
  kept = json.loads(first.read_text())
  kept["scores"]["reversed"]["mss"][0] = 12.5  # To see that it is taken as it is.
  first.write_text(json.dumps(kept))
  resumed = rerender.score(targets, rows, recipe, workers=1, parts=parts)
  assert resumed.scores["reversed"]["mss"][0] == 12.5
  for metric, values in undisturbed.scores["reversed"].items():
    np.testing.assert_array_equal(resumed.scores["reversed"][metric][1:], values[1:])
  other = Parts(folder=tmp_path / "parts", digest="two")
  assert other.load(0) is None
  other.clear()
  assert parts.load(0) is None


@pytest.mark.slow
def test_an_evaluation_survives_a_kill(recipe, targets, controls, tmp_path):
  parts = Parts(folder=tmp_path / "parts", digest="one")
  job = multiprocessing.get_context("spawn").Process(
    target=score_for_ever, args=(recipe, targets, controls, parts)
  )
  job.start()
  deadline = time.monotonic() + 60
  while not parts.count() and time.monotonic() < deadline:
    time.sleep(0.01)
  job.kill()
  job.join()
  assert parts.count() == 1
  scored = rerender.score(targets, {"same": controls}, recipe, workers=1, parts=parts)
  assert scored.scores["same"]["mss"].max() < 0.1


def score_for_ever(recipe, targets, controls, parts):
  rerender.score(
    targets * 1000, {"same": np.tile(controls, (1000, 1))}, recipe, workers=1, parts=parts
  )


def test_what_the_engine_fails_on_is_told_and_the_rest_is_measured(testbed, monkeypatch, capsys):
  monkeypatch.setenv("TESTBED", "crash>noise_amp=0.8")
  recipe = recipe_of(testbed)
  controls = np.full((5, 16), 0.5, np.float32)
  controls[3, recipe.space.names.index("noise_amp")] = 0.9
  targets = of_dataset(controls, [recipe.note] * len(controls), split="test")
  scored = rerender.score(targets, {"oracle": controls}, recipe, workers=1, plugin=str(testbed))
  assert list(scored.failures) == [3]
  assert "crashed" in scored.failures[3]
  assert "test 3 has no score" in capsys.readouterr().out
  missing = np.isnan(scored.scores["oracle"]["mss"])
  np.testing.assert_array_equal(missing, [False, False, False, True, False])


def test_an_answer_that_the_engine_fails_on_costs_no_other(testbed, monkeypatch, capsys):
  monkeypatch.setenv("TESTBED", "crash>noise_amp=0.8")
  recipe = recipe_of(testbed)
  controls = np.full((3, 16), 0.5, np.float32)
  loud = controls.copy()
  loud[1:, recipe.space.names.index("noise_amp")] = 0.9
  targets = of_dataset(controls, [recipe.note] * len(controls), split="test")
  rows = {"oracle": controls, "loud": loud}
  scored = rerender.score(targets, rows, recipe, workers=1, plugin=str(testbed))
  assert scored.failures == {}
  assert np.isfinite(scored.scores["oracle"]["mss"]).all()
  np.testing.assert_array_equal(np.isnan(scored.scores["loud"]["mss"]), [False, True, True])
  assert list(scored.missing) == ["loud"]
  assert "crashed" in scored.missing["loud"][2]
  said = "the row loud lacks 2 of 3 scores: testbed failed: crashed"
  assert capsys.readouterr().out.count(said) == 1


def test_what_failed_is_tried_again(recipe, targets, controls, tmp_path):
  rows = {"same": controls}
  parts = Parts(folder=tmp_path / "parts", digest="one")
  undisturbed = rerender.score(targets, rows, recipe, workers=1, parts=parts)
  first = parts.folder / "one" / "000000.json"
  kept = json.loads(first.read_text())
  kept["scores"]["same"]["mss"][1] = float("nan")
  first.write_text(json.dumps(kept | {"failures": {"1": "crashed"}}))  # The cause was mended since.
  again = rerender.score(targets, rows, recipe, workers=1, parts=parts)
  assert again.failures == {}
  np.testing.assert_array_equal(again.scores["same"]["mss"], undisturbed.scores["same"]["mss"])


def recipe_of(testbed):
  described = instrument(care=Care(tries=2, canary_every=4, canary=CANARY))
  return Recipe(
    engine="testbed",
    fingerprint=fingerprint(Engine(name="testbed", plugin=described, path=str(testbed))),
    space=described.space,
    prior=prior.load("uniform", described.space),
    seconds=1.0,
    plugin=described.essentials(),
  )


def test_one_wrong_control_is_detected_by_every_metric_on_every_sound(recipe, controls):
  """The second oscillator, alone, six semitones too high."""
  controls = controls[:8].copy()
  true = {"osc1_amp": 0.0, "osc2_amp": 0.8, "noise_amp": 0.0, "osc2_pitch": 0.5}
  for name, value in true.items():
    controls[:, recipe.space.names.index(name)] = value
  wrong = controls.copy()
  wrong[:, recipe.space.names.index("osc2_pitch")] = 0.75
  targets = of_dataset(controls, [recipe.note] * len(controls), split="test")
  scores = rerender.score(targets, {"oracle": controls, "wrong": wrong}, recipe, workers=2).scores
  for name, metric in SOUND_METRICS.items():
    error = {row: np.abs(metrics[name] - metric.floor) for row, metrics in scores.items()}
    assert error["oracle"].max() < 0.01 * error["wrong"].min(), name
  assert np.median(scores["wrong"]["f0_cents"]) == pytest.approx(600, abs=3)
