import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthmatch_jax.spaces.massive16 import TABLE_1
from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.synths import registry

VITAL = registry.engine("vital").space

PARAMETERS = [*VITAL.parameters, *(Continuous(name=n, meaning=m) for n, m in TABLE_1.items())]


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda p: p.name)
def test_ends_are_exact(parameter):
  assert parameter.decode(0.0) == parameter.low
  assert parameter.decode(1.0) == parameter.high
  assert parameter.encode(parameter.low) == 0.0
  assert parameter.encode(parameter.high) == 1.0


@given(control=st.floats(2**-24, 1, width=32), parameter=st.sampled_from(PARAMETERS))
def test_float32_controls_round_trip_to_the_last_bit(control, parameter):
  assert np.float32(parameter.encode(parameter.decode(control))) == np.float32(control)


def test_out_of_range_is_clamped_and_nan_is_safe():
  cutoff = Continuous(name="cutoff", meaning="", low=8.0, high=136.0)
  assert cutoff.decode(-0.1) == 8.0
  assert cutoff.decode(1.1) == 136.0
  assert cutoff.decode(math.nan) == 8.0
  assert cutoff.encode(1e9) == 1.0
  assert cutoff.encode(-1e9) == 0.0


def test_curves_have_their_closed_form():
  decay = Continuous(name="decay", meaning="", unit="s", high=8.0, curve="quartic")
  assert decay.decode(0.5) == pytest.approx(8.0 * 0.5**4)
  level = Continuous(name="level", meaning="", high=1.0, curve="quadratic")
  assert level.decode(0.3) == pytest.approx(0.09)
  offset = Continuous(name="time", meaning="", low=1.0, high=16.0, curve="quartic")
  assert offset.decode(0.5) == pytest.approx(1.5**4)


@pytest.mark.parametrize(
  "wrong", [{"low": 1.0, "high": 1.0}, {"high": math.inf}, {"low": -1.0, "curve": "quartic"}]
)
def test_an_impossible_range_is_refused(wrong):
  with pytest.raises(ValueError, match="x:"):
    Continuous(name="x", meaning="", **wrong)
