"""Headers that are wrong by a little, as many programs write them, are read as they are meant."""

import struct

import numpy as np
import pytest
import soundfile as sf

from synthmatch_jax.audio import io
from synthmatch_jax.errors import UserError
from tests.audio.sound_files import RATE, sine, write

TONE = sine()
SAMPLES = (TONE * 32_767).astype("<i2")
AUDIO = SAMPLES.tobytes()
FORM = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
  return name + struct.pack("<I", len(body) if size is None else size) + body


def riff(*chunks: bytes, size: int | None = None, magic=b"RIFF") -> bytes:
  return chunk(magic, b"WAVE" + b"".join(chunks), size)


FMT = chunk(b"fmt ", FORM)
LIST = chunk(b"LIST", b"INFOISFT" + struct.pack("<I", 4) + b"abcd")

SLIPS = {
  "data of no size": riff(FMT, chunk(b"data", AUDIO, 0)),
  "no sizes at all": riff(FMT, chunk(b"data", AUDIO, 0), size=0),
  "no sizes, padded header": riff(
    chunk(b"JUNK", bytes(28)), FMT, chunk(b"FLLR", bytes(4000)), chunk(b"data", AUDIO, 0), size=36
  ),
  "two bytes more": riff(FMT, chunk(b"data", AUDIO, len(AUDIO) + 2)),
  "the header counted": riff(FMT, chunk(b"data", AUDIO, len(AUDIO) + 44)),
  "a long header counted": riff(
    chunk(b"bext", bytes(400)), FMT, chunk(b"data", AUDIO, len(AUDIO) + 44 + 408)
  ),
  "a file of no size": riff(FMT, chunk(b"data", AUDIO), size=0),
  "a file too small": riff(FMT, chunk(b"data", AUDIO), size=1_000),
  "a file too large": riff(FMT, chunk(b"data", AUDIO), size=0x61F92214),
  "an odd chunk without its zero": riff(
    FMT, chunk(b"note", b"abcdefg"), chunk(b"data", AUDIO)
  ),
  "an odd list without its zero": riff(
    FMT, chunk(b"LIST", b"INFOICRD\4\0\0\x002020!"), chunk(b"data", AUDIO)
  ),
  "two odd chunks, one zero": riff(
    chunk(b"note", b"abcde"), FMT, chunk(b"LIST", b"INFOx\0"[:5]) + b"\0", chunk(b"data", AUDIO)
  ),
  "an odd chunk, and no sizes": riff(
    FMT, chunk(b"note", b"abcdefg"), chunk(b"data", AUDIO, 0), size=0
  ),
  "a list behind": riff(FMT, chunk(b"data", AUDIO), LIST),
  "BW64": riff(
    chunk(b"ds64", struct.pack("<QQQI", len(AUDIO) + 72, len(AUDIO), RATE, 0)),
    FMT,
    chunk(b"data", AUDIO, 0xFFFFFFFF),
    size=0xFFFFFFFF,
    magic=b"BW64",
  ),
  "a tag before": b"ID3\3\0\0\0\0\0\x0a" + bytes(10) + riff(FMT, chunk(b"data", AUDIO)),
}  # fmt: skip
UNKNOWN = (0xFFFFFFFF, 0xFFFFFFF0, 0x80000000, 0x7FFFFFFF, 0x7FFFF000)
SLIPS |= {
  f"data of unknown size {mark:#x}, a file of size {size}": riff(
    FMT, chunk(b"data", AUDIO, mark), size=size
  )
  for mark in UNKNOWN
  for size in (None, 0, mark)
}
RF64 = struct.pack("<QQQI", 0, 0, 0, 0)
SLIPS |= {
  f"RF64 whose sizes are {what}": riff(
    *ds64, FMT, chunk(b"data", AUDIO, mark), size=mark, magic=b"RF64"
  )
  for what, ds64, mark in (
    ("not filled in", [chunk(b"ds64", RF64)], 0xFFFFFFFF),
    ("all open", [chunk(b"ds64", b"\xff" * 28)], 0xFFFFFFFF),
    ("0", [chunk(b"ds64", RF64)], 0),
    ("missing", [], 0xFFFFFFFF),
  )
}


def aiff(ssnd: int, *, form: int | None = None, frames: int = RATE, behind=b"") -> bytes:
  """An AIFF file of which some sizes are as they are told."""
  rate = struct.pack(">HQ", 0x400E, RATE << 48)  # 80 bits of a float.
  audio = bytes(8) + SAMPLES.astype(">i2").tobytes()
  body = b"AIFFCOMM" + struct.pack(">IhIh", 18, 1, frames, 16) + rate
  body += b"SSND" + struct.pack(">I", ssnd) + audio + behind
  return b"FORM" + struct.pack(">I", len(body) if form is None else form) + body


SLIPS |= {"AIFF as it must be": aiff(len(AUDIO) + 8)}
SLIPS |= {
  f"AIFF of size {mark:#x}, {form}, {frames}": aiff(mark, form=form, frames=frames)
  for mark in (0, 8, *UNKNOWN)
  for form in (None, 0, mark)
  for frames in (RATE, 0, mark)
}
SLIPS |= {
  f"AU of size {mark:#x}": struct.pack(">4s5I", b".snd", 24, mark, 3, RATE, 1)
  + SAMPLES.astype(">i2").tobytes()
  for mark in (0, *UNKNOWN)
}


@pytest.mark.parametrize("slip", SLIPS)
def test_slips(slip):
  np.testing.assert_allclose(io.decode(SLIPS[slip], name="a"), SAMPLES / 32_768, atol=1e-6)


def test_a_size_that_is_odd():
  """Half a sample is none."""
  found = io.decode(riff(FMT, chunk(b"data", AUDIO, len(AUDIO) - 1)), name="a")
  np.testing.assert_allclose(found, SAMPLES[:-1] / 32_768, atol=1e-6)


def test_an_empty_one_is_told_and_its_list_is_no_sound():
  for behind in (b"", LIST, LIST + chunk(b"id3 ", bytes(2_000))):
    with pytest.raises(UserError, match="0 samples"):
      io.decode(riff(FMT, chunk(b"data", b""), behind), name="a")


@pytest.mark.parametrize("lost", [0.02, 0.3, 0.9])
def test_what_is_cut_off_is_told(lost):
  data = riff(FMT, chunk(b"data", AUDIO))
  with pytest.raises(UserError, match="cut off"):
    io.decode(data[: round((1 - lost) * len(data))], name="a")


def test_a_short_one_that_lacks_half_is_cut_off():
  short = SAMPLES[: RATE // 50 + 10]
  data = riff(FMT, chunk(b"data", short.tobytes(), 4 * short.size))
  with pytest.raises(UserError, match="cut off"):
    io.decode(data, name="a")


@pytest.mark.parametrize("rate", [RATE, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_flac_from_a_pipe(tmp_path, rate, channels):
  """It says 0 samples, of which the last frame tells."""
  noise = np.random.default_rng(0).normal(0, 0.1, (3 * rate + 777, channels))
  path = write(tmp_path / "a.flac", noise, rate, ("FLAC", "PCM_24"))
  expected = io.load(path)
  data = bytearray(path.read_bytes())
  fields = int.from_bytes(data[18:26], "big")  # STREAMINFO: its last 36 bits count the samples.
  data[18:26] = (fields >> 36 << 36).to_bytes(8, "big")
  np.testing.assert_allclose(io.decode(bytes(data), name="a"), expected, atol=1e-7)
  with pytest.raises(UserError, match="60 s"):
    io.decode(bytes(data[:22]) + b"\xff\xff\xff\xff" + bytes(data[26:]), name="a")
  with pytest.raises(UserError, match="cut off"):
    io.decode(bytes(data[: len(data) // 2]), name="a")


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_files_one_behind_another(tmp_path, subtype):
  one = write(tmp_path / "a.ogg", sine(1.0, rate=48_000, hz=300), 48_000, ("OGG", subtype))
  two = write(tmp_path / "b.ogg", sine(0.5, rate=48_000, hz=500), 48_000, ("OGG", subtype))
  together = io.decode(one.read_bytes() + two.read_bytes(), name="a")
  apart = np.concatenate([io.load(one), io.load(two)])
  assert len(together) == pytest.approx(len(apart), abs=2)
  for part, hz in ((together[: RATE // 2], 300), (together[-RATE // 4 :], 500)):
    peak = np.argmax(np.abs(np.fft.rfft(part * np.hanning(part.size))))
    assert peak * RATE / part.size == pytest.approx(hz, abs=4)


def test_ogg_files_of_two_rates_are_refused(tmp_path):
  one = write(tmp_path / "a.ogg", sine(), RATE, ("OGG", "VORBIS"))
  two = write(tmp_path / "b.ogg", sine(rate=22_050), 22_050, ("OGG", "VORBIS"))
  with pytest.raises(UserError, match="several sample rates"):
    io.decode(one.read_bytes() + two.read_bytes(), name="a")


def test_an_ogg_file_whose_end_is_not_marked(tmp_path):
  """A recorder that was switched off; and one whose last page is torn."""
  data = write(tmp_path / "a.ogg", sine(9.0), RATE, ("OGG", "VORBIS")).read_bytes()
  last = data.rindex(b"OggS")
  assert 1.0 < len(io.decode(data[:last], name="a")) / RATE <= 9.0
  with pytest.raises(UserError, match="cut off"):
    io.decode(data[: last - 100], name="a")


LIBSNDFILES = [
  (kind, subtype, endian)
  for kind, subtype in (
    ("AU", "ULAW"),
    ("AU", "PCM_24"),
    ("CAF", "ALAC_16"),
    ("VOC", "PCM_U8"),
    ("NIST", "PCM_16"),
    ("IRCAM", "PCM_16"),
    ("PAF", "PCM_16"),
    ("PVF", "PCM_16"),
    ("AVR", "PCM_16"),
    ("SVX", "PCM_16"),
    ("W64", "IMA_ADPCM"),
    ("WAV", "G721_32"),
    ("WAV", "MS_ADPCM"),
    ("WAVEX", "ULAW"),
    ("XI", "DPCM_16"),
    ("WVE", "ALAW"),
    ("MAT5", "PCM_16"),
  )
  for endian in ("FILE", "LITTLE", "BIG")
  if sf.check_format(kind, subtype, endian)
]


@pytest.mark.parametrize(("kind", "subtype", "endian"), LIBSNDFILES)
def test_all_that_libsndfile_reads(tmp_path, kind, subtype, endian):
  rate = 8_000 if subtype == "G721_32" or kind == "WVE" else 44_100 if kind == "XI" else 22_050
  path = tmp_path / "a"
  sf.write(path, sine(rate=rate, hz=300), rate, subtype, endian, kind)
  with path.open("rb") as file:
    expected, told = sf.read(file, dtype="float32")  # VOC knows some rates only.
  assert expected.std() > 0.1
  np.testing.assert_array_equal(io.load(path, sample_rate=told), expected)
