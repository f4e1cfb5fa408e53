"""A proxy in place of the synth: what it hears, what it makes better, and which one is let in."""

import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from synthmatch_jax import exported, inference
from synthmatch_jax.audio.note import Note
from synthmatch_jax.errors import UserError
from synthmatch_jax.exported import PROXY
from synthmatch_jax.models import weights
from synthmatch_jax.search import seeds, stand_in
from synthmatch_jax.search.quantiles import Quantiles
from synthmatch_jax.search.stand_in import StandIn, apart
from synthmatch_jax.training import carry, trained


@pytest.fixture(scope="module")
def playing(tiny_proxy):
  return StandIn(inference.load(tiny_proxy))


@pytest.fixture(scope="module")
def task(playing):
  """The mel of a patch, other patches, and the note of the proxy."""
  rng = np.random.default_rng(0)
  true, *others = rng.uniform(0.3, 0.7, (6, 16)).astype(np.float32)
  note = playing.recipe.note
  return playing.mels(true[None], np.zeros((1, 3), np.float32))[0], np.stack(others), note


def test_neither_level_nor_what_is_far_below_counts():
  rng = np.random.default_rng(0)
  one, two = rng.uniform(-100, 0, (2, 7, 5)).astype(np.float32)
  power = [10 * np.log10(np.mean(10 ** (mel / 10))) for mel in (one, two)]
  wanted = np.abs(np.maximum(one - power[0], -60) - np.maximum(two - power[1], -60)).mean()
  one, two = jnp.asarray(one), jnp.asarray(two)
  assert apart(one[None], two)[0] == pytest.approx(wanted, rel=1e-4)
  assert apart(one[None] + 12, two)[0] == pytest.approx(wanted, rel=1e-4)
  assert apart(one[None], one - 7)[0] == pytest.approx(0, abs=1e-4)


def test_gradients_bring_patches_nearer_and_move_what_is_free_alone(playing, task):
  mel, others, note = task
  scale = Quantiles(playing.recipe)
  moved = np.ones(others.shape, bool)
  moved[:, 2:] = False
  begin = np.stack([scale.there(one) for one in others])
  asked = {"moved": moved, "begin": begin, "values": scale.values, "steps": 20}
  found = playing.descend(mel, others, note, **asked)
  before, after = (playing.distances(mel, some, note) for some in (others, found))
  assert (after <= before + 0.01).all()
  assert (after < 0.98 * before).any()
  np.testing.assert_array_equal(found[:, 2:], others[:, 2:])
  assert (found[:, :2] != others[:, :2]).any()
  np.testing.assert_array_equal(playing.descend(mel, others, note, **asked), found)


def test_what_was_traced_plays_and_steers_as_the_model_does(
  tiny_proxy, playing, task, tmp_path, monkeypatch
):
  mel, others, note = task
  exported.write(tmp_path / "proxy", inference.load(tiny_proxy), card="")
  asked = {"recipe": playing.recipe, "count": 2, "steps": 5}
  wanted = seeds.steered(playing, mel, list(others), note, **asked)
  before = jax.config.values["jax_compilation_cache_dir"]
  jax.config.update("jax_compilation_cache_dir", str(tmp_path / "jax"))
  try:
    for build in (weights.blueprint, None):
      monkeypatch.setattr(weights, "blueprint", build)
      found = StandIn(exported.read(tmp_path / "proxy"))
      assert found.digest == playing.digest
      steered = seeds.steered(found, mel, list(others), note, **asked)
      for one, other in zip(steered, wanted, strict=True):
        np.testing.assert_array_equal(one.controls, other.controls)
  finally:
    jax.config.update("jax_compilation_cache_dir", before)


def test_seeds_are_steered_ranked_and_leave_what_is_locked(playing, task):
  mel, others, note = task
  asked = {"recipe": playing.recipe, "count": 3}
  plain = seeds.steered(playing, mel, list(others), note, steps=0, **asked)
  distances = playing.distances(mel, others, note)
  np.testing.assert_array_equal(plain[0].controls, others[distances.argmin()])
  locked = {"osc1_amp", "filter1_cut_prm_1"}
  found = seeds.steered(playing, mel, list(others), note, steps=10, locked=locked, **asked)
  far = playing.distances(mel, np.stack([one.controls for one in found]), note)
  assert far[0] <= distances.min() + 0.01
  assert sorted(far) == far.tolist()
  for name in locked:
    place = playing.recipe.space.names.index(name)
    assert {one.controls[place] for one in found} <= set(others[:, place])


def test_a_control_on_a_peak_of_the_prior_stays_there(playing, task):
  mel, others, note = task
  place = playing.recipe.space.names.index("osc2_pitch")
  start = others.copy()
  start[:, place] = 0.5  # In unison.
  (found,) = seeds.steered(
    playing, mel, list(start), note, recipe=playing.recipe, steps=20, count=1
  )
  assert found.controls[place] == pytest.approx(0.5, abs=0.01)


def test_a_proxy_is_told_the_note_if_it_knows_more_than_one(playing, task):
  mel, others, _ = task
  far = [playing.distances(mel, others, Note(pitch=pitch)) for pitch in (40, 70)]
  np.testing.assert_array_equal(*far)


@pytest.fixture
def beside(trained_run, tiny_proxy, tmp_path):
  """A sealed model with a sealed proxy beside it."""
  shutil.copytree(tiny_proxy, tmp_path / "run" / PROXY)
  exported.write(tmp_path / "model", trained.load(trained_run), card="")
  carry.proxy(tmp_path / "run", tmp_path / "model")
  return tmp_path / "model"


def read(folder):
  found = inference.load(folder)
  return stand_in.read(folder, found.data.recipe, sums=found.sums)


def test_a_proxy_travels_with_its_model(beside, playing):
  assert read(beside).digest == playing.digest
  carry.proxy(beside / "nothing", beside)
  assert read(beside) is None


@pytest.mark.parametrize("file", ["model.json", "weights.safetensors"])
def test_a_proxy_that_is_damaged_or_was_exchanged_is_refused(beside, tiny_proxy, file):
  path = beside / PROXY / file
  path.write_bytes(path.read_bytes()[:-1] + b" ")
  with pytest.raises(UserError, match=r"proxy cannot be used .*damaged.* export one again by"):
    read(beside)


def test_a_proxy_that_did_not_come_along_or_is_not_sealed_is_refused(beside, tiny_proxy):
  described = json.loads((beside / PROXY / "model.json").read_text())
  for key in ("digest", "files"):
    described.pop(key)
  (beside / PROXY / "model.json").write_text(json.dumps(described))
  exported.seal(beside)
  with pytest.raises(UserError, match="did not come with the model"):
    read(beside)
  shutil.rmtree(beside / PROXY)
  exported.seal(beside)
  shutil.copytree(tiny_proxy, beside / PROXY)
  with pytest.raises(UserError, match="did not come with the model"):
    read(beside)


def test_what_plays_another_synth_or_is_no_proxy_is_refused(beside, trained_run):
  import dataclasses

  recipe = inference.load(beside).data.recipe
  with pytest.raises(UserError, match="differ from those of the model in seconds"):
    stand_in.read(beside, dataclasses.replace(recipe, seconds=2.0), sums={})
  shutil.rmtree(beside / PROXY)
  exported.write(beside / PROXY, trained.load(trained_run), card="")
  with pytest.raises(UserError, match="is no proxy of the synth"):
    stand_in.read(beside, recipe, sums={})
