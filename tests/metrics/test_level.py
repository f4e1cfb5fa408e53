"""Envelopes and loudness against plain loops and pyloudnorm."""

import math

import numpy as np
import pyloudnorm
import pytest

from synthmatch_jax.metrics.level import EnvelopeCosine, LoudnessDifference
from tests.metrics.sounds import NOISE, PAIRS, RATE, SHORT, SILENCE, SOUNDS, TONE, tone


def envelope_in_loops(audio):
  padded = np.pad(audio.astype(np.float64), 1102)
  return [
    np.sqrt(np.mean(padded[start : start + 2205] ** 2))
    for start in range(0, len(padded) - 2205 + 1, 1102)
  ]


@pytest.mark.parametrize(("target", "estimate"), PAIRS)
def test_envelope_cosine_agrees_with_plain_loops(target, estimate):
  t, e = (np.array(envelope_in_loops(SOUNDS[name])) for name in (target, estimate))
  score = EnvelopeCosine()(SOUNDS[target], SOUNDS[estimate])
  if target == "silence":
    assert math.isnan(score)
  elif estimate == "silence":
    assert score == 0
  else:
    expected = t @ e / (np.linalg.norm(t) * np.linalg.norm(e))
    assert score == pytest.approx(expected, rel=1e-9)


def test_envelope_cosine_hears_no_level_and_no_timbre():
  assert EnvelopeCosine()(TONE, np.float32(0.1) * TONE) == pytest.approx(1, abs=1e-9)
  assert EnvelopeCosine()(TONE, tone(cents=700, slope=2.0)) == pytest.approx(1, abs=1e-3)
  assert EnvelopeCosine()(TONE, TONE[::-1]) < 0.7


def test_envelopes_without_overlap_have_nothing_in_common():
  first, second = TONE.copy(), TONE.copy()
  first[RATE // 2 - 3_000 :] = 0
  second[: RATE // 2] = 0
  assert EnvelopeCosine()(first, second) == 0


@pytest.mark.parametrize("target", ["noise", "tone", "sine"])
@pytest.mark.parametrize("estimate", ["noise", "other tone", "sine"])
def test_loudness_difference_agrees_with_pyloudnorm(target, estimate):
  meter = pyloudnorm.Meter(RATE)
  t, e = (meter.integrated_loudness(SOUNDS[name].astype(np.float64)) for name in (target, estimate))
  score = LoudnessDifference()(SOUNDS[target], SOUNDS[estimate])
  assert score == pytest.approx(abs(t - e), abs=1e-6)


@pytest.mark.parametrize("gain_db", [-20.0, -6.0, 0.5, 12.0])
def test_loudness_difference_of_a_gain_is_the_gain(gain_db):
  louder = np.float32(10 ** (gain_db / 20)) * NOISE
  assert LoudnessDifference()(NOISE, louder) == pytest.approx(abs(gain_db), abs=0.01)


def test_silence_is_as_loud_as_the_gate():
  metric = LoudnessDifference()
  expected = pyloudnorm.Meter(RATE).integrated_loudness(NOISE.astype(np.float64)) + 70
  assert metric(NOISE, SILENCE) == metric(SILENCE, NOISE) == pytest.approx(expected)
  assert metric(SILENCE, 1e-5 * NOISE) == 0
  assert np.isfinite(metric(SHORT["short noise"], SHORT["short silence"]))
