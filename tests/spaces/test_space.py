import json
import re

import numpy as np
import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces import prior
from synthmatch_jax.spaces.discrete import Choice, Integer, Switch
from synthmatch_jax.spaces.massive16 import TABLE_1
from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.spaces.space import ParameterSpace
from synthmatch_jax.synths import registry

VITAL = registry.engine("vital").space


def test_the_space_is_the_papers_table_in_its_order():
  # Typed from Table 1 of the paper, independently of the module.
  table = """osc1_position osc1_amp osc2_pitch osc2_position osc2_amp noise_amp filter1_cut_prm_1
    filter1_res_prm_3 filter2_cut_prm_1 filter2_res_prm_3 envelope4_att_tme envelope4_dec_tme
    envelope1_att_tme envelope1_att_lev envelope1_dec_tme master_fx2_dry_wet"""
  assert VITAL.names == tuple(TABLE_1) == tuple(table.split())
  assert VITAL.width == 16
  assert all(p.meaning and p.unit for p in VITAL.parameters)


def test_controls_survive_the_patch():
  controls = np.random.default_rng(0).random((1000, VITAL.width), np.float32)
  controls[0], controls[1] = 0, 1
  back = np.stack([VITAL.encode(VITAL.decode(c)) for c in controls])
  np.testing.assert_array_equal(back, controls)


def test_a_patch_that_does_not_fit_is_named():
  patch = VITAL.decode(np.zeros(16, np.float32))
  del patch["noise_amp"]
  with pytest.raises(UserError, match=r"missing \['noise_amp'\], unknown \['noise'\]"):
    VITAL.encode(patch | {"noise": 1.0})


def test_a_wrong_number_of_controls_is_refused():
  with pytest.raises(ValueError, match="15 controls"):
    VITAL.decode(np.zeros(15, np.float32))


def test_slices_point_at_their_control():
  controls = np.arange(16.0)
  assert [controls[VITAL.slices[name]].item() for name in VITAL.names] == list(range(16))


def test_a_space_survives_json():
  assert ParameterSpace.from_dict(json.loads(json.dumps(VITAL.to_dict()))) == VITAL


MIXED = ParameterSpace(
  "mixed",
  (
    Switch(name="on", meaning="oscillator 2"),
    Choice(name="shape", meaning="its wave", options=("sine", "saw", "noise"), heard_when="on"),
    Continuous(name="level", meaning="its level", heard_when="on"),
    Integer(
      name="octave", meaning="", low=-2, high=2, heard_when="on and level > 0 and shape != 'noise'"
    ),
    Choice(name="foot", meaning="", options=("16", "8", "4"), ordered=True),
  ),
)
PATCH = {"on": 1, "shape": "saw", "level": 0.25, "octave": -1, "foot": "8"}


def test_a_space_counts_its_parameters_and_its_outputs():
  assert (len(MIXED.parameters), MIXED.width) == (5, 9)
  assert MIXED.outputs[:4] == ("on", "shape=sine", "shape=saw", "shape=noise")
  assert (MIXED.slices["level"], MIXED.slices["foot"]) == (slice(4, 5), slice(6, 9))
  assert VITAL.outputs == VITAL.names
  assert VITAL.is_numerical and set(VITAL.layout) == {("numerical", 1)}
  scales = ("binary", 1), ("categorical", 3), ("numerical", 1), ("numerical", 1), ("ordinal", 3)
  assert MIXED.layout == scales and not MIXED.is_numerical


def test_a_patch_of_several_kinds_goes_there_and_back():
  controls = MIXED.encode(PATCH)
  np.testing.assert_allclose(controls, [1, 0, 1, 0, 0.25, 0.25, 0, 1, 0])
  assert MIXED.decode(controls) == PATCH
  # What a network says is seldom exact.
  noisy = controls + np.random.default_rng(0).uniform(-0.1, 0.1, 9).astype(np.float32)
  assert MIXED.decode(noisy) | {"level": 0.25} == PATCH
  assert MIXED.decode(np.full(9, np.nan)) == {
    "on": 0,
    "shape": "sine",
    "level": 0.0,
    "octave": -2,
    "foot": "16",
  }
  assert MIXED.named(controls)["shape"] == [0.0, 1.0, 0.0]


def test_errors_are_of_parameters_each_by_its_kind():
  others = [
    PATCH | {"on": 0},
    PATCH | {"shape": "noise"},
    PATCH | {"level": 0.75},
    PATCH | {"octave": 2},
    PATCH | {"foot": "4"},
    PATCH | {"foot": "16"},
  ]
  target = np.stack([MIXED.encode(PATCH)] * 6)
  estimate = np.stack([MIXED.encode(other) for other in others])
  expected = np.zeros((6, 5))
  expected[range(6), [0, 1, 2, 3, 4, 4]] = [1, 1, 0.5, 0.75, 0.5, 0.5]
  np.testing.assert_allclose(MIXED.errors(target, estimate), expected)


def test_what_is_heard_follows_the_conditions():
  patches = [PATCH, PATCH | {"on": 0}, PATCH | {"shape": "noise"}, PATCH | {"level": 0.0}]
  heard = MIXED.heard(np.stack([MIXED.encode(patch) for patch in patches]))
  np.testing.assert_array_equal(
    heard,
    [[True] * 5, [True, False, False, False, True], *[[True, True, True, False, True]] * 2],
  )


def test_what_is_heard_with_another_is_not_heard_where_that_is_silent():
  parameters = (
    Continuous(name="level", meaning=""),
    Continuous(name="amount", meaning="", heard_with="level"),
    Continuous(name="time", meaning="", heard_with="amount"),
  )
  controls = np.array([[0.03, 0.5, 0.5], [0.031, 0.02, 0.5], [0.5, 0.5, 0.5]])
  np.testing.assert_array_equal(
    ParameterSpace("gates", parameters).heard(controls),
    [[True, False, False], [True, True, False], [True] * 3],
  )


def test_a_switch_that_is_hardly_off_gates_as_one_that_is_off():
  parameters = (
    Switch(name="on", meaning=""),
    Continuous(name="level", meaning="", heard_with="on"),
  )
  found = ParameterSpace("gate", parameters).heard(np.array([[0.4, 1.0], [0.5, 1.0]]))
  assert found.tolist() == [[True, False], [True, True]]


def test_groups_hold_the_places_of_their_parameters_and_survive_json():
  data = MIXED.to_dict()
  for i, group in ((1, "oscillators"), (4, "filters"), (2, "oscillators")):
    data["parameters"][i]["group"] = group
  space = ParameterSpace.from_dict(data)
  assert space.groups == {"oscillators": [1, 2], "filters": [4]}
  assert space.to_dict() == data
  assert MIXED.groups == {} and not space.difference(MIXED)


def test_a_space_of_several_kinds_survives_json():
  assert ParameterSpace.from_dict(json.loads(json.dumps(MIXED.to_dict()))) == MIXED
  # As before there were kinds: earlier versions read a continuous space.
  assert not {"kind", "heard_when", "group"} & set(VITAL.to_dict()["parameters"][0])


@pytest.mark.parametrize(
  ("changed", "says"),
  [
    ({"kind": "knob"}, "has the kind 'knob'; known: continuous, integer, switch, choice"),
    ({"kind": ["a"]}, "has the kind ['a']"),
    ({"heard_when": "off > 0"}, "on is heard when 'off > 0', but there is no off"),
    ({"heard_when": "level > 'high'"}, "no such comparison"),
    ({"heard_when": "import os"}, "cannot be read"),
    ({"heard_when": "on and " * 90 + "on"}, "a condition must be text of at most 600 characters"),
    ({"group": "a/b"}, "on: the name of a group has no slash, as 'a/b' has"),
    ({"name": ""}, "a parameter has no name"),
    ({"unit": "x" * 301}, "unit must be text of at most 300 characters, not of 301"),
    ({"kind": "choice", "options": ["a", "x" * 301]}, "on: an option must be text of at most 300"),
  ],
)
def test_a_space_that_cannot_be_meant_is_refused(changed, says):
  data = MIXED.to_dict()
  data["parameters"][0] |= changed
  with pytest.raises(ValueError, match=re.escape(says)):
    ParameterSpace.from_dict(data)


def test_a_prior_draws_parameters_of_every_kind():
  distributions = {
    "on": {"kind": "uniform", "low": 0.4, "high": 1.0},
    "shape": {"kind": "options", "weights": {"sine": 3, "noise": 1}},
    "level": {"kind": "beta", "a": 2.0, "b": 2.0},
    "octave": {"kind": "uniform"},
    "foot": {"kind": "uniform"},
  }
  found = prior.Prior(name="test", space="mixed", source="", controls=distributions)
  rng = np.random.default_rng(0)
  patches = [MIXED.decode(prior.sample(found, MIXED, rng)) for _ in range(2000)]
  assert np.mean([p["on"] for p in patches]) == pytest.approx(5 / 6, abs=0.03)
  assert np.mean([p["shape"] == "sine" for p in patches]) == pytest.approx(0.75, abs=0.03)
  assert {p["shape"] for p in patches} == {"sine", "noise"}
  for foot in ("16", "8", "4"):
    assert np.mean([p["foot"] == foot for p in patches]) == pytest.approx(1 / 3, abs=0.04)
  assert {p["octave"] for p in patches} == {-2, -1, 0, 1, 2}


def test_what_is_heard_with_something_that_is_not_heard_is_not_heard():
  parameters = (
    Switch(name="on", meaning=""),
    Choice(name="model", meaning="", options=("low", "comb"), heard_with="on"),
    Continuous(name="depth", meaning="", heard_when="model == 'comb'"),
    Continuous(name="rate", meaning="", heard_with="depth"),
  )
  space = ParameterSpace("a space", parameters)
  assert ParameterSpace.from_dict(space.to_dict()) == space
  controls = np.array([[1, 0, 1, 1, 1], [1, 1, 0, 1, 1], [0, 0, 1, 1, 1]], np.float32)
  np.testing.assert_array_equal(space.heard(controls), [[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 1, 1]])
