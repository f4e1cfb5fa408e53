"""Spectra against scipy, librosa and closed forms."""

import dataclasses

import librosa
import numpy as np
import pytest
import scipy.signal

from synthmatch_jax.audio.stft import StftSettings, stft_magnitude

RATE = 44_100
RNG = np.random.default_rng(0)
NOISE = RNG.normal(0, 0.1, RATE)
# float32 audio is transformed in float32, as librosa does; float64 in float64.
PRECISION = {np.float64: 1e-9, np.float32: 2e-4}


@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize(
  "settings",
  [
    StftSettings(),
    StftSettings(n_fft=512, hop_length=100),
    StftSettings(n_fft=4096),
    StftSettings(n_fft=441, hop_length=220),
  ],
)
def test_agrees_with_scipy(settings, dtype):
  window = np.hanning(settings.n_fft + 1)[:-1]
  magnitude = stft_magnitude(NOISE.astype(dtype), settings)
  transform = scipy.signal.ShortTimeFFT(window, settings.hop_length, RATE)
  expected = np.abs(transform.stft(NOISE, p0=0, p1=len(magnitude))).T
  assert magnitude.dtype == dtype
  np.testing.assert_allclose(magnitude, expected, atol=PRECISION[dtype])


@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize("n_fft", [441, 1102, 2048])
def test_agrees_with_librosa(n_fft, dtype):
  magnitude = stft_magnitude(NOISE.astype(dtype), StftSettings(n_fft=n_fft, hop_length=220))
  expected = np.abs(librosa.stft(NOISE, n_fft=n_fft, hop_length=220)).T
  np.testing.assert_allclose(magnitude, expected, atol=PRECISION[dtype])


def test_shape_and_scale():
  sine = np.sin(2 * np.pi * 100 / 2048 * np.arange(4 * RATE)).astype(np.float32)
  magnitude = stft_magnitude(sine)
  assert magnitude.shape == (1 + 4 * RATE // 512, 1025)
  np.testing.assert_allclose(magnitude[2:-2, 100], 2048 / 4, rtol=1e-5)
  np.testing.assert_allclose(magnitude[2:-2, 104:], 0, atol=1e-2)


def test_short_audio_is_padded():
  magnitude = stft_magnitude(np.ones(1, np.float32))
  assert magnitude.shape == (5, 1025)
  # The window's middle, on a unit impulse.
  np.testing.assert_allclose(magnitude[0], 1.0, rtol=1e-6)
  assert not stft_magnitude(np.zeros(0)).any()


def test_settings_cannot_be_changed():
  with pytest.raises(dataclasses.FrozenInstanceError):
    StftSettings().n_fft = 1  # pyright: ignore[reportAttributeAccessIssue]


def test_lengths_in_milliseconds_are_cut_to_samples():
  assert StftSettings.of_ms(25.0, 10.0, sample_rate=RATE) == StftSettings(
    n_fft=1102, hop_length=441
  )
  assert StftSettings.of_ms(10.0, 5.0, sample_rate=48_000) == StftSettings(
    n_fft=480, hop_length=240
  )
