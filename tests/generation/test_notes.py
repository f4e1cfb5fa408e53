"""A data set of many notes, by the real builder."""

import massive16.massive16_dataset_builder as massive16
import numpy as np
import pytest

from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.audio.note import Note
from synthmatch_jax.audio.pitch import heard_pitch
from synthmatch_jax.data import pipeline
from synthmatch_jax.data.batch import note_rows
from synthmatch_jax.data.records import note_keys, note_of
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation.record import draw
from synthmatch_jax.inspection import dataset_report, inspect
from synthmatch_jax.synths.play import engine, hosting, play

NOTES = {"pitch": [48, 72], "velocity": [60, 127], "hold_seconds": [0.1, 0.8]}
OPTIONS = {"engine": "vital", "num_examples": 20, "seconds": 1.0, "shard_size": 24}


def config(**options):
  return massive16.Massive16Config(name="notes", **OPTIONS, **options)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
  folder = tmp_path_factory.mktemp("data")
  massive16.Builder(data_dir=folder, config=config(notes=NOTES)).download_and_prepare()
  return pipeline.open_dataset("massive16/notes", dir=folder)


def test_every_record_says_its_note_and_was_played_with_it(dataset):
  recipe = dataset.recipe
  keys = ("mel", "controls", "index", "attempts", *note_keys(recipe))
  found = [dataset.example("train", i, keys) for i in range(dataset.num_examples("train"))]
  notes = [note_of(record, recipe) for record in found]
  assert notes == dataset.notes("train")
  assert len(set(notes)) == len(notes)
  with hosting(engine(recipe)) as host:
    for record, note in list(zip(found, notes, strict=True))[:4]:
      example = draw(recipe, int(record["index"]), int(record["attempts"]))
      assert example.note == note
      np.testing.assert_array_equal(example.controls, record["controls"])
      again = log_mel(host.call(play, recipe, example), recipe.mel)
      loud = record["mel"] > record["mel"].max() - 40
      np.testing.assert_allclose(again[loud], record["mel"][loud], atol=0.5)


def test_batches_have_the_notes_of_their_records(dataset):
  _, controls = dataset.read("train")
  notes = {key.tobytes(): note for key, note in zip(controls, dataset.notes("train"), strict=True)}
  batch = next(pipeline.training_batches(dataset, batch_size=8, seed=0))
  expected = note_rows([notes[key.tobytes()] for key in batch["controls"]])
  assert expected.shape == (8, 3) and np.ptp(expected, axis=0).min() > 0
  np.testing.assert_array_equal(batch["note"], expected)


def test_a_note_is_heard_in_its_sound(dataset):
  recipe = dataset.recipe
  bare = np.full(recipe.space.width, 0.5, np.float32)
  quiet = {"osc2_amp": 0, "noise_amp": 0, "filter2_cut_prm_1": 0, "envelope1_att_lev": 0}
  loud = {"osc1_amp": 1, "filter1_cut_prm_1": 1, "master_fx2_dry_wet": 0}
  for name, value in (quiet | loud).items():
    bare[recipe.space.names.index(name)] = value
  with hosting(engine(recipe)) as host:
    for note in dataset.notes("test"):
      example = type(draw(recipe, 0, 1))(controls=bare, note=note)
      heard = heard_pitch(host.call(play, recipe, example), recipe.mel.sample_rate)
      assert heard.midi == pytest.approx(note.pitch, abs=0.3)


def test_patches_do_not_depend_on_the_notes(dataset):
  alone = config().recipe
  assert alone.notes is None
  assert alone.digest() != dataset.recipe.digest()
  for index in range(5):
    one, other = draw(alone, index, 1), draw(dataset.recipe, index, 1)
    np.testing.assert_array_equal(one.controls, other.controls)
    assert one.note == Note()


def test_varied_notes_are_the_default_distribution():
  notes = config(notes="varied").recipe.notes
  assert (notes.pitch, notes.hold_seconds) == ((33, 96), (0.08, 3.0))


@pytest.mark.parametrize("notes", ["variable", {"pitch": [90, 20]}, {"key": 60}, 5, [], True])
def test_a_mistaken_distribution_is_one_sentence(notes):
  with pytest.raises(UserError, match=r'give "varied", or such ranges, as "notes" in --config'):
    _ = config(notes=notes).recipe


def test_describe_shows_the_distribution_and_finds_the_records_sound(dataset, tmp_path):
  found = inspect.inspect(dataset, engine=engine(dataset.recipe), sample=4, examples=1)
  assert found.verdict == "sound"
  for name in ("controls", "examples"):
    (tmp_path / name).mkdir()
  page = dataset_report.write(found, tmp_path).read_text()
  words = "MIDI 48 to 72, velocity 60 to 127, held for 0.1 to 0.8 s"
  assert words in page and f"notes: {words}" in dataset_report.summary(found)
  assert 'src="notes.png"' in page and (tmp_path / "notes.png").exists()
  played = [note for split in ("train", "validation", "test") for note in dataset.notes(split)]
  np.testing.assert_array_equal(found.records.notes, note_rows(played))
