"""Sounds of many notes, from the training to an answer and a table."""

import json

import jax
import numpy as np
import pytest

from synthmatch_jax import exported
from synthmatch_jax.audio.note import KnownNote, Note
from synthmatch_jax.data import pipeline
from synthmatch_jax.data.batch import note_rows
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation.evaluator import evaluate
from synthmatch_jax.inference import Predictor
from synthmatch_jax.matching import output
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.training import loop, run_log, trained
from synthmatch_jax.training.augment import told
from synthmatch_jax.training.run import Run

NOTES = {"model.note": "token", "model.note_loss": 0.01, "train.note_hidden": 0.5}
NOISES = ("detune", "onset", "room", "tilt", "noise", "hum", "band", "gain")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
  import massive16.massive16_dataset_builder as massive16

  folder = tmp_path_factory.mktemp("data")
  options = {"num_examples": 20, "seconds": 1.0, "shard_size": 24, "n_mels": 32}
  notes = {"pitch": [40, 80], "hold_seconds": [0.1, 0.8]}
  config = massive16.Massive16Config(name="many", notes=notes, **options)
  massive16.Builder(data_dir=folder, config=config).download_and_prepare()
  return pipeline.open_dataset("massive16/many", dir=folder)


def config_of(dataset):
  from synthmatch_jax.config import base_config

  config = base_config()
  config.data.name, config.data.dir = dataset.name, str(dataset.path.parents[2])
  config.model.name = "ast_tiny"
  config.train.batch_size, config.train.steps = 4, 2
  config.update_from_flattened_dict(NOTES)
  for kind in NOISES:
    config.disturbance[kind] = 0.5
  return config


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
  folder = tmp_path_factory.mktemp("runs") / "many"
  assert loop.train_and_evaluate(config_of(dataset), folder)
  return folder


def test_a_validation_says_what_it_makes_of_notes(run):
  (metrics,) = [line for line in run_log.read(run) if "validation/loss" in line]
  untold = {name.removeprefix("validation/untold/") for name in metrics if "/untold/" in name}
  assert untold == {"mse", "pitch_error", "hold_error"}
  assert 0 < metrics["validation/untold/pitch_error"] < 128
  errors = [value for name, value in metrics.items() if name.startswith("validation/mse/")]
  assert metrics["validation/loss"] == pytest.approx(np.mean(errors), rel=1e-4)


def test_a_share_of_the_records_is_not_told_the_whole_note():
  found = np.asarray(told(jax.random.key(0), 20_000, hidden=0.4))
  counts = found.sum(axis=1)
  shares = [(counts == n).mean() for n in range(4)]
  np.testing.assert_allclose(shares, [0.2, 0, 0.2, 0.6], atol=0.015)
  np.testing.assert_allclose(found[counts == 2].mean(axis=0), 2 / 3, atol=0.03)
  assert told(jax.random.key(0), 100, hidden=0.0).all()
  assert not (told(jax.random.key(0), 100, hidden=1.0).sum(axis=1) == 3).any()


def test_an_answer_depends_on_the_note_before_and_after_the_export(run, dataset, tmp_path):
  predictor = Predictor.load(run)
  mel, _ = dataset.read("test")
  assert len(predictor.notes(mel)) == len(mel)
  notes = dataset.notes("test")
  answers = predictor.answers(mel, notes)
  higher = [KnownNote(pitch=n.pitch + 12.0, hold_seconds=n.hold_seconds) for n in notes]
  for other in (predictor.answers(mel, higher), untold := predictor.answers(mel)):
    assert np.abs(other - answers).max() > 1e-4
  np.testing.assert_array_equal(predictor.answers(mel, [KnownNote()] * len(mel)), untold)
  exported.write(tmp_path, trained.load(run), card="")
  np.testing.assert_array_equal(Predictor.load(tmp_path).answers(mel, notes), answers)
  assert np.isnan(note_rows([KnownNote(pitch=60.5)])).tolist() == [[False, True, True]]


def test_a_match_shows_the_note_that_the_model_predicts(run, tmp_path):
  noise = np.random.default_rng(0).normal(0, 0.1, 44_100)
  with Matcher.open([run]) as matcher:
    found = matcher.match(noise, sample_rate=44_100, source="hiss", top=2)
    output.write(found, tmp_path / "hiss", pool=matcher.pool)
  heard = found.heard
  assert heard.pitch is None and heard.predicted.confidence < 0.5 and heard.midi is None
  said = json.loads((tmp_path / "hiss" / "patch.json").read_text())
  assert said["assumed"]["predicted"]["pitch"] == heard.predicted.pitch
  assert said["assumed"]["guesses"]["note"] == "no pitch was heard: C4 is assumed"
  page = (tmp_path / "hiss" / "index.html").read_text()
  assert f"The model makes of it MIDI note {heard.predicted.pitch:.1f}" in page


def test_a_table_has_registers_and_lengths(run, dataset):
  sheet, folder = evaluate(run, names=["model", "mean"], gallery_size=0)
  assert [target.told for target in sheet.material.targets] == dataset.notes("test")
  notes = dataset.notes("test")
  families = json.loads((folder / "results.json").read_text())["families"]
  low = sum(48 <= note.pitch < 60 for note in notes)
  counts = {name: rows["model"]["mse"]["count"] for name, rows in families.items()}
  assert counts.get("C3 to B3", 0) == low
  lengths = {name: n for name, n in counts.items() if name.startswith("held")}
  assert sum(lengths.values()) == len(notes)
  name = next(iter(families))
  assert f"{name}, {counts[name]} sounds:" in (folder / "table.md").read_text()


def test_a_data_set_of_one_note_is_refused_to_a_model_of_notes(dataset, tiny_dataset):
  config = config_of(dataset)
  config.data.name, config.data.dir = tiny_dataset.name, str(tiny_dataset.dir)
  with pytest.raises(UserError, match=r"model\.note is about notes, and massive16/tiny has only"):
    Run.open(config)


def test_a_sure_prediction_stands_in_for_a_pitch_that_is_not_heard(run):
  import dataclasses

  from synthmatch_jax.audio.hearing import Assume, hear
  from synthmatch_jax.audio.note import PredictedNote

  hiss = np.random.default_rng(0).normal(0, 0.1, 44_100)
  heard = hear(hiss, source="hiss", sample_rate=44_100, seconds=1.0).heard
  sure = PredictedNote(pitch=40.3, confidence=0.9, hold_seconds=0.4)
  predicted = dataclasses.replace(heard, predicted=sure)
  note = predicted.note(Note())
  assert (heard.note(Note()).pitch, note.pitch) == (60, 40)
  assert predicted.guesses(note)["note"] == "no pitch was heard: E2 is what the model makes of it"
  known = predicted.known_note(Note(velocity=90))
  assert (known.pitch, known.velocity) == (40.3, 90)
  assert known.hold_seconds is None and heard.endless
  told_it = dataclasses.replace(predicted, told=Assume(pitch=50, hold_seconds=0.5))
  known = told_it.known_note(told_it.held_note(Note()))
  assert known == KnownNote(pitch=50.0, velocity=127, hold_seconds=0.5)
