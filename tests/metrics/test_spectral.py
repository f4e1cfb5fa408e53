"""Spectral metrics against librosa, scipy and closed forms."""

import math

import librosa
import numpy as np
import pytest
import scipy.signal
import scipy.stats
import soxr

from synthmatch_jax.audio.stft import StftSettings
from synthmatch_jax.metrics.spectral import (
  LogSpectralDistance,
  MelSpectralConvergence,
  MultiScaleSpectral,
  SpectralConvergence,
  SpectralTransport,
)
from tests.metrics.sounds import NOISE, PAIRS, RATE, SHORT, SILENCE, SOUNDS, TONE, impulse

spectral_convergence = SpectralConvergence()


def scipy_magnitude(audio, n_fft=2048, hop=512):
  audio = np.pad(audio.astype(np.float64), (0, max(0, n_fft - audio.size)))
  transform = scipy.signal.ShortTimeFFT(np.hanning(n_fft + 1)[:-1], hop, RATE)
  frames = 1 + (audio.size + 2 * (n_fft // 2) - n_fft) // hop
  return np.abs(transform.stft(audio, p0=0, p1=frames)).T


def librosa_mel(audio, n_fft, hop, **settings):
  audio = np.pad(audio.astype(np.float64), (0, max(0, n_fft - audio.size)))
  return librosa.feature.melspectrogram(
    y=audio, n_fft=n_fft, hop_length=hop, dtype=np.float64, **settings
  )


@pytest.mark.parametrize("target", [NOISE, TONE, 1e-4 * TONE])
@pytest.mark.parametrize("gain", [0.0, 0.5, 1.0, 2.0, -1.0, 11.0])
def test_convergence_of_a_gain_is_its_distance_from_one(target, gain):
  estimate = np.float32(gain) * target
  assert spectral_convergence(target, estimate) == pytest.approx(abs(abs(gain) - 1), abs=1e-6)
  power = MelSpectralConvergence()(target, estimate)
  assert power == pytest.approx(abs(gain**2 - 1), abs=1e-4)


def test_convergence_is_relative_to_the_target():
  assert spectral_convergence(TONE, NOISE) != spectral_convergence(NOISE, TONE)
  assert spectral_convergence(TONE, NOISE) == pytest.approx(
    spectral_convergence(8 * TONE, 8 * NOISE), rel=1e-6
  )


def test_convergence_of_disjoint_spectra_adds_up():
  """Without overlap the squared norms add: sqrt(1 + 1) for tones of equal strength."""
  low, high = (
    (0.5 * np.sin(2 * np.pi * hz * np.arange(RATE) / RATE)).astype(np.float32)
    for hz in (261.63, 5_000)
  )
  assert spectral_convergence(low, high) == pytest.approx(math.sqrt(2), rel=0.01)


@pytest.mark.parametrize("settings", [StftSettings(), StftSettings(n_fft=1024, hop_length=256)])
@pytest.mark.parametrize(
  ("target", "estimate"), [(TONE, NOISE), *((s, s[::-1]) for s in SHORT.values())]
)
def test_convergence_agrees_with_scipy(target, estimate, settings):
  score = SpectralConvergence(stft=settings)(target, estimate)
  t, e = (scipy_magnitude(a, settings.n_fft, settings.hop_length) for a in (target, estimate))
  if not target.any():
    assert math.isnan(score)
  else:
    expected = np.sqrt(((t - e) ** 2).sum() / (t**2).sum())
    assert score == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(("target", "estimate"), PAIRS)
def test_mel_convergence_agrees_with_librosa(target, estimate):
  score = MelSpectralConvergence()(SOUNDS[target], SOUNDS[estimate])
  resampled = (soxr.resample(SOUNDS[a], RATE, 22_050, quality="HQ") for a in (target, estimate))
  t, e = (librosa_mel(a, 2048, 1024, sr=22_050, n_mels=64, fmin=30, fmax=11_000) for a in resampled)
  if target == "silence":
    assert math.isnan(score)
  else:
    expected = np.sqrt(((t - e) ** 2).sum() / (t**2).sum())
    assert score == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("target", "estimate"), PAIRS)
def test_mss_agrees_with_librosa(target, estimate):
  distances = []
  for n_fft, hop, n_mels in ((441, 220, 32), (1102, 441, 64), (4410, 2205, 128)):
    levels = [
      librosa.power_to_db(
        librosa_mel(SOUNDS[a], n_fft, hop, sr=RATE, n_mels=n_mels), ref=np.max, top_db=80
      )
      for a in (target, estimate)
    ]
    distances.append(np.abs(levels[0] - levels[1]).mean())
  score = MultiScaleSpectral()(SOUNDS[target], SOUNDS[estimate])
  assert score == pytest.approx(np.mean(distances), rel=1e-3, abs=1e-3)


def test_mss_does_not_hear_level():
  assert MultiScaleSpectral()(NOISE, np.float32(0.1) * NOISE) == pytest.approx(0, abs=1e-4)


def test_mss_hears_level_where_a_sound_comes_near_its_floor():
  """As its docstring says: power is cut off at 1e-10."""
  metric, sound = MultiScaleSpectral(sample_rate=RATE), 0.5 * TONE
  assert metric(sound, 0.1 * sound) < 2
  assert metric(sound, 0.001 * sound) > 5


@pytest.mark.parametrize(("target", "estimate"), PAIRS)
def test_transport_agrees_with_scipy(target, estimate):
  """Scipy's distance of two histograms on bins of width 1 / number of bins, every 7th frame."""
  metric = SpectralTransport()
  spectra = [scipy_magnitude(SOUNDS[a], 2205, 882) for a in (target, estimate)]
  features = [metric.analyse(SOUNDS[a]) for a in (target, estimate)]
  places = np.arange(1103) / 1103
  for t in range(0, len(spectra[0]), 7):
    sums = [s[t].sum() for s in spectra]
    if min(sums) < 1e-3:
      continue
    expected = scipy.stats.wasserstein_distance(places, places, spectra[0][t], spectra[1][t])
    score = metric.distance(*(f[t : t + 1] for f in features))
    assert score == pytest.approx(expected, rel=1e-3, abs=1e-6)


def test_transport_grows_with_the_way_of_a_sine():
  def sine(hz):
    return np.sin(2 * np.pi * hz * np.arange(RATE) / RATE).astype(np.float32)

  for hz in (1_100, 2_000, 10_000):
    score = SpectralTransport()(sine(1_000), sine(hz))
    assert score == pytest.approx((hz - 1_000) / (RATE / 2), abs=0.003)


def test_transport_takes_silent_frames_for_empty():
  assert SpectralTransport()(SILENCE, SILENCE) == 0
  # Every frame but those of the impulse is silent in both.
  assert 0 < SpectralTransport()(SILENCE, impulse()) < 0.05


@pytest.mark.parametrize(("target", "estimate"), PAIRS)
def test_log_spectral_distance_agrees_with_its_formula(target, estimate):
  t, e = (
    20 * np.log10(np.maximum(scipy_magnitude(SOUNDS[a]) / 512, 1e-4)) for a in (target, estimate)
  )
  expected = np.mean([np.sqrt(np.mean((a - b) ** 2)) for a, b in zip(t, e, strict=True)])
  score = LogSpectralDistance()(SOUNDS[target], SOUNDS[estimate])
  assert score == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_log_spectral_distance_of_a_gain_is_the_gain():
  score = LogSpectralDistance(floor_db=-200.0)(NOISE, np.float32(0.5) * NOISE)
  assert score == pytest.approx(20 * np.log10(2), rel=1e-4)
