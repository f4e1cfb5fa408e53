"""Another space of Vital is another file: here one with parameters of every kind."""

import json
import shutil

import numpy as np
import pytest

from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation import record
from synthmatch_jax.spaces import prior
from synthmatch_jax.spaces.massive16 import TABLE_1
from synthmatch_jax.synths import hosts, play, registry, vital

SMALL = """{
  "name": "small",
  "space": "small/vital",
  "base_preset": "vital16.vital",
  "parameters": [
    {"name": "level", "meaning": "gain", "sets": "osc_1_level"},
    {"name": "pitch", "meaning": "transposition", "unit": "semitones", "low": -24.0, "high": 24.0,
     "sets": ["osc_1_transpose", "osc_1_tune"]},
    {"name": "voices", "kind": "integer", "meaning": "unison", "low": 1, "high": 8,
     "sets": "osc_1_unison_voices"},
    {"name": "filter", "kind": "switch", "meaning": "filter 1", "sets": "filter_1_on"},
    {"name": "model", "kind": "choice", "meaning": "the model of filter 1",
     "options": ["analog", "ladder", "comb"], "values": [0, 2, 6], "heard_when": "filter",
     "sets": "filter_1_model"},
    {"name": "attack", "meaning": "attack time", "unit": "s", "high": 2.0, "curve": "quartic",
     "sets": "env_1_attack"}
  ]
}"""
PATCH = {"level": 0.9, "pitch": -3.7, "voices": 3, "filter": 1, "model": "ladder", "attack": 0.01}
NOTE = Note(hold_seconds=0.3)


@pytest.fixture
def small(tmp_path, monkeypatch):
  """The engine of the file, which lies beside the one that comes along."""
  presets = shutil.copytree(vital._PRESETS, tmp_path / "presets")
  (presets / "small.json").write_text(SMALL)
  monkeypatch.setattr(vital, "_PRESETS", presets)
  found = vital.described.__wrapped__()
  monkeypatch.setattr(vital, "described", lambda: found)
  return registry.engine("small")


def render(synth, patch):
  return synth.render(patch, note=NOTE, seconds=0.5, sample_rate=44_100)


def test_the_engine_that_comes_along_has_the_papers_parameters():
  space = vital.described()["vital"].space
  assert {p.name: p.meaning for p in space.parameters} == TABLE_1


def test_values_of_every_kind_are_rendered_and_read_back(small):
  synth = small.make()
  assert (synth.name, small.space.width, small.prior) == ("small", 8, "uniform")
  rng = np.random.default_rng(0)
  for _ in range(5):
    controls = prior.sample(prior.load("uniform", small.space), small.space, rng)
    patch = small.space.decode(controls)
    assert np.isfinite(render(synth, patch)).all()
    read = synth.read_back()
    assert {n: read[n] for n in ("voices", "filter", "model")} == {
      n: patch[n] for n in ("voices", "filter", "model")
    }
    np.testing.assert_allclose(small.space.encode(read), controls, atol=1e-6)


@pytest.mark.parametrize(
  "change",
  [
    {"level": 0.4},
    {"pitch": 5.0},
    {"voices": 6},
    {"filter": 0},
    {"model": "comb"},
    {"attack": 0.2},
  ],
)
def test_every_parameter_is_heard(small, change):
  one, other = (render(small.make(), PATCH | changed) for changed in ({}, change))
  assert np.abs(one - other).max() > 0.01 * np.abs(one).max()


def test_a_preset_holds_every_value_in_vitals_own_numbers(small, tmp_path):
  synth = small.make()
  path = synth.save_preset(PATCH, tmp_path / "mine.vital")
  settings = json.loads(path.read_text())["settings"]
  held = {
    "osc_1_level": 0.9,
    "osc_1_transpose": -4.0,
    "osc_1_tune": 0.3,
    "osc_1_unison_voices": 3.0,
    "filter_1_on": 1.0,
    "filter_1_model": 2.0,
    "env_1_attack": 0.01**0.25,
  }
  assert {name: settings[name] for name in held} == pytest.approx(held, rel=1e-5)
  plain = vital.load_vita().Synth()
  plain.set_sample_rate(44_100)
  assert plain.load_json(path.read_text())
  plain.render(NOTE.pitch, 0.0, 0.25, 0.5)
  again = plain.render(NOTE.pitch, NOTE.velocity / 127, NOTE.hold_seconds, 0.5).mean(0)
  sound = render(synth, PATCH)
  assert np.abs(again - sound).max() < 1e-3 * np.abs(sound).max()


def test_records_are_made_and_what_is_set_is_part_of_the_fingerprint(small, monkeypatch):
  recipe = Recipe(
    engine="small",
    fingerprint=play.fingerprint(small),
    space=small.space,
    prior=prior.load(small.prior, small.space),
    seconds=0.5,
    threshold_db=-100.0,
  )
  made, _ = record.make_record(recipe, 3, hosts.host(play.engine(recipe)))
  np.testing.assert_allclose(made["read_back"], made["controls"], atol=1e-6)
  assert " settings/" in recipe.fingerprint
  other = json.loads(SMALL.replace("[0, 2, 6]", "[0, 2, 5]"))
  changed = vital.described() | {"small": vital.VitalDescription.from_dict(other)}
  monkeypatch.setattr(vital, "described", lambda: changed)
  with pytest.raises(UserError, match=r"rendered by small/2 .*, the engine here is small/2 .*"):
    play.engine(recipe)


def test_a_control_that_vital_does_not_have_is_named():
  data = json.loads(SMALL.replace("osc_1_level", "osc_1_loudness"))
  with pytest.raises(ValueError, match="small sets osc_1_loudness, which Vital does not have"):
    vital.VitalDescription.from_dict(data).make()
