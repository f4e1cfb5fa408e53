"""The rows of a table, and the sheet that they fill."""

import shutil

import numpy as np
import pytest

from synthmatch_jax import exported
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import drawn, results, rows
from synthmatch_jax.evaluation.evaluator import evaluate
from synthmatch_jax.evaluation.material import Material
from synthmatch_jax.evaluation.rows import ROWS, Row
from synthmatch_jax.evaluation.sheet import Line, Sheet
from synthmatch_jax.evaluation.targets import of_dataset
from synthmatch_jax.search.budget import Use
from synthmatch_jax.training import loop

NOTHING_LACKS = dict.fromkeys(("truth", "training", "snapping", "search", "draws", "proxy"), "")


def test_rows_are_in_the_order_of_tables_whatever_the_order_asked_for():
  other = Row(meaning="another model", propose=lambda asked: asked.true, kind="model")
  chosen = rows.choose([], others={"other": other}, lacking=NOTHING_LACKS, draws=8)
  floors = [name.replace("_N", "_8") for name, row in ROWS.items() if row.kind != "model"]
  own = ["model", "unsnapped", "searched", "drawn_search", "steered_search", "sieved_search"]
  own += ["best_of_8", "other_of_8", "steered", "picked_8", "steered_8"]
  own += ["best_steered_8", "answered_8"]
  assert list(chosen) == [*own, "other", *floors]
  assert [rows.kind(name) for name in ("best_of_8", "jitter_8", "other")] == [
    *("model", "floor", "model")
  ]
  asked = rows.choose(["mean", "model"], others={}, lacking=NOTHING_LACKS)
  assert list(asked) == ["model", "mean"]


def test_a_row_whose_need_is_not_met_is_left_out_or_refused_with_the_reason():
  lacking = NOTHING_LACKS | {"truth": "nobody knows them"}
  lacking |= {"draws": "it draws none"}
  left = set(ROWS) - set(rows.choose([], others={}, lacking=lacking))
  of_draws = {"best_of_N", "other_of_N", "picked_N", "steered_N", "answered_N"}
  of_draws |= {"best_steered_N"}
  of_draws |= {"nearest_N", "jitter_N"}
  assert left == {"oracle", "repeat", "drawn_search", *of_draws}
  with pytest.raises(UserError, match=r"no row 'oracle' here \(nobody knows them\); known: model"):
    rows.choose(["oracle"], others={}, lacking=lacking)


@pytest.mark.slow
def test_searches_and_their_controls_are_rows_of_equal_budget(tiny_run, tmp_path):
  run = shutil.copytree(tiny_run, tmp_path / "run", ignore=shutil.ignore_patterns("eval"))
  names = ["model", "searched", "random_search", "nearest_search", "blind_search"]
  asked = {"names": names, "num_examples": 2, "renders": 16, "gallery_size": 0}
  sheet, folder = evaluate(run, workers=1, **asked)
  found = results.read(folder)
  assert list(found.results["row_meanings"]) == names
  assert found.results["search"] == 16
  assert all(np.isfinite(found.scores[name]["mss"]).all() for name in names)
  predicted = np.float32(sheet.answers["model"])
  assert not np.array_equal(sheet.answers["searched"], predicted)
  again, _ = evaluate(run, workers=2, **asked)
  for name in names:
    np.testing.assert_array_equal(again.answers[name], sheet.answers[name])
  with pytest.raises(UserError, match=r"no row 'searched' here \(--search says how many"):
    evaluate(run, names=["searched"])


def test_a_new_row_is_an_entry_of_the_table(tiny_run, tmp_path, monkeypatch):
  def both(asked):
    return np.stack([ROWS[name].propose(asked) for name in ("model", "mean")], axis=1)

  monkeypatch.setitem(ROWS, "nearer_of_both", Row(meaning="the nearer of both", propose=both))
  run = shutil.copytree(tiny_run, tmp_path / "run", ignore=shutil.ignore_patterns("eval"))
  names = ["model", "mean", "nearer_of_both"]
  sheet, folder = evaluate(run, names=names, num_examples=3, gallery_size=0, workers=1)
  found = results.read(folder)
  assert found.results["row_meanings"] == {name: ROWS[name].meaning for name in names}
  both_mss, *single = (found.scores[name]["mss"] for name in reversed(names))
  np.testing.assert_allclose(both_mss, np.minimum(*single), atol=0.05)
  nearer = np.where(single[0] < single[1], 0, 1)[:, None]
  expected = np.where(nearer == 0, sheet.answers["mean"], sheet.answers["model"])
  np.testing.assert_array_equal(sheet.answers["nearer_of_both"], expected)


@pytest.mark.slow
def test_draws_and_their_controls_are_rows_of_equal_number(make_config, tiny_proxy, tmp_path):
  small = {"head": "flow", "flow_width": 16, "flow_depth": 1, "flow_steps": 2, "flow_heads": 2}
  assert loop.train_and_evaluate(make_config("mlp_tiny", overrides=small, steps=2), tmp_path)
  shutil.copytree(tiny_proxy, tmp_path / exported.PROXY)
  names = ["model", "drawn_search", "steered_search", "sieved_search", "best_of_3", "other_of_3"]
  names += [
    "steered",
    "picked_3",
    "steered_3",
    "best_steered_3",
    "answered_3",
    "nearest_3",
    "jitter_3",
  ]
  asked = {"names": names, "num_examples": 2, "gallery_size": 0, "workers": 1, "renders": 18}
  sheet, folder = evaluate(tmp_path, draws=3, proxy=Use(steps=2, sieve=2), **asked)
  found = results.read(folder)
  assert list(found.results["row_meanings"]) == names
  assert found.results["proxy"]["sieve"] == 2
  assert found.results["calibration"].keys() == set(sheet.recipe.space.names)
  assert found.results["diversity"]["alike"]["count"] == 2
  assert (folder / drawn.PICTURE).exists()
  assert (found.scores["best_of_3"]["mss"] <= found.scores["model"]["mss"] + 0.05).all()
  assert (found.scores["best_of_3"]["mss"] <= found.scores["other_of_3"]["mss"] + 0.05).all()
  draws = sheet.answers["picked_3"]
  assert not np.array_equal(sheet.answers["steered_3"], draws)
  assert (found.scores["answered_3"]["mss"] <= found.scores["steered_3"]["mss"] + 0.05).all()
  assert np.abs(sheet.answers["model"][0] - sheet.answers["model"][1]).max() > 0.01
  with pytest.raises(UserError, match=r"no row 'best_of_3' here; known: "):
    evaluate(tmp_path, **asked | {"names": ["best_of_3"]})


def test_a_model_that_knows_one_answer_draws_none(tiny_run):
  with pytest.raises(UserError, match=r"no row 'best_of_3' here \(the model knows one answer\)"):
    evaluate(tiny_run, names=["best_of_3"], draws=3)


def test_what_failed_is_told_by_target_and_by_row(tiny_dataset):
  dataset = tiny_dataset.open()
  mel, controls = dataset.read("test", limit=3)
  targets = of_dataset(controls, dataset.notes("test", limit=3), split="test")
  near, far = {"mss": 1.0}, {"mss": 2.0, "f0_cents": None}
  answers = {"a": controls[0].tolist(), "b": controls[1].tolist()}
  lines = [
    Line(answers=answers, distances={"a": near, "b": far}, reasons={}),
    Line(answers=answers, distances={"a": near}, reasons={"b": "crashed"}),
    Line(answers=answers, distances={}, reasons={"a": "hung", "b": "hung"}),
  ]
  material = Material(name="m", title="", targets=targets, mel=mel, failures={"x": "no sound"})
  sheet = Sheet(material=material, recipe=dataset.recipe, rows={"a": "", "b": ""}, lines=lines)
  assert sheet.failures == {"x": "no sound", "test 2": "hung"}
  assert sheet.missing == {"b": {"test 1": "crashed"}}
  np.testing.assert_array_equal(sheet.scores["b"]["mss"], [2.0, np.nan, np.nan])
  np.testing.assert_allclose(sheet.scores["a"]["mse"], ((controls - controls[0]) ** 2).mean(1))
