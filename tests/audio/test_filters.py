"""The filter bank against librosa's, to the last bit: models were trained on mels that it made."""

import librosa
import numpy as np
import pytest

from synthmatch_jax.audio import filters


@pytest.mark.parametrize(
  ("rate", "n_fft", "n_mels", "f_min", "f_max"),
  [
    (44_100, 4096, 64, 20.0, 20_000.0),  # The released model's.
    (44_100, 4096, 128, 20.0, 20_000.0),
    (48_000, 2048, 64, 0.0, 24_000.0),
    (22_050, 1024, 64, 30.0, 11_000.0),
    (44_100, 1102, 128, 0.0, 22_050.0),
    (16_000, 400, 20, 1_500.0, 8_000.0),  # All of it above the bend of the scale.
    (16_000, 512, 12, 50.0, 900.0),  # All of it below.
  ],
)
def test_filters_are_librosas(rate, n_fft, n_mels, f_min, f_max):
  found = filters.mel_filters(
    sample_rate=rate, n_fft=n_fft, n_mels=n_mels, f_min=f_min, f_max=f_max
  )
  expected = librosa.filters.mel(
    sr=rate, n_fft=n_fft, n_mels=n_mels, fmin=f_min, fmax=f_max, dtype=np.float64
  )
  np.testing.assert_array_equal(found, expected)
  np.testing.assert_array_equal(
    filters.mel_frequencies(n_mels, f_min=f_min, f_max=f_max),
    librosa.mel_frequencies(n_mels, fmin=f_min, fmax=f_max),
  )


@pytest.mark.parametrize("length", [400, 441, 4096])
def test_the_window_is_librosas(length):
  np.testing.assert_array_equal(filters.hann(length), librosa.filters.get_window("hann", length))
