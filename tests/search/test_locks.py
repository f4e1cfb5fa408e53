"""What a search leaves alone."""

import numpy as np
import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.search.locks import NONE, Locks
from synthmatch_jax.spaces.discrete import Choice, Integer, Switch
from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.spaces.space import ParameterSpace
from synthmatch_jax.synths import registry

VITAL = registry.engine("vital").space

MIXED = ParameterSpace(
  "mixed",
  (
    Continuous(name="cutoff", meaning="", low=8.0, high=136.0),
    Integer(name="voices", meaning="", low=1, high=5),
    Switch(name="sync", meaning=""),
    Choice(name="shape", meaning="", options=("saw", "pulse", "sine")),
  ),
)


def test_a_lock_is_told_in_the_synths_terms():
  locks = Locks.parse(["cutoff=72", "voices=3", "sync=on", "shape=pulse"], MIXED)
  held = locks.hold(np.zeros(MIXED.width, np.float32))
  assert MIXED.decode(held) == {"cutoff": 72, "voices": 3, "sync": 1, "shape": "pulse"}
  assert locks.names == {"cutoff", "voices", "sync", "shape"}


def test_what_has_no_value_stays_as_it_is_in_the_start():
  start = np.linspace(0, 1, VITAL.width, dtype=np.float32)
  locks = Locks.parse(["osc2_pitch", "noise_amp=0", "osc2_pitch"], VITAL).at(start)
  held = locks.hold(np.full(VITAL.width, 0.3, np.float32))
  patch = dict(zip(VITAL.names, held, strict=True))
  assert patch.pop("osc2_pitch") == start[VITAL.names.index("osc2_pitch")]
  assert patch.pop("noise_amp") == 0
  assert set(patch.values()) == {np.float32(0.3)}
  np.testing.assert_array_equal(NONE.hold(start), start)


@pytest.mark.parametrize(
  ("texts", "says"),
  [
    (["cutof=3"], "did you mean cutoff"),
    (["xyz"], "it has cutoff, voices, sync, shape"),
    ([""], "has no ''"),
    (["cutoff=72", "cutoff=73"], "cutoff is locked twice"),
    (["cutoff", "cutoff=73"], "cutoff is locked twice"),
    (["cutoff=high"], "cutoff cannot be locked to 'high': it has 8 to 136"),
    (["cutoff=nan"], "cannot be locked to 'nan'"),
    (["cutoff=200"], "cannot be locked to '200'"),
    (["cutoff="], "cannot be locked to ''"),
    (["voices=2.5"], "whole numbers from 1 to 5"),
    (["sync=2"], "off or on"),
    (["shape=triangle"], "saw, pulse, sine"),
  ],
)
def test_a_lock_that_cannot_be_gets_a_sentence(texts, says):
  with pytest.raises(UserError, match=says):
    Locks.parse(texts, MIXED)
