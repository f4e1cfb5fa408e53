"""Sounds that are no files: bytes of one, and samples."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from synthmatch_jax.audio import io
from synthmatch_jax.errors import UserError

RATE = 44_100
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", ["flute.flac", "organ.flac"])
def test_bytes_are_read_as_the_file_is(name):
  path = EXAMPLES / name
  np.testing.assert_array_equal(io.decode(path.read_bytes(), name=name), io.load(path))


@pytest.mark.parametrize(
  ("data", "says"),
  [
    (b"", "mine is empty"),
    (b"no sound at all, only text", "mine is no wav"),
    ((EXAMPLES / "flute.flac").read_bytes()[:9_000], "mine is damaged or cut off"),
  ],
)
def test_bytes_that_are_no_sound_are_refused(data, says):
  with pytest.raises(UserError, match=says):
    io.decode(data, name="mine")


def test_samples_are_resampled_as_a_file_is(tmp_path):
  samples, rate = sf.read(EXAMPLES / "guitar.flac", dtype="float32")
  sf.write(tmp_path / "slow.wav", samples, 22_050, subtype="FLOAT")
  assert rate == RATE
  found = io.resample(samples, 22_050, name="mine")
  np.testing.assert_array_equal(found, io.load(tmp_path / "slow.wav"))


@pytest.mark.parametrize(
  ("samples", "rate", "says"),
  [
    (np.zeros(0), RATE, "0 samples"),
    (np.zeros(RATE), RATE, "mine is silent"),
    (np.full(RATE, np.nan), RATE, "no audio"),
    (np.full(RATE, 1e300), RATE, "no audio"),
    (np.ones(RATE), 10, "has a sample rate of 10 Hz"),
    (np.ones(61 * 8_000), 8_000, "lasts 61.0 s"),
  ],
)
def test_samples_that_are_no_sound_are_refused(samples, rate, says):
  with pytest.raises(UserError, match=says):
    io.resample(samples, rate, name="mine")
