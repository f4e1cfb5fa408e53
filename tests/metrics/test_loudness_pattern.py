"""Loudness pattern and spectrum against librosa, scipy and closed forms."""

import librosa
import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from synthmatch_jax.metrics.loudness_pattern import LoudnessPattern, LoudnessSpectrum
from tests.metrics.sounds import NOISE, PAIRS, RATE, SHORT, SILENCE, SOUNDS, TONE, impulse, tone

pattern, spectrum = LoudnessPattern(), LoudnessSpectrum()


def librosa_pattern(power):
  if not power.any():
    return power
  loudness = (power / power.max() + 1e-6) ** 0.3 - 1e-6**0.3
  return loudness / loudness.sum()


def librosa_patterns(audio):
  audio = audio.astype(np.float64)
  short = np.pad(audio, (0, max(0, 1024 - audio.size)))
  long = np.pad(audio, (0, max(0, 8192 - audio.size)))
  mel = librosa.feature.melspectrogram(
    y=short, sr=RATE, n_fft=1024, hop_length=256, n_mels=64, dtype=np.float64
  )
  linear = np.abs(librosa.stft(long, n_fft=8192, hop_length=2048, dtype=np.complex128)) ** 2
  hz = librosa.fft_frequencies(sr=RATE, n_fft=8192)
  return [librosa_pattern(mel), librosa_pattern(linear[hz <= 6_000])]


@pytest.mark.parametrize(("target", "estimate"), [p for p in PAIRS if "silence" not in p])
def test_it_is_the_distance_of_librosas_spectrograms(target, estimate):
  one, other = (librosa_patterns(SOUNDS[name]) for name in (target, estimate))
  expected = np.mean([np.abs(a - b).sum() / 2 for a, b in zip(one, other, strict=True)])
  assert pattern(SOUNDS[target], SOUNDS[estimate]) == pytest.approx(expected, abs=1e-5)


def test_short_sounds_are_padded_to_a_window():
  one, other = (librosa_patterns(SHORT[name]) for name in ("one sample", "short noise"))
  with_zeros = np.pad(SHORT["one sample"], (0, SHORT["short noise"].size - 1))
  expected = np.mean([np.abs(a - b).sum() / 2 for a, b in zip(one, other, strict=True)])
  assert pattern(with_zeros, SHORT["short noise"]) == pytest.approx(expected, abs=1e-5)


def test_sounds_that_share_nothing_score_one():
  assert pattern(impulse(5_000), impulse(40_000)) == pytest.approx(1, abs=1e-6)
  assert pattern(TONE, SILENCE) == pattern(SILENCE, TONE) == 1
  assert pattern(SILENCE, SILENCE) == 0


@pytest.mark.parametrize("gain", [1e-3, 0.5, 3.0])
def test_level_does_not_count(gain):
  assert pattern(TONE, np.float32(gain) * NOISE) == pytest.approx(pattern(TONE, NOISE), abs=1e-6)


def test_either_sound_may_be_the_target():
  assert pattern(TONE, NOISE) == pattern(NOISE, TONE)


def test_what_is_far_below_the_note_counts_for_next_to_nothing():
  tail = 10 ** (-70 / 20) * np.abs(TONE).max() * np.sin(2 * np.pi * 261.63 * np.arange(RATE) / RATE)
  note = np.where(np.arange(RATE) < RATE // 2, TONE, 0).astype(np.float32)
  assert pattern(note, note + tail.astype(np.float32)) < 0.01 < pattern(note, TONE)
  longer = [np.pad(sound, (0, RATE)) for sound in (note, tone(cents=20) * (note != 0))]
  shorter = [sound[:RATE] for sound in longer]
  assert pattern(*longer) == pytest.approx(pattern(*shorter), rel=0.02)


@pytest.mark.parametrize(("target", "estimate"), [p for p in PAIRS if "silence" not in p])
def test_the_spectrum_is_transported_along_the_bands(target, estimate):
  one, other = (librosa_patterns(SOUNDS[name])[0].sum(-1) for name in (target, estimate))
  bands = np.arange(64)
  expected = wasserstein_distance(bands, bands, one, other) / 64
  assert spectrum(SOUNDS[target], SOUNDS[estimate]) == pytest.approx(expected, abs=1e-5)


def test_the_spectrum_hears_neither_level_nor_when_something_sounds():
  assert spectrum(TONE, TONE[::-1] / 2) == pytest.approx(0, abs=1e-4)
  assert spectrum(TONE, SILENCE) == spectrum(SILENCE, TONE) == 1
  assert spectrum(SILENCE, SILENCE) == 0
