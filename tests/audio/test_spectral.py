"""STFT magnitudes against scipy and closed forms."""

import dataclasses

import numpy as np
import pytest
import scipy.signal

from synthmatch_jax.audio.spectral import StftSettings, stft_magnitude

RATE = 44_100


@pytest.mark.parametrize(
  "settings",
  [StftSettings(), StftSettings(n_fft=512, hop_length=100), StftSettings(n_fft=4096)],
)
def test_agrees_with_scipy(settings):
  audio = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
  window = np.hanning(settings.n_fft + 1)[:-1]
  frames = 1 + RATE // settings.hop_length
  transform = scipy.signal.ShortTimeFFT(window, settings.hop_length, RATE)
  expected = np.abs(transform.stft(audio.astype(np.float64), p0=0, p1=frames)).T
  np.testing.assert_allclose(stft_magnitude(audio, settings), expected, atol=1e-9)


def test_shape_and_scale():
  sine = np.sin(2 * np.pi * 100 / 2048 * np.arange(4 * RATE)).astype(np.float32)
  magnitude = stft_magnitude(sine)
  assert magnitude.shape == (1 + 4 * RATE // 512, 1025)
  np.testing.assert_allclose(magnitude[2:-2, 100], 2048 / 4, rtol=1e-6)
  np.testing.assert_allclose(magnitude[2:-2, 104:], 0, atol=1e-3)


def test_short_audio_is_padded():
  magnitude = stft_magnitude(np.ones(1, np.float32))
  assert magnitude.shape == (5, 1025)
  np.testing.assert_allclose(magnitude[0], 1.0)  # The window's middle, on a unit impulse.
  assert not stft_magnitude(np.zeros(0)).any()


def test_settings_cannot_be_changed():
  with pytest.raises(dataclasses.FrozenInstanceError):
    StftSettings().n_fft = 1  # pyright: ignore[reportAttributeAccessIssue]
