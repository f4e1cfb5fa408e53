"""MPEG audio with tags, pictures and rubbish, with length headers that are missing or wrong."""

import struct

import numpy as np
import pytest
import soundfile as sf

from synthmatch_jax.audio import io
from synthmatch_jax.errors import UserError
from tests.audio.sound_files import RATE, sine

SECONDS = 5.0


def encoded(tmp_path, mode="CONSTANT", *, rate=RATE, seconds=SECONDS) -> bytes:
  """An mp3 of a tone that noise joins halfway, so that its bit rate varies if it may."""
  count = round(seconds * rate)
  noise = np.random.default_rng(0).normal(0, 0.1, count) * (np.arange(count) > count / 2)
  path = tmp_path / "whole.mp3"
  tone = sine(seconds, rate=rate, hz=300)
  sf.write(path, tone + noise, rate, bitrate_mode=mode, compression_level=0.5)
  return path.read_bytes()


def without_header(data: bytes) -> bytes:
  """The frames behind the one that says how many there are."""
  return data[data.index(data[:2], 100) :]


def tag(size: int, version=3) -> bytes:
  """An ID3v2 tag with a picture of noise, in which any mark may occur."""
  body = b"APIC" + np.random.default_rng(1).bytes(size - 4)
  digits = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
  return b"ID3" + bytes([version, 0, 0]) + digits + body


APE = b"APETAGEX" + struct.pack("<IIII", 2000, 32 + 5000, 1, 0) + bytes(8)
BEHIND = np.random.default_rng(2).bytes(5000) + APE + b"TAG" + bytes(125)


def loaded(data: bytes) -> np.ndarray:
  return io.decode(data, name="mine")


def assert_sounds(audio, seconds=SECONDS):
  """It is the tone, at its pitch and level, as long as it was."""
  assert len(audio) == pytest.approx(seconds * RATE, abs=4 * 1152)
  middle = audio[len(audio) // 8 :][: RATE // 2] * np.hanning(RATE // 2)
  spectrum = np.abs(np.fft.rfft(middle)) * 8 / RATE
  assert int(np.argmax(spectrum)) * 2 == 300
  assert spectrum.max() == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100])
def test_without_a_length_header(tmp_path, mode, rate):
  audio = loaded(without_header(encoded(tmp_path, mode, rate=rate)))
  assert len(audio) == pytest.approx(SECONDS * RATE, abs=4 * 1152 * RATE / rate)
  assert np.std(audio[-RATE:]) > np.std(audio[:RATE])  # The noise is there to the end.


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize(
  ("before", "behind"),
  [
    (tag(2_000_000), b""),
    (tag(2_000_000, version=4), BEHIND),
    (tag(2_000) + tag(90_000, version=2), b"TAG" + bytes(125)),
    (tag(2_000) + bytes(70_000), b""),  # A tag that is padded beyond its size.
    (bytes(500), BEHIND),
    (bytes(200_000), b""),
    (bytes(500) + tag(3_000) + bytes(700) + tag(200), b""),
    (b"\0\x13rubbish\xff\xe0" * 30, b""),
  ],
)
@pytest.mark.parametrize("header", [True, False])
def test_what_is_around_the_frames_does_not_count(tmp_path, mode, before, behind, header):
  data = encoded(tmp_path, mode)
  frames = data if header else without_header(data)
  np.testing.assert_array_equal(loaded(before + frames + behind), loaded(frames))
  assert_sounds(loaded(frames))


def test_a_clip_cut_in_mid_frame(tmp_path):
  data = without_header(encoded(tmp_path))
  assert_sounds(loaded(data[len(data) // 50 + 77 : -77]), seconds=0.98 * SECONDS)


def test_files_put_one_behind_another(tmp_path):
  """The first header is of the first file; a picture lies between them."""
  data = encoded(tmp_path, "VARIABLE")
  assert_sounds(loaded(data + data), seconds=2 * SECONDS)
  assert_sounds(loaded(tag(50_000) + data + tag(50_000) + data), seconds=2 * SECONDS)


@pytest.mark.parametrize("share", [0.2, 0.6, 0.98])
def test_a_header_that_promises_more(tmp_path, share):
  data = encoded(tmp_path, "VARIABLE")
  with pytest.raises(UserError, match="mine is cut off"):
    loaded(tag(5_000) + data[: round(share * len(data))])


def test_too_long_is_told_by_counting(tmp_path):
  data = without_header(encoded(tmp_path, "VARIABLE"))
  with pytest.raises(UserError, match=r"lasts 65\.\d s, at most 60 s"):
    loaded(tag(5_000) + 13 * data)


@pytest.mark.parametrize("encoding", [0x55, 0x50])
@pytest.mark.parametrize("header", [True, False])
def test_inside_riff(tmp_path, encoding, header):
  """As ffmpeg and sound recorders write it."""
  data = encoded(tmp_path, "VARIABLE")
  frames = data if header else without_header(data)
  extra = struct.pack("<HIHHH", 1, 2, 417, 1, 1393) if encoding == 0x55 else b""
  form = struct.pack("<HHIIHHH", encoding, 1, RATE, 16_000, 1, 0, len(extra)) + extra
  body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
  body += b"fact" + struct.pack("<II", 4, round(SECONDS * RATE))
  body += b"data" + struct.pack("<I", len(frames)) + frames
  wav = b"RIFF" + struct.pack("<I", len(body)) + body
  np.testing.assert_array_equal(loaded(wav), loaded(frames))
  with pytest.raises(UserError, match="cut off"):
    loaded(wav[: len(wav) // 2])


@pytest.mark.parametrize("byte", [0x00, 0x49, 0xFF])
def test_hostile_ones_take_no_time(tmp_path, byte):
  """A megabyte of one byte, of syncs, of empty tags; and a header that lies."""
  head = without_header(encoded(tmp_path))[:4]
  for data in (bytes([byte]) * (1 << 20), head * (1 << 18), b"ID3\3\0\0\0\0\0\0" * 100_000):
    with pytest.raises(UserError, match="mine"):
      loaded(data)
