"""Sounds that are no files: arrays of every kind, lists, bytes, open files."""

import gzip
import io as streams
import lzma
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import soundfile as sf

from synthmatch_jax.audio import io
from synthmatch_jax.errors import UserError
from tests.audio.sound_files import RATE, sine, write

TONE = sine(0.5)


def integers(dtype) -> np.ndarray:
  """The tone as an audio interface has it: full scale is the type's, without a sign centred."""
  info = np.iinfo(dtype)
  middle = (int(info.max) + int(info.min) + 1) / 2
  return np.round(TONE * (int(info.max) - middle) + middle).astype(dtype)


STEREO = np.stack([TONE, 0.5 * TONE], 1)
ARRAYS = {
  "float32": (TONE, TONE),
  "float64": (TONE.astype(np.float64), TONE),
  "float16": (TONE.astype(np.float16), TONE),
  "other byte order": (TONE.astype(">f8"), TONE),
  "int8": (integers(np.int8), TONE),
  "int16": (integers(np.int16), TONE),
  "int16 of the other byte order": (integers(np.int16).astype(">i2"), TONE),
  "int32": (integers(np.int32), TONE),
  "uint8": (integers(np.uint8), TONE),
  "uint16": (integers(np.uint16), TONE),
  "stereo": (STEREO, 0.75 * TONE),
  "stereo of integers": (np.stack([integers(np.int16)] * 2, 1), TONE),
  "stereo, strided": (np.stack([TONE, 0.5 * TONE]).T, 0.75 * TONE),
  "one column": (TONE[:, None], TONE),
  "backwards": (TONE[::-1][::-1], TONE),
  "antiphase": (np.stack([TONE, -TONE], 1), TONE),
  "list": (TONE.tolist(), TONE),
  "list of channels": (STEREO.tolist(), 0.75 * TONE),
  "tuple": (tuple(TONE.tolist()), TONE),
  "JAX": (jnp.asarray(TONE), TONE),
  "JAX, stereo": (jnp.asarray(STEREO), 0.75 * TONE),
  "JAX, short floats": (jnp.asarray(TONE, jnp.bfloat16), TONE),
  "read-only": (np.frombuffer(TONE.tobytes(), np.float32), TONE),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays(kind):
  samples, expected = ARRAYS[kind]
  found, name = io.read(samples, rate=RATE)
  assert found.dtype == np.float32
  steps = {"int8": 2**7, "uint8": 2**7, "JAX, short floats": 2**8}
  np.testing.assert_allclose(found, expected, atol=1 / steps.get(kind, 2**10))
  assert name == "the sound"


@pytest.mark.parametrize("rate", [RATE, float(RATE), np.int64(RATE), np.array(RATE)])
def test_rates(rate):
  assert len(io.read(TONE, rate=rate)[0]) == len(TONE)


def test_a_rate_that_is_no_whole_number():
  assert len(io.read(TONE, rate=RATE / 1.5)[0]) == pytest.approx(1.5 * len(TONE), abs=1)


@pytest.mark.parametrize(
  ("rate", "says"),
  [
    (None, "has no sample rate"),
    ("fast", "'fast'"),
    ([RATE, RATE], "give a number"),
    (True, "give a number"),
    (0, "0 Hz.*recorded at"),
    (-1, "-1 Hz.*recorded at"),
    (-RATE, "-44100 Hz"),
    (float("nan"), "nan Hz"),
    (float("inf"), "inf Hz"),
    (1e9, "Hz are read"),
  ],
)
def test_rates_that_are_none(rate, says):
  with pytest.raises(UserError, match=says) as caught:
    io.read(TONE, rate=rate, name="mine")
  assert str(caught.value).startswith("mine ")


@pytest.mark.parametrize(
  ("samples", "says"),
  [
    (STEREO.T, "transposed"),
    (TONE[None], "transposed"),
    (np.zeros((0, 2)), "0 samples"),
    ([], "0 samples"),
    (np.zeros((RATE, 0)), "0 samples"),
    (np.float32(1.0), "0 dimensions"),
    (7, "0 dimensions|64 bits"),
    (np.zeros((RATE, 2, 2)), "3 dimensions"),
    (np.where(np.arange(RATE) == 7, np.nan, 0.5), "no audio.*give finite"),
    (np.where(np.arange(RATE) == 7, np.inf, 0.5), "no audio"),
    (np.full((RATE, 2), 1e300), "no audio"),
    (TONE.astype(object), "object"),
    (TONE.astype(complex), "complex"),
    (TONE > 0, "bool"),
    (np.array(["a"] * RATE), "no samples"),
    (integers(np.int16).tolist(), "64 bits"),
    (integers(np.int16).astype(np.uint64), "64 bits"),
    ([[0.1] * RATE, [0.1]], "as an array"),
    ({"array": TONE}, "is of the type dict: give a path"),
    (None, "is None: give a path"),
    (np.zeros(RATE, np.int16), "silent"),
    (np.full(RATE, 128, np.uint8), "silent"),
    (np.full(RATE, 0.3), "silent"),
    (TONE[:800], "800 samples"),
    (np.ones(61 * 8_000), "lasts|silent"),
  ],
)
def test_arrays_that_are_no_sound(samples, says):
  with pytest.raises(UserError, match=says) as caught:
    io.read(samples, rate=RATE, name="mine")
  assert str(caught.value).startswith("mine ")
  assert "\n" not in str(caught.value)


def test_files_however_they_come(tmp_path):
  path = write(tmp_path / "tone.flac", TONE, kind=("FLAC", "PCM_24"))
  expected, data = io.load(path), path.read_bytes()
  written = streams.BytesIO()
  sf.write(written, TONE, RATE, format="FLAC", subtype="PCM_24")  # Its position is at the end.
  with path.open("rb") as opened:
    ways = (path, str(path), data, bytearray(data), memoryview(data), opened, written)
    for way in ways:
      found, name = io.read(way)
      np.testing.assert_array_equal(found, expected)
      assert name == ("tone.flac" if isinstance(way, str | Path) else "the sound")


def test_open_files_that_are_no_sound(tmp_path):
  path = write(tmp_path / "tone.wav", TONE)
  with path.open(encoding="latin-1") as text, pytest.raises(UserError, match="'rb'"):
    io.read(text)
  with path.open("rb") as closed:
    pass
  with pytest.raises(UserError, match="that is open"):
    io.read(closed)
  with (tmp_path / "new").open("wb") as new, pytest.raises(UserError, match="cannot be read"):
    io.read(new)
  with pytest.raises(UserError, match="0 bytes"):
    io.read(streams.BytesIO())
  for nowhere in ("", b""):
    with pytest.raises(UserError, match=r"the path of the sound is empty|0 bytes"):
      io.read(nowhere)


class _Failing:
  """A file that fails in some way, which is that of whatever library it is from."""

  def __init__(self, error):
    self.error = error

  def read(self, size):
    raise self.error


def test_open_files_that_fail_in_ways_of_their_own(tmp_path):
  whole = gzip.compress(write(tmp_path / "tone.wav", TONE).read_bytes())
  packed = {
    "gzip, cut off": gzip.GzipFile(fileobj=streams.BytesIO(whole[:-2000])),
    "gzip, damaged": gzip.GzipFile(fileobj=streams.BytesIO(whole[:500] + b"\xff" * 500)),
    "lzma, cut off": lzma.LZMAFile(streams.BytesIO(lzma.compress(whole)[:-2000])),  # noqa: SIM115
    "lzma, none": lzma.LZMAFile(streams.BytesIO(whole)),  # noqa: SIM115
    "of another library": _Failing(RuntimeError("gone\naway")),
    "without a word": _Failing(KeyError()),
  }
  for what, file in packed.items():
    with pytest.raises(UserError, match=r"cannot be read .+: give a file that is open") as caught:
      io.read(file, name=what)
    assert "\n" not in str(caught.value)
  with gzip.GzipFile(fileobj=streams.BytesIO(whole)) as file:
    np.testing.assert_array_equal(io.read(file)[0], io.load(tmp_path / "tone.wav"))
