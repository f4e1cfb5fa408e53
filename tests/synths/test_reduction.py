"""Presets of other people, reduced to the wide space of Vital."""

import copy
import json
import random

import numpy as np
import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths import reduction, vital
from tests.hostile import TEXTS, mutated

WIDE = vital.described()["vital_wide"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
  """A preset that the engine saved, as JSON, and its patch."""
  space = WIDE.space
  drawn = prior.sample(prior.load("presets", space), space, np.random.default_rng(5))
  patch = space.decode(drawn) | {"osc_1_on": 1, "osc_1_wavetable": "saw", "osc_1_wave_frame": 12.0}
  patch |= {
    "osc_1_level": 0.5,
    "osc_1_transpose": "0",
    "lfo_1_to_level": 0.0,
    "lfo_2_to_level": 0.0,
  }
  path = WIDE.make().save_preset(patch, tmp_path_factory.mktemp("presets") / "mine.vital")
  return json.loads(path.read_text()), patch


@pytest.fixture
def preset(saved):
  return copy.deepcopy(saved[0])


def test_what_the_engine_saved_comes_back(saved, tmp_path):
  path = tmp_path / "mine.vital"
  path.write_text(json.dumps(saved[0]))
  found, space = reduction.read(path, WIDE), WIDE.space
  one, other = (space.encode(patch)[None] for patch in (saved[1], found.patch))
  wrong = space.heard(one)[0] & (space.errors(one, other)[0] > 0.01)
  # A wave may be in two wavetables.
  assert not {n for n, w in zip(space.names, wrong, strict=True) if w and "_wave" not in n}
  assert found.lost == []


def with_route(preset, source, destination, amount):
  settings = preset["settings"]
  settings["modulations"] = [{"source": "", "destination": ""}] * 64
  settings["modulations"][20] = {"source": source, "destination": destination}
  return preset, settings | {"modulation_21_amount": amount, "modulation_21_bipolar": 0.0}


@pytest.mark.parametrize(
  ("route", "changes", "patch"),
  [
    (  # Which envelope moves the filter does not matter; nor does which LFO.
      ("env_5", "filter_1_cutoff", 0.25),
      {"env_5_decay": 1.0},
      {"env_2_to_filter_1": 32.0, "env_2_decay": 1.0},
    ),
    (
      ("env_2", "voice_transpose", 0.125),
      {"env_2_decay": 0.5},
      {"env_3_to_pitch": 12.0, "env_3_decay": 0.0625},
    ),
    (
      ("lfo_7", "osc_1_tune", 0.5),
      {"lfo_7_frequency": 2.0, "lfo_7_sync": 0.0},
      {"lfo_2_to_pitch": 0.5, "lfo_2_frequency": 2.0},
    ),
    (  # 1/8 at 120 beats a minute is 4 Hz.
      ("lfo_1", "osc_1_tune", 0.5),
      {"lfo_1_sync": 1.0, "lfo_1_tempo": 9.0},
      {"lfo_1_frequency": 2.0},
    ),
    (  # A level that is raised is as one that is lowered from its top.
      ("lfo_1", "osc_1_level", 0.5),
      {"osc_1_level": 0.25},
      {"osc_1_level": 0.75, "lfo_1_to_level": 2 / 3},
    ),
    (
      ("macro_control_2", "osc_1_level", 0.5),
      {"macro_control_2": 0.5},
      {"osc_1_level": 0.75},
    ),
    (  # Half of the way of a modulation both ways is up.
      ("lfo_1", "filter_1_cutoff", 0.25),
      {"filter_1_cutoff": 60.0},
      {"filter_1_cutoff": 76.0, "lfo_1_to_cutoff": 16.0},
    ),
  ],
)
def test_a_modulation_takes_its_place(preset, route, changes, patch):
  preset, settings = with_route(preset, *route)
  off = {"osc_2_on": 0.0, "osc_3_on": 0.0, "sample_on": 0.0, "filter_1_on": 1.0}
  preset["settings"] = settings | off | {"filter_1_model": 0.0, "osc_1_level": 0.5} | changes
  found = reduction.reduce(preset, WIDE).patch
  assert {name: found[name] for name in patch} == pytest.approx(patch, abs=1e-5)


@pytest.mark.parametrize(
  ("changes", "says"),
  [
    ({"flanger_on": 1.0}, "flanger is on: left out"),
    ({"osc_1_unison_voices": 16.0}, "osc_1_unison_voices of 16 becomes 8"),
    ({"osc_1_transpose": 36.0}, "osc_1_transpose of 36 becomes 24"),
    ({"env_1_hold": 0.5}, "env_1_hold of 0.5 stays at 0"),
    ({"osc_1_destination": 4.0}, "osc_1 goes past the effects"),
    ({"effect_chain_order": 7.0}, "the effects are in another order"),
  ],
)
def test_what_is_lost_is_told(preset, changes, says):
  preset["settings"] |= changes
  assert any(line.startswith(says) for line in reduction.reduce(preset, WIDE).lost)


def test_a_source_without_a_place_and_a_wave_that_is_no_wave_are_told(preset):
  preset, settings = with_route(preset, "random_1", "osc_1_level", 0.5)
  settings["wavetables"][0]["groups"][0]["components"][0]["type"] = "Audio File Source"
  found = reduction.reduce(preset | {"settings": settings}, WIDE)
  assert "random_1 moves osc_1_level: left out" in found.lost
  assert any("of osc_1 is no wave: a saw instead" in line for line in found.lost)
  assert (found.patch["osc_1_wavetable"], found.patch["osc_1_wave_frame"]) == ("analogue", 32.0)


def test_the_engine_begins_with_a_preset_of_anybody(preset, tmp_path):
  path = tmp_path / "theirs.vital"
  path.write_text(json.dumps(preset))
  assert WIDE.make().read_preset(path) == reduction.read(path, WIDE).patch


@pytest.mark.parametrize("text", [*TEXTS, '{"settings": {}}', '{"settings": {"osc_1_on": "x"}}'])
def test_what_is_no_preset_is_one_sentence(text, tmp_path):
  path = tmp_path / "bad.vital"
  path.write_text(text)
  with pytest.raises(UserError, match=r"bad.vital is no preset of Vital \("):
    reduction.read(path, WIDE)
  with pytest.raises(UserError, match=r"none.vital cannot be read"):
    reduction.read(tmp_path / "none.vital", WIDE)


def test_a_damaged_preset_is_read_or_refused(preset, tmp_path):
  preset["settings"]["sample"]["samples"] = ""
  rng, path, read = random.Random(0), tmp_path / "bad.vital", 0
  for _ in range(60):
    path.write_text(json.dumps(mutated(preset, rng)))
    try:
      controls = WIDE.space.encode(reduction.read(path, WIDE).patch)
    except UserError as error:
      assert str(error).startswith(f"{path} is no preset of Vital (")
    else:
      read += 1
      assert ((controls >= 0) & (controls <= 1)).all()
  assert 10 < read < 60
