"""The phase vocoder against librosa's, to the last bit: answers were made with that."""

import librosa
import numpy as np
import pytest

from synthmatch_jax.audio.io import load
from synthmatch_jax.audio.shift import pitch_shift
from tests.documented import ROOT

RATE = 44_100
SOUNDS = {
  "guitar": load(ROOT / "examples" / "guitar.flac", sample_rate=RATE),
  "click": np.eye(1, 100, 50, dtype=np.float32)[0],
  "noise": np.random.default_rng(0).normal(size=5_001).astype(np.float32),
}


@pytest.mark.filterwarnings("ignore:n_fft=2048 is too large")
@pytest.mark.parametrize("name", SOUNDS)
@pytest.mark.parametrize("semitones", [-24.0, -0.3, 7.25])
def test_a_moved_sound_is_librosas(name, semitones):
  expected = librosa.effects.pitch_shift(SOUNDS[name], sr=RATE, n_steps=semitones)
  np.testing.assert_array_equal(pitch_shift(SOUNDS[name], semitones, sample_rate=RATE), expected)
