"""Every kind of sound file is read, whatever its rate, channels and name."""

import struct

import numpy as np
import pytest

from synthmatch_jax.audio import io
from synthmatch_jax.errors import UserError
from tests.audio.sound_files import FORMATS, RATE, sine, write


def levels(audio, rate=RATE) -> dict[int, float]:
  """Amplitude of every sine of a whole number of Hz in the middle second of a sound."""
  middle = audio[len(audio) // 2 - rate // 2 :][:rate] * np.hanning(rate)
  return dict(enumerate(np.abs(np.fft.rfft(middle)) * 4 / rate))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_sound(tmp_path, name):
  kind = FORMATS[name]
  rate = 48_000 if kind[1] == "OPUS" else RATE
  audio = io.load(write(tmp_path / name, sine(2.0, rate=rate, hz=300), rate, kind))
  assert audio.dtype == np.float32
  assert len(audio) == pytest.approx(2 * RATE, rel=0.03)  # ADPCM and MP3 fill their last block.
  assert levels(audio)[300] == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize("rate", [8_000, 22_050, 32_000, 48_000, 96_000, 192_000, 44_117])
def test_resampling_keeps_pitch_level_and_length(tmp_path, rate):
  path = write(tmp_path / "a.wav", sine(3.0, rate=rate, hz=1_000), rate, ("WAV", "FLOAT"))
  audio = io.load(path)
  assert abs(len(audio) - 3 * RATE) <= 1
  spectrum = levels(audio)
  assert spectrum[1_000] == pytest.approx(0.5, rel=1e-3)
  assert max(spectrum[hz] for hz in spectrum if abs(hz - 1_000) > 5) < 1e-4


def test_what_the_new_rate_cannot_hold_is_filtered_out(tmp_path):
  mixed = sine(2.0, rate=96_000, hz=1_000) + sine(2.0, rate=96_000, hz=30_000)
  audio = io.load(write(tmp_path / "a.wav", mixed, 96_000, ("WAV", "FLOAT")))
  assert levels(audio)[44_100 - 30_000] < 1e-4


def test_another_rate_can_be_asked_for(tmp_path):
  assert len(io.load(write(tmp_path / "a.wav", sine()), sample_rate=16_000)) == 16_000


def test_channels_are_averaged(tmp_path):
  left, right = sine(hz=300), sine(hz=500)
  spectrum = levels(io.load(write(tmp_path / "a.wav", np.stack([left, right], 1))))
  assert spectrum[300] == pytest.approx(0.25, rel=1e-2)
  assert spectrum[500] == pytest.approx(0.25, rel=1e-2)


def test_where_channels_cancel_the_loudest_is_taken(tmp_path):
  audio = sine()
  path = write(tmp_path / "a.wav", np.stack([-0.9 * audio, audio], 1), kind=("WAV", "FLOAT"))
  np.testing.assert_allclose(io.load(path), audio, atol=1e-6)


@pytest.mark.parametrize("offset", [0.02, -0.3])
def test_an_offset_that_both_channels_have_is_no_sound(tmp_path, offset):
  audio = sine()
  both = np.stack([offset - 0.4 * audio, offset + 0.4 * audio], 1)
  loaded = io.load(write(tmp_path / "a.wav", both, kind=("WAV", "FLOAT")))
  np.testing.assert_allclose(loaded - offset, -0.4 * audio, atol=1e-6)


@pytest.mark.parametrize("shape", ["settling", "drifting", "wandering"])
def test_whether_channels_cancel_is_not_judged_on_an_offset_that_moves(tmp_path, shape):
  audio = sine(1.0)
  time = np.arange(audio.size) / RATE
  offset = {
    "settling": 0.4 * np.exp(-time / 0.3),
    "drifting": 0.4 * time,
    "wandering": 0.3 * np.sin(2 * np.pi * time),
  }[shape]
  both = np.stack([offset - 0.4 * audio, offset + 0.4 * audio], 1)
  loaded = io.load(write(tmp_path / "a.wav", both, kind=("WAV", "FLOAT")))
  np.testing.assert_allclose(np.abs(loaded - offset), np.abs(0.4 * audio), atol=1e-5)


def test_offsets_that_cancel_leave_the_mean(tmp_path):
  audio = sine()
  both = np.stack([0.5 * audio + 0.3, 0.25 * audio - 0.3], 1)
  loaded = io.load(write(tmp_path / "a.wav", both, kind=("WAV", "FLOAT")))
  np.testing.assert_allclose(loaded, 0.375 * audio, atol=1e-6)


@pytest.mark.parametrize("channels", [6, 1_000])
def test_one_sounding_channel_among_many_silent_ones(tmp_path, channels):
  audio = np.zeros((RATE // 10, channels), np.float32)
  audio[:, 3] = sine(0.1)
  loaded = io.load(write(tmp_path / "a.wav", audio, kind=("WAV", "FLOAT")))
  expected = audio[:, 3] / (6 if channels == 6 else 1)
  np.testing.assert_allclose(loaded, expected, atol=1e-6)


def test_levels_over_full_scale_are_kept(tmp_path):
  path = write(tmp_path / "a.wav", sine(gain=3.0), kind=("WAV", "FLOAT"))
  assert io.load(path).max() == pytest.approx(3.0, rel=1e-3)


def test_the_name_does_not_matter(tmp_path):
  """Not even .raw, which soundfile takes for a file without header."""
  for name in ("a.raw", "a.txt", "a b.mp3", "noten-ü-音.wav", "no_suffix", "a\nb.wav"):
    assert len(io.load(write(tmp_path / name, sine()))) == RATE


def test_mp3_behind_a_picture_and_before_a_tag(tmp_path):
  mp3 = write(tmp_path / "a.mp3", sine(2.0), kind=FORMATS["a.mp3"]).read_bytes()
  # An ID3v2 header with 100,000 bytes of content: 6 * 2^14 + 13 * 2^7 + 32.
  picture = b"ID3\x04\x00\x00" + bytes([0, 6, 13, 32]) + bytes(100_000)
  path = tmp_path / "tagged.mp3"
  path.write_bytes(picture + mp3 + b"TAG" + bytes(125))
  assert len(io.load(path)) == 2 * RATE


def test_audio_with_a_tag_behind_it_is_not_cut_off(tmp_path):
  path = write(tmp_path / "a.wav", sine())
  path.write_bytes(path.read_bytes() + b"LIST" + struct.pack("<I", 1_000) + bytes(10))
  assert len(io.load(path)) == RATE


@pytest.mark.parametrize("mark", [0xFFFFFFFF, 0x7FFFF000])
def test_wav_from_a_pipe_has_no_length(tmp_path, mark):
  """What ffmpeg and sox write into a pipe is read to its end."""
  data = bytearray(write(tmp_path / "a.wav", sine()).read_bytes())
  data[4:8] = data[40:44] = struct.pack("<I", mark)
  (tmp_path / "a.wav").write_bytes(data)
  assert len(io.load(tmp_path / "a.wav")) == RATE


def test_a_million_empty_chunks(tmp_path):
  data = write(tmp_path / "a.wav", sine()).read_bytes()
  (tmp_path / "a.wav").write_bytes(data[:36] + b"JUNK\0\0\0\0" * 1_000_000 + data[36:])
  try:
    assert len(io.load(tmp_path / "a.wav")) == RATE
  except UserError as error:
    assert "a.wav" in str(error)


def test_a_peak_of_80_db_below_full_scale_on_one_side_alone_is_a_sound(tmp_path):
  pulse = np.zeros(RATE)
  pulse[::200] = 1.05e-4
  soft = io.load(write(tmp_path / "soft.wav", pulse, kind=("WAV", "FLOAT")))
  assert soft.max() == pytest.approx(1.05e-4, rel=1e-3)
  with pytest.raises(UserError, match="silent"):
    io.load(write(tmp_path / "softer.wav", 0.9 * pulse, kind=("WAV", "FLOAT")))
