"""Reads and writes sounds."""

import os
from collections.abc import Iterator
from io import BytesIO, FileIO
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import soxr
from jaxtyping import Float

from synthmatch_jax import files
from synthmatch_jax.audio import channels
from synthmatch_jax.audio.decoders import Decoder, Reader, open_sound
from synthmatch_jax.audio.loudness import SILENT_PEAK
from synthmatch_jax.audio.samples import MAX_RATE, MIN_RATE, to_float, to_rate
from synthmatch_jax.errors import UserError, brief

_MIN_SECONDS = 0.02  # Five periods of C4; anything shorter is no sound to match.
_LOUDEST = 1e10  # 200 dB above full scale: beyond integers that were written as floats.

MOST_BYTES = 1 << 28
"""The most that is read of an open file: more than a minute of eight channels at 96 kHz."""


def read(
  sound: Any, *, rate: Any = None, name: str = "", sample_rate: int = 44_100
) -> tuple[Float[np.ndarray, " n"], str]:
  """Reads a sound as it comes, a file or samples, as mono float32.

  Args:
    sound: A path; the bytes of a sound file; a file open for reading bytes, which is read from
      its start; or samples, (n,) or (n, channels), as `resample` takes them.
    rate: The sample rate of samples, in Hz.
    name: The name of the sound; by default the file's name.
    sample_rate: See `load`.

  Returns:
    The sound and its name.

  Raises:
    UserError: See `load` and `resample`.
  """
  if isinstance(sound, str | os.PathLike):
    path = os.fsdecode(sound)
    return load(path, sample_rate=sample_rate), name or Path(path).name
  name = name or "the sound"
  if isinstance(sound, bytes | bytearray | memoryview):
    return decode(bytes(sound), name=name, sample_rate=sample_rate), name
  if hasattr(sound, "read"):
    return decode(_bytes_of(sound, name), name=name, sample_rate=sample_rate), name
  return resample(sound, rate, name=name, sample_rate=sample_rate), name


def load(
  path: str | os.PathLike[str], *, sample_rate: int = 44_100, max_seconds: float = 60.0
) -> Float[np.ndarray, " n"]:
  """Reads a sound file of any kind in `formats.FORMATS` as mono float32.

  Channels are averaged. If they cancel (a stereo file of opposite phase), the loudest one is taken
  alone. Levels are left as they are: full scale is 1, float files may exceed it.

  Args:
    path: The path of the file; its kind is told by its content, its name does not matter.
    sample_rate: The sample rate of the result, in Hz; other rates are resampled (soxr, VHQ).
    max_seconds: A longer file is refused by its header, before it is decoded; if the header does
      not say how long it is, as soon as it has lasted that long.

  Raises:
    UserError: The file is missing, a folder, unreadable, empty, no sound file, cut off,
      damaged, silent (peak below -80 dB of full scale), not finite, shorter than 20 ms or too
      long; or it needs a decoder that is not installed.
  """
  if not os.fspath(path):
    raise UserError("the path of the sound is empty: name a file")
  path = Path(path)
  try:
    if path.is_dir():
      raise UserError(f"{path} is a folder: name the sound files in it")
    if not path.exists():
      raise UserError(f"there is no file {path}: check the path")
    if not path.is_file():
      raise UserError(f"{path} is no regular file: save the sound to a file first")
    with Reader(FileIO(path)) as file:
      return _decoded(file, str(path), sample_rate, max_seconds)
  except OSError as error:
    reason = (error.strerror or str(error)).lower()
    raise UserError(f"{path} cannot be read ({reason}): check the file and its folder") from error


def decode(
  data: bytes, *, name: str, sample_rate: int = 44_100, max_seconds: float = 60.0
) -> Float[np.ndarray, " n"]:
  """Reads a sound file that is in memory as `load` does.

  Args:
    data: All bytes of the file.
    name: The name of the sound in error messages.
    sample_rate: See `load`.
    max_seconds: See `load`.

  Raises:
    UserError: See `load`.
  """
  # A BytesIO has all the methods of a raw file, though its type says otherwise.
  with Reader(BytesIO(data)) as file:  # pyright: ignore[reportArgumentType]
    return _decoded(file, name, sample_rate, max_seconds)


def resample(
  samples: Any,
  rate: Any,
  *,
  name: str,
  sample_rate: int = 44_100,
  max_seconds: float = 60.0,
) -> Float[np.ndarray, " n"]:
  """Takes samples that are in memory as mono float32, under the conditions of `load`.

  Args:
    samples: The samples, (n,) or (n, channels), as soundfile gives them: an array of NumPy, JAX or
      another library, or a list. Floats have full scale 1; integers of 8, 16 and 32 bits are
      scaled by their type, and those without a sign are centred.
    rate: The sample rate of the samples, in Hz.
    name: The name of the sound in error messages.
    sample_rate: See `load`.
    max_seconds: See `load`.

  Raises:
    UserError: See `load`; or the samples are no such array, or have no such rate.
  """
  array = _Array(to_float(samples, name=name), to_rate(rate, name=name))
  return _mono(array, name, sample_rate, max_seconds, advice="give finite ones, full scale is 1")


def save(path: Path, audio: Float[np.ndarray, " n"], sample_rate: int) -> None:
  """Writes a mono sound file: whole or not at all, an existing file is replaced.

  A WAV file holds 24-bit integers, which every player knows, or 32-bit floats if a sample exceeds
  full scale, so that nothing is clipped. An MP3 file is small, and every browser plays it: LAME in
  libsndfile encodes it at its best variable bit rate, 130 kbit/s for noise and a quarter of that
  for a tone, so that a listener judges the sound and not the coding.

  Args:
    path: The path of the file, which ends in .wav or .mp3; missing folders are made.
    audio: Finite samples, full scale is 1; MP3 clips what exceeds it, as any player would.
    sample_rate: The sample rate, in Hz; MP3 has nine of them, up to 48 kHz.

  Raises:
    UserError: The file cannot be written.
  """
  if not np.isfinite(audio).all():
    raise ValueError(f"audio for {path} holds NaN or infinity")
  form: dict[str, Any] = {"format": "WAV", "subtype": "PCM_24"}
  if path.suffix == ".mp3":
    form = {"format": "MP3", "compression_level": 0.0, "bitrate_mode": "VARIABLE"}
    audio = np.clip(audio, -1, 1)
  elif np.abs(audio).max(initial=0) > 1:
    form["subtype"] = "FLOAT"
  with files.writing(path) as partial:
    sf.write(partial, audio, sample_rate, **form)


class _Array:
  """A decoder of samples that are in memory already."""

  def __init__(self, samples: np.ndarray, rate: float):
    self._samples, self.rate = samples, rate
    self.frames: int | None = len(samples)

  def blocks(self) -> Iterator[np.ndarray]:
    """Yields all of them at once."""
    yield self._samples


def _bytes_of(file: Any, name: str) -> bytes:
  """Reads an open file, from its start if it can go there."""
  try:
    if getattr(file, "seekable", bool)():
      file.seek(0)
    data = file.read(MOST_BYTES + 1)
  except Exception as error:  # The file may be anything: an archive, a connection.
    raise UserError(
      f"{name} cannot be read ({brief(error)}): give a file that is open and whole"
    ) from error
  if isinstance(data, str):
    raise UserError(f"{name} is open as text: open it as bytes, with mode 'rb'")
  if not isinstance(data, bytes | bytearray | memoryview):
    raise UserError(f"{name} gives {type(data).__name__} and no bytes: give a file of bytes")
  if len(data) > MOST_BYTES:
    raise UserError(f"{name} has more than {MOST_BYTES >> 20} MB: cut the note out of it")
  return bytes(data)


def _decoded(file: Reader, name: str, sample_rate: int, max_seconds: float) -> np.ndarray:
  """Decodes a sound file to mono at another rate (n,)."""
  size = file.seek(0, os.SEEK_END)
  if size == 0:
    raise UserError(f"{name} is empty (0 bytes): save or download it again")
  return _mono(open_sound(file, size=size, name=name), name, sample_rate, max_seconds)


def _mono(
  decoder: Decoder,
  name: str,
  sample_rate: int,
  max_seconds: float,
  *,
  advice: str = "export it again",
) -> np.ndarray:
  """Mixes the channels of a sound to one, at another rate (n,)."""
  rate = decoder.rate
  if not MIN_RATE <= rate <= MAX_RATE:
    raise UserError(
      f"{name} claims a sample rate of {rate:g} Hz, {MIN_RATE} to {MAX_RATE} Hz are read: {advice}"
    )
  if decoder.frames is not None:
    _check_length(decoder.frames, rate, name, max_seconds)
  mono = channels.mono(lambda: _checked(decoder, name, max_seconds, advice), rate)
  _check_length(mono.size, rate, name, max_seconds)
  silent = UserError(f"{name} is silent (below -80 dB of full scale): choose another sound")
  if np.abs(mono - mono.mean()).max() < SILENT_PEAK:  # It may rest at any constant.
    raise silent
  resampled = soxr.resample(mono, rate, sample_rate, quality="VHQ")
  if np.abs(resampled).max(initial=0) < SILENT_PEAK:
    raise silent
  return resampled


def _checked(decoder: Decoder, name: str, max_seconds: float, advice: str) -> Iterator[np.ndarray]:
  """Yields what is decoded, as long as it is audio and not too long."""
  frames = 0
  for block in decoder.blocks():
    frames += len(block)
    if frames > max_seconds * decoder.rate:
      raise UserError(
        f"{name} lasts more than {max_seconds:g} s, which is the most that is read:"
        " cut the note out of it"
      )
    if not np.abs(block).max(initial=0) <= _LOUDEST:  # False for NaN as well.
      raise UserError(f"{name} holds samples that are no audio (NaN, infinite or huge): {advice}")
    yield block


def _check_length(frames: int, rate: float, name: str, max_seconds: float) -> None:
  if frames > max_seconds * rate:
    raise UserError(
      f"{name} lasts {frames / rate:,.1f} s, at most {max_seconds:g} s are read:"
      " cut the note out of it"
    )
  if frames < _MIN_SECONDS * rate:
    raise UserError(
      f"{name} holds {frames} samples ({1000 * frames / rate:.3g} ms), too few for a sound:"
      f" give at least {1000 * _MIN_SECONDS:g} ms"
    )
