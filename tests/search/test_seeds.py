"""Where a search begins: the prior, the neighbours, a file."""

import json
import struct

import numpy as np
import pytest

from synthmatch_jax import exported
from synthmatch_jax.data import pipeline
from synthmatch_jax.errors import UserError
from synthmatch_jax.search import begin, neighbours, seeds
from synthmatch_jax.synths.registry import Engine

VITAL = Engine(name="vital")


def test_the_middle_of_a_prior_is_that_of_each_control(recipe):
  middle = dict(zip(recipe.space.names, seeds.middle(recipe).controls, strict=True))
  assert middle["osc2_pitch"] == pytest.approx(0.5, abs=0.01)  # Unison is the most usual.
  assert 0.02 < middle["filter2_cut_prm_1"] < 0.4
  np.testing.assert_array_equal(seeds.middle(recipe).controls, seeds.middle(recipe).controls)


@pytest.fixture(scope="module")
def index(tiny_dataset):
  dataset = tiny_dataset.open()
  return neighbours.build(pipeline.ordered_batches(dataset, "train", batch_size=16))


def test_a_sound_of_the_index_is_its_own_nearest_neighbour(index, tiny_dataset):
  mels, controls = tiny_dataset.open().read("train")
  for k in range(0, len(mels), 7):
    found = seeds.nearest(index, [mels[k]], count=3)
    assert len(found) == 3
    np.testing.assert_allclose(found[0].controls, controls[k], atol=0.5 / 255 + 1e-6)


def test_neighbours_are_nearly_those_of_the_log_mels(index, tiny_dataset):
  dataset = tiny_dataset.open()
  mels, controls = dataset.read("train")
  others, _ = dataset.read("test")
  for one in others:
    distances = np.square(mels - one).sum((1, 2))
    best = index.find(one[None], count=1)[0]
    place = np.abs(controls - best).sum(1).argmin()
    assert np.argsort(np.argsort(distances))[place] <= 3
  both = index.find(np.stack([mels[0], mels[9]]), count=2)
  wanted = {tuple(np.round(controls[k], 2)) for k in (0, 9)}
  assert {tuple(np.round(one, 2)) for one in both} <= wanted or len(wanted) == 2


def test_the_index_travels_with_the_model(tiny_run, tiny_dataset, tmp_path):
  path, count = neighbours.make(tiny_run, data_dir=None, limit=40)
  try:
    recipe = tiny_dataset.open().recipe
    assert count == 40
    found = neighbours.read(tiny_run, recipe, sums={})
    assert found is not None
    assert found.controls.shape == (40, 16)
    assert neighbours.read(tmp_path, recipe, sums={}) is None
    with pytest.raises(UserError, match="did not come with the model"):
      neighbours.read(tiny_run, recipe, sums={"weights.safetensors": "0"})
    with pytest.raises(UserError, match=r"its checksum is not the one .*synthmatch_jax\.index"):
      neighbours.read(tiny_run, recipe, sums={neighbours.FILE: 64 * "0"})
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match="cannot be used"):
      neighbours.read(tiny_run, recipe, sums={})
  finally:
    path.unlink()
  assert exported.NEIGHBOURS == neighbours.FILE


def test_an_index_of_a_single_sound_finds_it(recipe, tmp_path):
  mel = np.zeros((1, recipe.num_frames, recipe.mel.n_mels), np.float32)
  controls = np.linspace(0, 1, 16, dtype=np.float32)[None]
  neighbours.write(
    tmp_path / neighbours.FILE, neighbours.build([{"mel": mel, "controls": controls}])
  )
  found = neighbours.read(tmp_path, recipe, sums={})
  assert found is not None
  np.testing.assert_allclose(found.find(mel, count=2), controls, atol=1 / 255)


def test_an_index_of_other_sounds_is_refused(index, tmp_path, recipe):
  neighbours.write(tmp_path / neighbours.FILE, index)
  with pytest.raises(UserError, match="its mean are not those of the model's sounds"):
    neighbours.read(tmp_path, recipe, sums={})


@pytest.mark.parametrize(
  ("changes", "says"),
  [
    ({"controls": np.uint8(3)}, "its controls are not those"),
    ({"basis": np.float32(3)}, "are not those of the model"),
    ({"places": np.zeros((4, 2), np.uint8)}, "its places are not those"),
    ({"controls": np.zeros((0, 16), np.uint8), "places": np.zeros((0, 2), np.uint8)}, "no sounds"),
    ({"mean": np.nan}, "its mean are no decibels"),
    ({"basis": 1e30}, "its basis are no decibels"),
    ({"basis": 1e-30}, "its basis is none"),
    ({"controls": np.zeros((3, 16))}, "of another kind"),
  ],
)
def test_an_index_of_a_stranger_is_bounded(changes, says, recipe, tmp_path):
  width = recipe.num_frames * recipe.mel.n_mels
  arrays = {
    "controls": np.zeros((3, 16), np.uint8),
    "places": np.zeros((3, 2), np.uint8),
    "mean": np.zeros(width, np.float32),
    "basis": np.ones((2, width), np.float32),
  }
  np.savez(tmp_path / neighbours.FILE, **arrays)
  assert neighbours.read(tmp_path, recipe, sums={}) is not None
  for name, change in changes.items():
    arrays[name] = np.full_like(arrays[name], change) if isinstance(change, float) else change
  np.savez(tmp_path / neighbours.FILE, **arrays)
  with pytest.raises(UserError, match=f"{says}.*make it again by"):
    neighbours.read(tmp_path, recipe, sums={})


def answer(space="massive16/vital", **changes):
  controls = dict.fromkeys(VITAL.space.names, 0.25) | changes
  return {"space": space, "answers": [{"controls": controls}]}


def test_a_search_begins_with_an_answer_or_a_preset(recipe, tmp_path):
  patch_json, preset = tmp_path / "patch.json", tmp_path / "mine.vital"
  patch_json.write_text(json.dumps(answer(osc1_amp=0.5)))
  found = begin.read(patch_json, recipe, VITAL)
  assert (found.dtype, found[1], found[0]) == (np.float32, 0.5, 0.25)
  VITAL.make().save_preset(recipe.space.decode(found), preset)
  np.testing.assert_allclose(begin.read(preset, recipe, VITAL), found, atol=1e-5)


def test_what_is_switched_off_in_a_preset_is_silent(recipe, tmp_path):
  preset = tmp_path / "mine.vital"
  VITAL.make().save_preset(recipe.space.decode(np.full(16, 0.5)), preset)
  said = json.loads(preset.read_text())
  said["settings"]["osc_2_on"] = 0.0
  preset.write_text(json.dumps(said))
  found = dict(zip(recipe.space.names, begin.read(preset, recipe, VITAL), strict=True))
  assert found["osc2_amp"] == 0
  assert found["osc1_amp"] == pytest.approx(0.5)


@pytest.mark.parametrize(
  ("name", "content", "says"),
  [
    ("none.json", None, "cannot be read"),
    ("none.vital", None, "cannot be read"),
    ("a.json", "{", "is no start of a search"),
    ("a.json", json.dumps([]), "it holds no answer"),
    ("a.json", json.dumps({"answers": []}), "it holds no answer"),
    ("a.json", json.dumps(answer("mine/other")), "an answer in the space 'mine/other'"),
    ("a.json", json.dumps(answer(more=1.0)), "start from an answer of the same model"),
    ("a.json", json.dumps(answer(osc1_amp=2)), "not numbers from 0 to 1"),
    ("a.json", json.dumps(answer(osc1_amp="loud")), "is no start of a search"),
    ("a.json", json.dumps(answer(osc1_amp={})), "is no start of a search"),
    ("a.json", json.dumps(answer(osc1_amp=[[0.5]])), "is no start of a search"),
    ("a.json", json.dumps(answer(osc1_amp=None)), "not numbers from 0 to 1"),
    ("a.vital", "no preset", "is no start of a search"),
    ("a.vital", "[1]", "it is no preset of Vital"),
    ("a.vital", json.dumps({"settings": {}}), "is no number"),
    ("a.vital", struct.pack("<4s", b"VST3"), "is no start of a search"),
  ],
)
def test_a_start_that_is_none_gets_a_sentence(name, content, says, recipe, tmp_path):
  path = tmp_path / name
  if content is not None:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
  with pytest.raises(UserError, match=says):
    begin.read(path, recipe, VITAL)
