import json

import numpy as np
import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces.massive16 import TABLE_1, VITAL
from synthmatch_jax.spaces.space import ParameterSpace


def test_the_space_is_the_papers_table_in_its_order():
  # Typed from Table 1 of the paper, independently of the module.
  table = """osc1_position osc1_amp osc2_pitch osc2_position osc2_amp noise_amp filter1_cut_prm_1
    filter1_res_prm_3 filter2_cut_prm_1 filter2_res_prm_3 envelope4_att_tme envelope4_dec_tme
    envelope1_att_tme envelope1_att_lev envelope1_dec_tme master_fx2_dry_wet"""
  assert VITAL.names == tuple(TABLE_1) == tuple(table.split())
  assert VITAL.dim == 16
  assert all(p.meaning and p.unit for p in VITAL.parameters)


def test_controls_survive_the_patch():
  controls = np.random.default_rng(0).random((1000, VITAL.dim), np.float32)
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
