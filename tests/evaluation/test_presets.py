"""Presets as sounds whose controls are known."""

import json

import numpy as np
import pytest

from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import presets
from synthmatch_jax.spaces import dx7, prior
from synthmatch_jax.spaces.voices import split_of
from synthmatch_jax.synths import registry
from tests.spaces.test_dx7 import singles, voices
from tests.spaces.voices_folder import prior_around


def recipe_of(name, prior_name, **changes):
  engine = registry.engine(name)
  found = prior.load(prior_name, engine.space)
  printed = engine.expected("")
  return Recipe(
    engine=name, fingerprint=printed, space=engine.space, prior=found, seconds=0.5, **changes
  )


def test_every_voice_of_every_bank_is_a_target_and_what_is_none_is_told(tmp_path):
  pytest.importorskip("dexed")
  own = list(voices(4))
  recipe = recipe_of("dexed", "uniform", threshold_db=-300.0)
  (tmp_path / "sub").mkdir()
  (tmp_path / "sub" / "bank.syx").write_bytes(singles(own[:3]))
  (tmp_path / "one.SYX").write_bytes(singles(own[3:4]))
  (tmp_path / "broken.syx").write_bytes(singles(own[:1])[:-20])
  (tmp_path / "patch.vital").write_text("{}")
  found = presets.read(tmp_path, recipe)
  assert [target.name for target in found.targets] == [
    *("one.SYX", "sub/bank.syx#1", "sub/bank.syx#2", "sub/bank.syx#3")
  ]
  assert [recipe.space.decode(c) for c in found.controls] == [
    voice.patch for voice in (own[3], *own[:3])
  ]
  assert list(found.failures) == ["broken.syx"]
  assert found.mel.shape == (4, recipe.num_frames, recipe.mel.n_mels)
  assert len(presets.read(tmp_path, recipe, limit=2).targets) == 2
  with pytest.raises(UserError, match=r"no preset of dexed in .* can be measured: .* cut off"):
    presets.read(tmp_path / "broken.syx", recipe)


def test_voices_that_are_held_out_are_those_of_the_test_split(tmp_path):
  pytest.importorskip("dexed")
  recipe = recipe_of("dexed", prior_around(tmp_path, shares={"mixed": 1}), threshold_db=-300.0)
  found = presets.read(presets.Path(presets.HELD_OUT), recipe)
  wanted = [dx7.space().encode(v.patch) for v in voices(60) if split_of(v) == "test"]
  np.testing.assert_array_equal(found.controls, wanted)


def test_what_is_no_preset_of_the_synth_gets_a_sentence(tmp_path):
  recipe = recipe_of("vital", "uniform")
  for where, says in {
    "held-out": "the prior uniform .* holds no voices out: name a folder of presets of vital",
    str(tmp_path / "none"): "there is no folder .*none of presets",
    str(tmp_path): "no preset of vital in .* can be measured: there is none",
  }.items():
    with pytest.raises(UserError, match=says):
      presets.read(presets.Path(where), recipe)
  (tmp_path / "other.vital").write_text(json.dumps({"settings": {"osc_1_on": "x"}}))
  with pytest.raises(UserError, match=r"can be measured: its osc_\w+ is no number"):
    presets.read(tmp_path, recipe)
