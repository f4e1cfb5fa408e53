"""Loudness against the standard's own figures and formulas."""

import math

import numpy as np
import pytest
import scipy.signal

from synthmatch_jax.audio import loudness

RATE = 48_000


def sine(seconds=4.0, *, hz=997.0, gain=1.0, rate=RATE):
  return (gain * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(
    np.float32
  )


def ungated_loudness(audio):
  """BS.1770-4 with the filters of its tables 1 and 2 (48 kHz), for steady sounds."""
  weighted = scipy.signal.lfilter(
    [1.53512485958697, -2.69169618940638, 1.19839281085285],
    [1.0, -1.69065929318241, 0.73248077421585],
    audio.astype(np.float64),
  )
  weighted = scipy.signal.lfilter(
    [1.0, -2.0, 1.0], [1.0, -1.99004745483398, 0.99007225036621], weighted
  )
  return -0.691 + 10 * np.log10(np.mean(np.square(weighted)))


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
@pytest.mark.parametrize("gain_db", [0.0, -23.0, -60.0])
def test_the_standards_reference_sine(rate, gain_db):
  """BS.1770-4: a 997 Hz sine at full scale in one channel reads -3.01."""
  audio = sine(gain=10 ** (gain_db / 20), rate=rate)
  assert loudness.loudness_db(audio, rate) == pytest.approx(gain_db - 3.01, abs=0.05)


@pytest.mark.parametrize("hz", [60, 261.63, 4_000, 12_000])
def test_weighting_of_steady_sines(hz):
  audio = sine(hz=hz, gain=0.3)
  assert loudness.loudness_db(audio, RATE) == pytest.approx(ungated_loudness(audio), abs=0.2)


def test_weighting_of_noise():
  audio = np.random.default_rng(0).normal(0, 0.1, 4 * RATE)
  assert loudness.loudness_db(audio, RATE) == pytest.approx(ungated_loudness(audio), abs=0.1)


def test_pauses_do_not_count():
  audio = sine(gain=0.1)
  padded = np.concatenate([audio, np.zeros(8 * RATE, np.float32)])
  assert loudness.loudness_db(padded, RATE) == pytest.approx(
    loudness.loudness_db(audio, RATE), abs=0.5
  )


def test_short_sounds_are_padded_to_one_block():
  short = sine(0.1, gain=0.1)
  block = np.pad(short, (0, round(0.3 * RATE)))
  assert loudness.loudness_db(short, RATE) == loudness.loudness_db(block, RATE)
  assert loudness.loudness_db(short, RATE) == pytest.approx(-23 - 10 * np.log10(4), abs=0.3)
  for samples in (1, 19_199, 19_200, 19_201):
    assert np.isfinite(loudness.loudness_db(np.ones(samples, np.float32), RATE))


def test_silence_has_no_loudness():
  for audio in (np.zeros(0), np.zeros(10), np.zeros(4 * RATE), sine(gain=1e-4)):
    assert loudness.loudness_db(audio, RATE) == -math.inf


@pytest.mark.parametrize("rate", [11_025, 22_050, 44_100])
def test_a_single_block_at_any_rate(rate):
  assert np.isfinite(loudness.loudness_db(sine(0.01, rate=rate), rate))


@pytest.mark.parametrize("target_db", [-40.0, -23.0, -12.0])
def test_match_reaches_the_target(target_db):
  audio = sine(gain=0.01)
  matched = loudness.match_loudness(audio, target_db, RATE)
  assert matched.dtype == np.float32
  assert loudness.loudness_db(matched, RATE) == pytest.approx(target_db, abs=1e-3)
  np.testing.assert_allclose(matched, audio * (matched.max() / audio.max()), rtol=1e-5)


@pytest.mark.parametrize("gain", [0.05, 1.0, 7.0])
def test_match_never_exceeds_full_scale(gain):
  audio = sine(gain=0.01)
  audio[1_000] = gain
  matched = loudness.match_loudness(audio, -10.0, RATE)
  assert np.abs(matched).max() == 1.0
  assert loudness.loudness_db(matched, RATE) < -10


def test_match_finds_sounds_under_the_absolute_gate():
  matched = loudness.match_loudness(sine(gain=1e-5), -20.0, RATE)
  assert loudness.loudness_db(matched, RATE) == pytest.approx(-20, abs=1e-3)


def test_match_leaves_silence_alone():
  for samples in (0, 1, RATE):
    silence = np.zeros(samples, np.float32)
    np.testing.assert_array_equal(loudness.match_loudness(silence, -20.0, RATE), silence)


def test_match_with_a_silent_target_gives_silence():
  assert not loudness.match_loudness(sine(), -math.inf, RATE).any()


def test_match_of_what_has_no_loudness_at_all():
  """A slow drift is inaudible at any gain: it goes to full scale, no further."""
  drift = np.linspace(0, 1e-3, 4 * RATE)
  assert np.abs(loudness.match_loudness(drift, -20.0, RATE)).max() <= 1
