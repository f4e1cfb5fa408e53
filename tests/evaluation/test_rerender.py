import dataclasses
import gc
import json
import multiprocessing
import time
import weakref

import numpy as np
import pytest

from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation.parts import Parts
from synthmatch_jax.evaluation.rerender import Proposal, Renderer
from synthmatch_jax.evaluation.sheet import gather
from synthmatch_jax.evaluation.targets import of_dataset
from synthmatch_jax.metrics.suite import SOUND_METRICS
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths.description import Care
from synthmatch_jax.synths.play import fingerprint, play
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


def measure(recipe, targets, rows, *, workers=1, plugin="", parts=None):
  """The lines of some rows: the controls of an answer, or a proposal, for each target."""
  renderer = Renderer(recipe, workers=workers, plugin=str(plugin))
  proposals = {
    row: given if isinstance(given, Proposal) else Proposal(controls=given[:, None])
    for row, given in rows.items()
  }
  return renderer.measure(targets, proposals, parts=parts)


def scores(lines):
  return gather(lines, list(SOUND_METRICS))


def test_the_oracle_is_at_the_floor_and_one_wrong_control_is_not(recipe, targets, controls):
  wrong = controls.copy()
  wrong[:, recipe.space.names.index("osc1_amp")] *= 0.5
  rows = {"oracle": controls, "wrong": wrong, "mean": np.tile(controls.mean(0), (20, 1))}
  found = scores(measure(recipe, targets, rows, workers=2))
  convergence = {row: metrics["spectral_convergence"] for row, metrics in found.items()}
  assert all(values.shape == (20,) for values in convergence.values())
  # The engine repeats itself to -68 dB; twice the largest amplitude error is 1e-3.
  assert convergence["oracle"].max() < 1e-3
  assert np.median(convergence["wrong"]) > 0.05
  assert np.median(convergence["mean"]) > np.median(convergence["wrong"])


def test_results_do_not_depend_on_the_number_of_workers(recipe, targets, controls):
  rows = {"reversed": controls[::-1]}
  one, three = (measure(recipe, targets, rows, workers=w) for w in (1, 3))
  assert one == three


def test_another_engine_than_the_data_sets_is_refused(recipe, targets, controls):
  other = Recipe(**{**vars(recipe), "fingerprint": "vital/0 vita/0.0.1 base/0"})
  with pytest.raises(UserError, match=r"rendered by vital/0 .* the engine here is vital/2"):
    measure(other, targets, {"oracle": controls})


def test_an_interrupted_evaluation_goes_on_and_ends_the_same(recipe, targets, controls, tmp_path):
  rows = {"reversed": controls[::-1]}
  parts = Parts(folder=tmp_path / "parts", digest="one")
  undisturbed = measure(recipe, targets, rows, parts=parts)
  assert parts.count() == 2
  second = parts.folder / "one" / "000016.json"
  second.write_text(second.read_text()[:100])  # Damaged: done again.
  first = parts.folder / "one" / "000000.json"
  kept = json.loads(first.read_text())
  kept[0]["distances"]["reversed"]["mss"] = 12.5  # To see that it is taken as it is.
  first.write_text(json.dumps(kept))
  resumed = measure(recipe, targets, rows, parts=parts)
  assert resumed[0].distances["reversed"]["mss"] == 12.5
  assert resumed[1:] == undisturbed[1:]
  other = Parts(folder=tmp_path / "parts", digest="two")
  assert other.load(0) is None
  other.clear()
  assert parts.load(0) is None


@pytest.mark.slow
def test_an_evaluation_survives_a_kill(recipe, targets, controls, tmp_path):
  parts = Parts(folder=tmp_path / "parts", digest="one")
  job = multiprocessing.get_context("spawn").Process(
    target=measure_for_ever, args=(recipe, targets, controls, parts)
  )
  job.start()
  deadline = time.monotonic() + 60
  while not parts.count() and time.monotonic() < deadline:
    time.sleep(0.01)
  job.kill()
  job.join()
  assert parts.count() == 1
  lines = measure(recipe, targets, {"same": controls}, parts=parts)
  assert scores(lines)["same"]["mss"].max() < 0.1


def measure_for_ever(recipe, targets, controls, parts):
  measure(recipe, targets * 1000, {"same": np.tile(controls, (1000, 1))}, parts=parts)


def test_of_several_candidates_the_nearest_is_the_answer(recipe, targets, controls):
  true = controls[:3]
  silent = np.zeros_like(true)
  far = np.clip(true + 0.2, 0, 1)
  several = Proposal(controls=np.stack([silent, far, true, far], axis=1))
  rows = {"several": several, "true": true}
  lines = measure(recipe, targets[:3], rows)
  np.testing.assert_array_equal([line.answers["several"] for line in lines], true)
  found = scores(lines)
  np.testing.assert_allclose(found["several"]["mss"], found["true"]["mss"], atol=0.05)


def test_a_row_may_find_its_answers_on_the_engine(recipe, targets, controls):
  """As a search does: it begins from what was proposed and renders what it likes."""
  asked = []

  def halve(host, recipe, target, candidates):
    (start,) = candidates
    sound = host.call(play, recipe, start)
    asked.append((target.name, sound.size))
    return dataclasses.replace(start, controls=start.controls * np.float32(0.5))

  halved = Proposal(controls=controls[:2, None], settle=halve)
  lines = measure(recipe, targets[:2], {"plain": controls[:2], "halved": halved})
  assert asked == [("test 0", 44_100), ("test 1", 44_100)]
  np.testing.assert_array_equal([line.answers["halved"] for line in lines], controls[:2] / 2)
  assert min(scores(lines)["halved"]["mss"]) > 0.5 > max(scores(lines)["plain"]["mss"])


def test_what_the_engine_fails_on_is_told_and_the_rest_is_measured(testbed, monkeypatch, capsys):
  monkeypatch.setenv("TESTBED", "crash>noise_amp=0.8")
  recipe = recipe_of(testbed)
  controls = np.full((5, 16), 0.5, np.float32)
  controls[3, recipe.space.names.index("noise_amp")] = 0.9
  targets = of_dataset(controls, [recipe.note] * len(controls), split="test")
  lines = measure(recipe, targets, {"oracle": controls}, plugin=testbed)
  assert [not line.distances for line in lines] == [False, False, False, True, False]
  assert "crashed" in lines[3].reasons["oracle"]
  assert "test 3 has no score" in capsys.readouterr().out
  missing = np.isnan(scores(lines)["oracle"]["mss"])
  np.testing.assert_array_equal(missing, [False, False, False, True, False])


@pytest.mark.slow
def test_an_answer_that_the_engine_fails_on_costs_no_other(testbed, monkeypatch, capsys):
  monkeypatch.setenv("TESTBED", "crash>noise_amp=0.8")
  recipe = recipe_of(testbed)
  controls = np.full((3, 16), 0.5, np.float32)
  loud = controls.copy()
  loud[1:, recipe.space.names.index("noise_amp")] = 0.9
  targets = of_dataset(controls, [recipe.note] * len(controls), split="test")
  one = Proposal(controls=np.stack([loud, controls], axis=1))
  none = Proposal(controls=np.stack([loud, loud], axis=1))
  rows = {"oracle": controls, "loud": loud, "one of two": one, "none": none}
  lines = measure(recipe, targets, rows, plugin=testbed)
  found = scores(lines)
  for row in ("oracle", "one of two"):
    assert np.isfinite(found[row]["mss"]).all()
  for row in ("loud", "none"):
    np.testing.assert_array_equal(np.isnan(found[row]["mss"]), [False, True, True])
  assert set(lines[2].reasons) == {"loud", "none"}
  assert "crashed" in lines[2].reasons["loud"]
  said = "the row loud lacks 2 of 3 scores: testbed failed: crashed"
  assert capsys.readouterr().out.count(said) == 1


def test_what_failed_is_tried_again(recipe, targets, controls, tmp_path):
  rows = {"same": controls}
  parts = Parts(folder=tmp_path / "parts", digest="one")
  undisturbed = measure(recipe, targets, rows, parts=parts)
  first = parts.folder / "one" / "000000.json"
  kept = json.loads(first.read_text())
  kept[1] |= {"distances": {}, "reasons": {"same": "crashed"}}  # The cause was mended since.
  first.write_text(json.dumps(kept))
  assert measure(recipe, targets, rows, parts=parts) == undisturbed


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


def test_what_a_search_has_played_is_not_kept_until_the_last_target(testbed):
  recipe = recipe_of(testbed)
  controls = np.full((3, 16), 0.5, np.float32)
  played, alive = [], []

  def listen(host, recipe, target, candidates):
    gc.collect()
    alive.append(sum(sound() is not None for sound in played))
    played.extend(weakref.ref(host.call(play, recipe, one)) for one in candidates)
    return candidates[0]

  targets = of_dataset(controls, [recipe.note] * len(controls), split="test")
  several = np.linspace(0.4, 0.5, 5, dtype=np.float32)[None, :, None] * np.ones(
    (3, 5, 16), np.float32
  )
  measure(recipe, targets, {"row": Proposal(controls=several, settle=listen)}, plugin=testbed)
  assert alive == [0, 0, 0]
  assert len(played) == 15


def test_one_wrong_control_is_detected_by_every_metric_on_every_sound(recipe, controls):
  """The second oscillator, alone, six semitones too high."""
  controls = controls[:8].copy()
  true = {"osc1_amp": 0.0, "osc2_amp": 0.8, "noise_amp": 0.0, "osc2_pitch": 0.5}
  for name, value in true.items():
    controls[:, recipe.space.names.index(name)] = value
  wrong = controls.copy()
  wrong[:, recipe.space.names.index("osc2_pitch")] = 0.75
  targets = of_dataset(controls, [recipe.note] * len(controls), split="test")
  found = scores(measure(recipe, targets, {"oracle": controls, "wrong": wrong}, workers=2))
  for name, metric in SOUND_METRICS.items():
    error = {row: np.abs(metrics[name] - metric.floor) for row, metrics in found.items()}
    assert error["oracle"].max() < 0.01 * error["wrong"].min(), name
  assert np.median(found["wrong"]["f0_cents"]) == pytest.approx(600, abs=3)
