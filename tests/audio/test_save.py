"""Sounds are written whole or not at all."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from synthmatch_jax.audio import io
from synthmatch_jax.errors import UserError

RATE = 44_100


def sine(seconds=1.0, *, rate=RATE, hz=261.63, gain=0.5):
  return (gain * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(
    np.float32
  )


def test_save_and_load(tmp_path):
  audio = sine()
  io.save(tmp_path / "a.wav", audio, RATE)
  np.testing.assert_allclose(io.load(tmp_path / "a.wav"), audio, atol=2**-23)
  assert sf.info(tmp_path / "a.wav").subtype == "PCM_24"
  io.save(tmp_path / "a.wav", 3 * audio, RATE)
  np.testing.assert_array_equal(io.load(tmp_path / "a.wav"), 3 * audio)
  assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_full_scale_is_not_wrapped(tmp_path):
  io.save(tmp_path / "a.wav", np.tile(np.array([1, -1], np.float32), 1_000), RATE)
  np.testing.assert_allclose(io.load(tmp_path / "a.wav"), np.tile([1, -1], 1_000), atol=2**-22)


def test_save_refuses_what_is_no_audio(tmp_path):
  with pytest.raises(ValueError, match="NaN"):
    io.save(tmp_path / "a.wav", np.array([0, np.nan], np.float32), RATE)


def test_an_mp3_is_heard_as_it_was_written(tmp_path):
  sound = sine() + np.random.default_rng(0).normal(0, 0.01, RATE)
  io.save(tmp_path / "new" / "sound.mp3", sound, RATE)
  assert sf.info(tmp_path / "new" / "sound.mp3").format == "MP3"
  heard = io.load(tmp_path / "new" / "sound.mp3")
  assert heard.size == sound.size  # There is no delay, and no padding.
  assert np.std(heard - sound) < 0.05 * np.std(sound)
  assert [p.name for p in (tmp_path / "new").iterdir()] == ["sound.mp3"]


def test_an_mp3_clips_what_exceeds_full_scale(tmp_path):
  sound = sine(gain=3.0, hz=100)
  io.save(tmp_path / "loud.mp3", sound, RATE)
  heard = io.load(tmp_path / "loud.mp3")
  assert np.corrcoef(heard, np.clip(sound, -1, 1))[0, 1] > 0.99


def test_save_to_a_place_that_cannot_be_written(tmp_path):
  (tmp_path / "file").touch()
  (tmp_path / "folder").mkdir()
  for path in (tmp_path / "file" / "a.wav", tmp_path / "folder"):
    with pytest.raises(UserError, match="cannot be written") as caught:
      io.save(path, sine(), RATE)
    assert str(path) in str(caught.value)
  assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
  def refused(*_):
    raise PermissionError(13, "Permission denied")

  path = tmp_path / "a.wav"
  io.save(path, sine(), RATE)
  before = path.read_bytes()
  monkeypatch.setattr(Path, "replace", refused)
  with pytest.raises(UserError, match="cannot be written"):
    io.save(path, sine(2.0), RATE)
  assert path.read_bytes() == before
