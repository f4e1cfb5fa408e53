"""The six sounds that the repository ships."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile as sf

from synthmatch_jax.audio import io, onset

EXAMPLES = Path(__file__).parents[2] / "examples"
SOUNDS = sorted(EXAMPLES.glob("*.flac"))


def pitch(audio):
  """Pitch in Hz, 60 to 1,000, by autocorrelation: the first peak nearly as high as any.

  Not librosa's yin: two processes that fill numba's cache at once leave one that crashes.
  """
  power = np.abs(np.fft.rfft(audio, 2 * len(audio))) ** 2
  correlation = np.fft.irfft(power)[: 44_100 // 60]
  peaks, _ = scipy.signal.find_peaks(correlation)
  peaks = peaks[peaks > 44_100 / 1_000]
  lag = peaks[correlation[peaks] > 0.9 * correlation[peaks].max()][0]
  before, at, after = correlation[lag - 1 : lag + 2]
  return 44_100 / (lag + 0.5 * (before - after) / (before - 2 * at + after))


def test_there_are_six_and_all_are_credited():
  assert len(SOUNDS) == 6
  readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
  for path in SOUNDS:
    assert f"`{path.name}`" in readme
  assert "Frank Wen" in readme
  assert "permission notice shall be included" in readme


@pytest.mark.parametrize("path", SOUNDS, ids=lambda path: path.stem)
def test_each_is_one_c4_from_its_first_sample_on(path):
  info = sf.info(path)
  assert (info.samplerate, info.channels, info.subtype) == (44_100, 1, "PCM_16")
  assert path.stat().st_size < 150_000
  audio = io.load(path)
  assert 2 <= len(audio) / 44_100 <= 4
  held = audio[11_025:33_075].astype(np.float64)
  assert 1200 * abs(np.log2(pitch(held) / 261.63)) < 30
  assert onset.find_note(audio, 44_100).start_seconds < 0.01
  peak = np.abs(audio).max()
  assert peak == pytest.approx(10 ** (-3 / 20), abs=1e-3)
  assert np.abs(audio[-441:]).max() < 1e-3 * peak


def test_making_them_without_fluidsynth_says_what_to_install(tmp_path):
  script = EXAMPLES / "make_examples.py"
  search = os.pathsep.join([str(EXAMPLES.parent), os.environ.get("PYTHONPATH", "")])
  made = subprocess.run(
    [sys.executable, script, f"--out={tmp_path}"],
    env={**os.environ, "PATH": "", "PYTHONPATH": search},
    capture_output=True,
    text=True,
    check=False,
  )
  assert made.returncode == 1
  assert made.stderr == (
    "make_examples: error: there is no fluidsynth: apt-get install fluidsynth\n"
  )
