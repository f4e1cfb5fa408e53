"""Every way in which a sound file can be wrong ends in one sentence."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from synthmatch_jax.audio import io
from synthmatch_jax.errors import UserError
from tests.audio.sound_files import FORMATS, RATE, sine, write


def refusal(path, **options) -> str:
  """The one sentence with which a file is refused."""
  with pytest.raises(UserError) as caught:
    io.load(path, **options)
  sentence = str(caught.value)
  assert str(path) in sentence
  assert "\n" not in sentence
  assert ": " in sentence.replace(str(path), ""), "says what to do"
  return sentence


def test_missing_folder_and_device(tmp_path):
  assert "no file" in refusal(tmp_path / "none.wav")
  assert "no file" in refusal(tmp_path / "none" / "none.wav")
  assert "folder" in refusal(tmp_path)
  assert "regular" in refusal(Path(os.devnull))
  assert "cannot be read" in refusal(tmp_path / ("a" * 300 + ".wav"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes")
def test_a_pipe_is_refused_not_waited_for(tmp_path):
  os.mkfifo(tmp_path / "pipe.wav")
  assert "regular" in refusal(tmp_path / "pipe.wav")


def test_unreadable_file(tmp_path):
  path = write(tmp_path / "a.wav", sine())
  path.chmod(0)
  if os.access(path, os.R_OK):
    pytest.skip("this user may read everything")
  assert "permission" in refusal(path)


@pytest.mark.parametrize(
  "content",
  [
    b"Dear diary, today I renamed a text file.\n" * 500,
    "Dear diary, Windows wrote this as Unicode.".encode("utf-16"),
    b"<html><body>404 Not Found</body></html>",
    b"\x89PNG\r\n\x1a\n" + bytes(1_000),
    b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(1_000),
    b"R",
    bytes(10_000),
    np.random.default_rng(1).bytes(10_000),
  ],
)
@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.raw"])
def test_anything_renamed(tmp_path, name, content, capfd):
  (tmp_path / name).write_bytes(content)
  assert "no wav, flac, ogg, mp3 or aiff" in refusal(tmp_path / name)
  assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
  "content",
  [b"RIFF\x24\x00\x00\x00WAVE", b"FORM\x00\x00\x00\x24AIFF", b"fLaC", b"OggS", b"ID3"],
)
def test_nothing_but_a_beginning(tmp_path, content):
  (tmp_path / "a.wav").write_bytes(content)
  refusal(tmp_path / "a.wav")


def test_empty(tmp_path):
  (tmp_path / "a.wav").touch()
  assert "0 bytes" in refusal(tmp_path / "a.wav")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.98])
@pytest.mark.parametrize("name", FORMATS)
def test_cut_off(tmp_path, name, share, capfd):
  kind = FORMATS[name]
  rng = np.random.default_rng(0)
  noisy = sine(2.0, rate=48_000) + rng.normal(0, 0.05, 96_000)
  data = write(tmp_path / name, noisy, 48_000, kind).read_bytes()
  (tmp_path / name).write_bytes(data[: round(share * len(data))])
  assert "cut off" in refusal(tmp_path / name)
  assert capfd.readouterr() == ("", "")


def test_silence(tmp_path):
  assert "silent" in refusal(write(tmp_path / "a.wav", np.zeros(RATE)))
  assert "silent" in refusal(write(tmp_path / "b.wav", sine(gain=5e-5), kind=("WAV", "FLOAT")))
  assert io.load(write(tmp_path / "c.wav", sine(gain=2e-4), kind=("WAV", "FLOAT"))).any()


def test_a_constant_is_silent(tmp_path):
  steady = np.full((RATE, 2), 0.25)
  assert "silent" in refusal(write(tmp_path / "a.wav", steady, kind=("WAV", "FLOAT")))
  assert "silent" in refusal(write(tmp_path / "b.wav", steady, 48_000, kind=("WAV", "FLOAT")))


def test_silence_at_the_rate_that_is_asked_for(tmp_path):
  audio = sine(rate=192_000, hz=60_000) * np.hanning(192_000)
  assert "silent" in refusal(write(tmp_path / "a.wav", audio, 192_000, ("WAV", "FLOAT")))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_samples_that_are_no_numbers(tmp_path, value, subtype):
  audio = np.stack([sine(), sine()], 1).astype(np.float64)
  audio[777, 1] = value
  assert "NaN" in refusal(write(tmp_path / "a.wav", audio, kind=("WAV", subtype)))


@pytest.mark.parametrize("samples", [0, 1, 880])
def test_too_short(tmp_path, samples):
  assert f"{samples} samples" in refusal(write(tmp_path / "a.wav", sine()[:samples]))


def test_too_long(tmp_path):
  path = write(tmp_path / "a.wav", sine(2.1))
  assert "2.1 s" in refusal(path, max_seconds=2.0)
  assert len(io.load(path, max_seconds=2.1)) == round(2.1 * RATE)


def test_an_hour_is_refused_by_its_header(tmp_path):
  """A sparse file of an hour of 100 channels: decoded, it would fill 63 GB."""
  path = write(tmp_path / "a.wav", np.ones((2, 100)), kind=("RF64", "PCM_16"))
  data = bytearray(path.read_bytes())
  frames = 3_600 * RATE
  ds64 = data.index(b"ds64")
  sizes = struct.pack("<QQQ", len(data) + frames * 200, frames * 200, frames)
  data[ds64 + 8 : ds64 + 32] = sizes
  path.write_bytes(data)
  os.truncate(path, len(data) + frames * 200)
  assert "3,600.0 s" in refusal(path)


@pytest.mark.parametrize(
  ("offset", "value"),
  [
    (22, struct.pack("<H", 0)),  # Channels.
    (22, struct.pack("<H", 65_535)),
    (24, struct.pack("<I", 0)),  # Sample rate.
    (24, struct.pack("<I", 1)),
    (24, struct.pack("<I", 2**31 - 1)),
    (24, struct.pack("<I", 2**32 - 1)),
    (20, struct.pack("<H", 0x7777)),  # Encoding.
    (16, struct.pack("<I", 2**32 - 1)),  # Size of the format chunk.
  ],
)
def test_hostile_wav_headers(tmp_path, offset, value):
  data = bytearray(write(tmp_path / "a.wav", sine()).read_bytes())
  data[offset : offset + len(value)] = value
  (tmp_path / "a.wav").write_bytes(data)
  refusal(tmp_path / "a.wav")


@pytest.mark.parametrize("frames", [2**36 - 1, 88_201])
def test_hostile_flac_lengths(tmp_path, frames):
  data = bytearray(write(tmp_path / "a.flac", sine(2.0), kind=("FLAC", "PCM_16")).read_bytes())
  fields = int.from_bytes(data[18:26], "big")  # STREAMINFO: its last 36 bits count the samples.
  data[18:26] = (fields >> 36 << 36 | frames).to_bytes(8, "big")
  (tmp_path / "a.flac").write_bytes(data)
  refusal(tmp_path / "a.flac")


@pytest.mark.parametrize("name", ["pcm16.wav", "a.aiff", "a.flac", "vorbis.ogg", "a.mp3"])
def test_damaged_files_give_a_sound_or_a_sentence(tmp_path, name):
  data = write(tmp_path / name, sine(0.3), kind=FORMATS[name]).read_bytes()
  rng = np.random.default_rng(0)
  for _ in range(40):
    damaged = bytearray(data)
    for place in rng.integers(0, min(len(data), 400), 3):
      damaged[place] = rng.integers(256)
    (tmp_path / name).write_bytes(damaged)
    try:
      audio = io.load(tmp_path / name)
    except UserError as error:
      assert name in str(error)
    else:
      assert np.isfinite(audio).all()
