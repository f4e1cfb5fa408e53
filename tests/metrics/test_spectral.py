"""Spectral convergence against closed forms and a second implementation."""

import math

import numpy as np
import pytest
import scipy.signal

from synthmatch_jax.audio.spectral import StftSettings
from synthmatch_jax.metrics.spectral import spectral_convergence

RATE = 44_100
RNG = np.random.default_rng(0)
NOISE = RNG.normal(0, 0.1, RATE).astype(np.float32)
TONE = (0.5 * np.sin(2 * np.pi * 261.63 * np.arange(RATE) / RATE)).astype(np.float32)


@pytest.mark.parametrize("target", [NOISE, TONE, 1e-4 * TONE])
@pytest.mark.parametrize("gain", [0.0, 0.5, 1.0, 2.0, -1.0, 11.0])
def test_a_gain_scores_its_distance_from_one(target, gain):
  estimate = np.float32(gain) * target
  assert spectral_convergence(target, estimate) == pytest.approx(abs(abs(gain) - 1), abs=1e-6)


def test_equal_sounds_score_exactly_zero():
  assert spectral_convergence(NOISE, NOISE.copy()) == 0.0


def test_a_silent_target_has_no_score():
  silence = np.zeros(RATE, np.float32)
  for estimate in (NOISE, silence):
    assert math.isnan(spectral_convergence(silence, estimate))


def test_more_noise_scores_worse():
  scores = [spectral_convergence(TONE, TONE + gain * NOISE) for gain in (0, 0.01, 0.1, 1, 10)]
  assert scores == sorted(scores)
  assert len(set(scores)) == len(scores)


def test_it_is_relative_to_the_target():
  assert spectral_convergence(TONE, NOISE) != spectral_convergence(NOISE, TONE)
  assert spectral_convergence(TONE, NOISE) == pytest.approx(
    spectral_convergence(8 * TONE, 8 * NOISE), rel=1e-6
  )


def test_disjoint_spectra_add_up():
  """Without overlap the squared norms add: sqrt(1 + 1) for tones of equal strength."""
  other = (0.5 * np.sin(2 * np.pi * 5_000 * np.arange(RATE) / RATE)).astype(np.float32)
  assert spectral_convergence(TONE, other) == pytest.approx(math.sqrt(2), rel=0.01)


@pytest.mark.parametrize("settings", [StftSettings(), StftSettings(n_fft=1024, hop_length=256)])
def test_agrees_with_scipy(settings):
  window = np.hanning(settings.n_fft + 1)[:-1]
  transform = scipy.signal.ShortTimeFFT(window, settings.hop_length, RATE)
  frames = 1 + RATE // settings.hop_length
  target, estimate = (
    np.abs(transform.stft(audio.astype(np.float64), p0=0, p1=frames)) for audio in (TONE, NOISE)
  )
  expected = np.sqrt(((target - estimate) ** 2).sum() / (target**2).sum())
  assert spectral_convergence(TONE, NOISE, settings) == pytest.approx(expected, rel=1e-9)
