"""Pitch error on tones of known detune."""

import math

import numpy as np
import pytest

from synthmatch_jax.metrics.f0 import PitchError
from tests.metrics.sounds import NOISE, RATE, SILENCE, TONE, tone

metric = PitchError()


@pytest.mark.parametrize("cents", [-1_200, -100, -7, 3, 50, 700, 1_200])
def test_detune_is_measured_in_cents(cents):
  assert metric(TONE, tone(cents=cents)) == pytest.approx(abs(cents), abs=1.5)


def test_level_timbre_and_envelope_do_not_matter():
  for estimate in (np.float32(0.01) * TONE, tone(slope=2.0), tone(decay=4.0)):
    assert metric(TONE, estimate) == pytest.approx(0, abs=1)


def test_only_frames_voiced_in_both_count():
  half = TONE.copy()
  half[RATE // 2 :] = NOISE[RATE // 2 :]
  assert metric(half, tone(cents=100)) == pytest.approx(100, abs=5)


@pytest.mark.parametrize("other", [NOISE, SILENCE])
def test_no_common_voiced_frame_has_no_error(other):
  for pair in ((TONE, other), (other, TONE), (other, other)):
    assert math.isnan(metric(*pair))


def test_the_error_is_the_mean_over_frames():
  """Half of the sound 200 cents off: a mean of 100, a median of 0 or 200."""
  half = TONE.copy()
  half[RATE // 2 :] = tone(cents=200)[RATE // 2 :]
  assert metric(TONE, half) == pytest.approx(100, abs=10)
