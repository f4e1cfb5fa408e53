"""Records rendered again: sound ones agree, others do not."""

import dataclasses
import math

import numpy as np
import pytest

from synthmatch_jax.audio.mel import MelSettings, log_mel
from synthmatch_jax.data.example import Example
from synthmatch_jax.generation.plan import Plan
from synthmatch_jax.inspection import replay
from synthmatch_jax.inspection.replay import Place, deviation_db
from synthmatch_jax.synths import play
from synthmatch_jax.synths.registry import Engine
from tests.inspection import edited
from tests.synths.remote import instrument

VITAL = Engine(name="vital")
PLACES = [
  Place(split=split, position=position, index=int(index))
  for split in ("train", "validation")
  for position, index in enumerate(Plan(seed=0, num_examples=60, shard_size=24).indices(split))
]


@pytest.fixture(scope="module")
def dataset(tiny_dataset):
  return tiny_dataset.open()


def run(dataset, places, *, keep=0, workers=2):
  return replay.replay(dataset, places, keep=keep, engine=VITAL, workers=workers)


def test_a_data_set_as_it_was_built_agrees(dataset):
  chosen = [PLACES[i] for i in (53, 30, 7, 2, 40, 11, 25, 0, 52, 19)]
  found = run(dataset, chosen, keep=3)
  assert [one.place for one in found] == chosen
  assert [one.faults for one in found] == [()] * 10
  # Ten below the tolerance, and better than the -68 dB that the engine is held to.
  assert max(one.deviation_db for one in found) < -70
  assert [one.sound is not None for one in found] == [True] * 3 + [False] * 7
  assert found[0].sound.audio.size == dataset.recipe.num_samples
  stored = edited.record(dataset, "validation", 5, "mel", "controls")
  np.testing.assert_array_equal(found[0].sound.stored, stored["mel"])
  np.testing.assert_array_equal(found[0].controls, stored["controls"])
  assert replay.check(found, VITAL).status == "sound"


def test_results_do_not_depend_on_the_number_of_workers(dataset):
  one, two = (run(dataset, PLACES[:12], workers=w) for w in (1, 2))
  assert [r.deviation_db for r in one] == [r.deviation_db for r in two]


def test_what_is_not_the_records_own_is_found(dataset):
  other = edited.record(dataset, "train", 9, "mel", "controls", "read_back")
  quieter = edited.record(dataset, "train", 5, "mel")["mel"] - 0.1
  wrong, expected = dataset, []
  for position, changes, says in (
    (4, {"mel": other["mel"]}, "its spectrogram is off by"),
    (5, {"mel": quieter}, "its spectrogram is off by -39 dB"),
    (6, {"mel": np.full_like(other["mel"], np.nan)}, "its spectrogram is unknown"),
    (7, {"controls": other["controls"]}, "its controls are not as drawn"),
    (8, {"read_back": other["read_back"]}, "the engine reads back other controls"),
    (10, {"level_db": -59.0}, "its loudness is"),
  ):
    wrong = edited.edit(wrong, "train", position, **changes)
    expected.append(f"train record {PLACES[position].index}: {says}")
  damages = replay.check(run(wrong, PLACES[4:12]), VITAL).damages
  assert len(damages) == len(expected)
  for damage, start in zip(damages, expected, strict=True):
    assert damage.startswith(start)


def test_a_control_that_is_a_little_off_is_heard(dataset):
  """The tolerance is not so wide that another patch would pass."""
  wrong = dataset.recipe.space.names.index("osc1_amp")
  controls = edited.record(dataset, "train", 0, "controls")["controls"].copy()
  controls[wrong] += 0.01 if controls[wrong] < 0.5 else -0.01
  with play.hosting(VITAL) as host:
    example = Example(controls=controls, note=dataset.recipe.note)
    mel = log_mel(host.call(play.play, dataset.recipe, example), dataset.recipe.mel)
  stored = edited.record(dataset, "train", 0, "mel")["mel"]
  assert deviation_db(stored, mel) > replay.tolerance_db(VITAL)


def test_the_deviation_is_that_of_amplitudes():
  mel = np.array([[0.0, -20.0, -40.0]])
  assert deviation_db(mel, mel) == -math.inf
  # A thousandth of the maximum, be it added to a loud bin or to a quiet one.
  for i in range(3):
    louder = mel.copy()
    louder[0, i] = 20 * np.log10(10 ** (mel[0, i] / 20) + 1e-3)
    assert deviation_db(mel, louder) == pytest.approx(-60)
  assert math.isnan(deviation_db(mel, mel * np.nan))


def test_what_is_added_to_a_sound_bounds_the_deviation():
  rng = np.random.default_rng(0)
  sound, noise = rng.normal(size=(2, 44_100)) * np.array([[1.0], [1e-3]])
  settings = MelSettings(floor_db=-200.0)
  mels = [log_mel(x, settings).astype(np.float64) for x in (sound, sound + noise, noise)]
  bound = 20 * np.log10((10 ** (mels[2] / 20)).max() / (10 ** (mels[0] / 20)).max())
  assert bound - 30 < deviation_db(*mels[:2]) <= bound + 0.1  # float32 decibels.


@pytest.mark.parametrize(
  ("repeatable_db", "tolerance_db"), [(None, -60), (-90.0, -60), (-40.0, -34)]
)
def test_an_engine_that_repeats_itself_less_is_given_more(repeatable_db, tolerance_db):
  engine = Engine(name="testbed", plugin=instrument(repeatable_db=repeatable_db))
  assert replay.tolerance_db(engine) == tolerance_db


def test_a_plugin_is_rendered_in_its_process(testbed, dataset, monkeypatch):
  monkeypatch.setenv("TESTBED", "")
  engine = Engine(name="testbed", plugin=instrument(), path=str(testbed))
  recipe = dataclasses.replace(dataset.recipe, engine="testbed", space=engine.space)
  other = dataclasses.replace(dataset, recipe=recipe)
  (found,) = replay.replay(other, PLACES[:1], keep=1, engine=engine, workers=1)
  assert found.faults[0].startswith("its spectrogram is off by")  # That of Vital is stored.
  assert np.abs(found.sound.audio).max() > 0
