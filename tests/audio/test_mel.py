"""The mel front end against librosa's."""

import librosa
import numpy as np
import pytest

from synthmatch_jax.audio.mel import MelSettings, log_mel, mel_power, power_db

RATE = 44_100
TIME = np.arange(4 * RATE) / RATE
RNG = np.random.default_rng(0)


def clicks():
  audio = np.zeros(4 * RATE)
  audio[[0, 1_000, 50_000, 4 * RATE - 1]] = [1, -1, 0.5, 1]
  return audio


SOUNDS = {
  "noise": RNG.normal(0, 0.2, 4 * RATE),
  "quiet noise": RNG.normal(0, 1e-5, 4 * RATE),
  "sine": np.sin(2 * np.pi * 261.63 * TIME),
  "high sine": 0.5 * np.sin(2 * np.pi * 15_000 * TIME),
  "quiet sine": 1e-4 * np.sin(2 * np.pi * 440 * TIME),
  "sweep": np.sin(2 * np.pi * 2_500 * TIME**2),
  "clicks": clicks(),
  "loud": RNG.normal(0, 10, 4 * RATE),
  "offset": np.ones(4 * RATE),
  "silence": np.zeros(4 * RATE),
}


def librosa_power(audio, settings):
  return librosa.feature.melspectrogram(
    y=audio.astype(np.float64),
    sr=settings.sample_rate,
    n_fft=settings.n_fft,
    hop_length=settings.hop_length,
    n_mels=settings.n_mels,
    fmin=settings.f_min,
    fmax=settings.f_max,
    dtype=np.float64,
  )


def librosa_mel(audio, settings):
  power = librosa_power(audio, settings)
  return librosa.power_to_db(power, amin=10 ** (settings.floor_db / 10), top_db=None).T


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SOUNDS)
def test_agrees_with_librosa(name, dtype):
  settings = MelSettings()
  audio = SOUNDS[name].astype(dtype)
  mel = log_mel(audio, settings)
  assert mel.dtype == np.float32
  assert mel.shape == (87, 64)
  np.testing.assert_allclose(mel, librosa_mel(audio, settings), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
  "settings",
  [
    MelSettings(n_fft=2048),
    MelSettings(hop_length=512, n_mels=128),
    MelSettings(sample_rate=22_050, f_max=11_025.0),
    MelSettings(f_min=100.0, f_max=8_000.0, floor_db=-80.0),
  ],
)
def test_other_settings_agree_with_librosa(settings):
  expected = librosa_mel(SOUNDS["noise"], settings)
  np.testing.assert_allclose(log_mel(SOUNDS["noise"], settings), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("samples", [0, 1, 2_047, 2_048, 2_049, 44_100, 176_399, 176_400])
@pytest.mark.parametrize("hop_length", [2_048, 441])
def test_number_of_frames(samples, hop_length):
  settings = MelSettings(hop_length=hop_length)
  mel = log_mel(np.zeros(samples, np.float32), settings)
  assert mel.shape == (settings.num_frames(samples), 64)


def test_silence_lies_on_the_floor_and_a_full_scale_sine_at_45_db():
  settings = MelSettings()
  assert (log_mel(SOUNDS["silence"], settings) == settings.floor_db).all()
  assert log_mel(SOUNDS["sine"], settings)[2:-2].max() == pytest.approx(45, abs=3)


def test_twice_the_amplitude_is_6_db_more():
  settings = MelSettings()
  audio = SOUNDS["noise"].astype(np.float32)
  gain = log_mel(2 * audio, settings) - log_mel(audio, settings)
  np.testing.assert_allclose(gain, 20 * np.log10(2), atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
  "settings",
  [
    MelSettings.of_ms(10.0, 5.0, sample_rate=RATE, n_mels=32),
    MelSettings.of_ms(50.0, 10.0, sample_rate=RATE, n_mels=128),
    MelSettings(n_fft=2048, hop_length=512, f_min=30.0, f_max=11_000.0),
  ],
)
def test_mel_power_agrees_with_librosa(settings, dtype):
  audio = SOUNDS["noise"][:RATE] / 2
  power = mel_power(audio.astype(dtype), settings)
  expected = librosa_power(audio, settings)
  assert power.dtype == dtype
  rtol = 1e-9 if dtype == np.float64 else 1e-4
  np.testing.assert_allclose(power, expected.T, rtol=rtol, atol=1e-12)


def test_lengths_in_milliseconds_reach_to_half_the_sample_rate():
  settings = MelSettings.of_ms(25.0, 10.0, sample_rate=RATE, n_mels=40)
  assert (settings.n_fft, settings.hop_length, settings.n_mels) == (1102, 441, 40)
  assert (settings.f_min, settings.f_max) == (0.0, RATE / 2)


@pytest.mark.parametrize("gain", [0.0, 1e-12, 1e-6, 1.0, 1e6])
def test_power_db_agrees_with_librosa(gain):
  power = gain * RNG.exponential(size=(20, 30)) ** 8
  np.testing.assert_allclose(
    power_db(power, top_db=80.0), librosa.power_to_db(power, top_db=80), atol=1e-9
  )
