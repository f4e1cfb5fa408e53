"""Sound files in and out."""

import os
from io import BufferedReader, BytesIO, FileIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile as sf
import soxr
from jaxtyping import Float

from synthmatch_jax.audio import containers
from synthmatch_jax.errors import UserError

# Sample rates that are taken for real, in Hz: from old phones to the fastest converters.
_MIN_RATE, _MAX_RATE = 1_000, 768_000

_MIN_SECONDS = 0.02  # Five periods of C4; anything shorter is no sound to match.
_SILENCE = 1e-4  # -80 dB below full scale: the hum of a sound card, not a note.
_LOUDEST = 1e10  # 200 dB above full scale: beyond integers that were written as floats.

# The mean of the channels is given up if it holds less than this share of the loudest one's
# power. Two channels of which one is silent hold 1/4, two of opposite phase nothing.
_CANCELLED = 0.01

_NO_AUDIO = "{} holds samples that are no audio (NaN, infinite or huge): export it again"

_BLOCK = 1 << 20  # Values decoded at a time, over all channels.
_UNKNOWN_FRAMES = 1 << 62  # libsndfile's count for a stream of unknown length is 2^63 - 1.


def load(
  path: str | os.PathLike[str], *, sample_rate: int = 44_100, max_seconds: float = 60.0
) -> Float[np.ndarray, " n"]:
  """Reads a wav, flac, ogg (Vorbis, Opus), mp3 or aiff file as mono float32.

  Channels are averaged. Where they cancel (a stereo file of opposite phase) the loudest one is
  taken alone. Levels are left as they are: full scale is 1, float files may exceed it.

  Args:
    path: of the file; its kind is told by its content, its name does not matter.
    sample_rate: of the result, in Hz; other rates are resampled (soxr, VHQ).
    max_seconds: files that are longer are refused by their header, before they are decoded.

  Raises:
    UserError: the file is missing, a folder, unreadable, empty, no sound file, cut off,
      damaged, silent (peak below -80 dB of full scale), not finite, shorter than 20 ms or too
      long.
  """
  path = Path(path)
  try:
    if path.is_dir():
      raise UserError(f"{path} is a folder: name the sound files in it")
    if not path.exists():
      raise UserError(f"there is no file {path}: check the path")
    if not path.is_file():
      raise UserError(f"{path} is no regular file: save the sound to a file first")
    with _Reader(FileIO(path)) as file:
      mono, rate = _read(file, path, max_seconds)
  except OSError as error:
    reason = (error.strerror or str(error)).lower()
    raise UserError(f"{path} cannot be read ({reason}): check the file and its folder") from error
  return _resampled(mono, rate, sample_rate, path)


def decode(
  data: bytes, *, name: str, sample_rate: int = 44_100, max_seconds: float = 60.0
) -> Float[np.ndarray, " n"]:
  """A sound file that is in memory, read as `load` does.

  Args:
    data: all bytes of the file.
    name: for error messages.
    sample_rate: see `load`.
    max_seconds: see `load`.

  Raises:
    UserError: see `load`.
  """
  # A BytesIO has all the methods of a raw file, though its type says otherwise.
  with _Reader(BytesIO(data)) as file:  # pyright: ignore[reportArgumentType]
    mono, rate = _read(file, name, max_seconds)
  return _resampled(mono, rate, sample_rate, name)


def resample(
  samples: Float[np.ndarray, " k"],
  rate: int,
  *,
  name: str,
  sample_rate: int = 44_100,
  max_seconds: float = 60.0,
) -> Float[np.ndarray, " n"]:
  """Mono samples that are in memory, under the conditions of `load`.

  Args:
    samples: mono, full scale is 1.
    rate: of the samples, in Hz.
    name: for error messages.
    sample_rate: see `load`.
    max_seconds: see `load`.

  Raises:
    UserError: see `load`.
  """
  _check_length(samples.size, rate, name, max_seconds)
  if not np.abs(samples).max() <= _LOUDEST:
    raise UserError(_NO_AUDIO.format(name))
  return _resampled(samples.astype(np.float32), rate, sample_rate, name)


def save(path: str | os.PathLike[str], audio: Float[np.ndarray, " n"], sample_rate: int) -> None:
  """Writes a mono WAV file: whole or not at all, an existing file is replaced.

  24-bit integers, which every player knows; 32-bit floats where a sample exceeds full scale, so
  that nothing is clipped.

  Args:
    path: of the file; its folder must exist.
    audio: finite samples, full scale is 1.
    sample_rate: in Hz.

  Raises:
    UserError: the file cannot be written.
  """
  path = Path(path)
  if not np.isfinite(audio).all():
    raise ValueError(f"audio for {path} holds NaN or infinity")
  subtype = "PCM_24" if np.abs(audio).max(initial=0) <= 1 else "FLOAT"
  encoded = BytesIO()
  sf.write(encoded, audio, sample_rate, format="WAV", subtype=subtype)
  part = path.with_name(f".{path.name}.{os.getpid()}.part")
  try:
    try:
      part.write_bytes(encoded.getvalue())
      part.replace(path)
    finally:
      part.unlink(missing_ok=True)
  except OSError as error:
    reason = (error.strerror or str(error)).lower()
    raise UserError(f"{path} cannot be written ({reason}): choose another place") from error


class _Reader(BufferedReader):
  """A file as libsndfile should see it."""

  @property
  def name(self) -> str:
    """None: soundfile takes a file whose name ends in .raw for one without header."""
    return ""

  @property
  def mode(self) -> str:
    """Of a file, which bytes in memory do not have."""
    return "rb"

  def seek(self, target: int, whence: int = os.SEEK_SET, /) -> int:
    """Stays in place where a damaged header points before the start of the file."""
    try:
      return super().seek(target, whence)
    except OSError:
      return self.tell()


def _resampled(mono: np.ndarray, rate: int, sample_rate: int, path: Path | str) -> np.ndarray:
  resampled = soxr.resample(mono, rate, sample_rate, quality="VHQ")
  if np.abs(resampled).max(initial=0) < _SILENCE:
    raise UserError(f"{path} is silent (below -80 dB of full scale): choose another sound")
  return resampled


def _read(file: BinaryIO, path: Path | str, max_seconds: float) -> tuple[np.ndarray, int]:
  """Mono float32 samples (n,) and their rate."""
  size = file.seek(0, os.SEEK_END)
  if size == 0:
    raise UserError(f"{path} is empty (0 bytes): save or download it again")
  file.seek(0)
  kind = containers.kind_of(file.read(12))
  if kind is None:
    raise UserError(f"{path} is no wav, flac, ogg, mp3 or aiff file: convert it to one of these")
  cut_off = f"{path} is cut off, it ends before its audio does: copy or export it again"
  guessed = kind == "mp3" and not containers.has_mp3_length(file)
  if containers.is_cut_off(file, kind, size=size):
    raise UserError(cut_off)
  file.seek(0)
  try:
    with sf.SoundFile(file) as sound:
      _check_length(sound.frames, sound.samplerate, path, max_seconds)
      mono = _mix(sound, path)
      if len(mono) < sound.frames and kind != "mp3":
        raise UserError(cut_off)
      if guessed and file.tell() < 0.9 * size:
        # A variable bit rate made the guess too short, and libsndfile stops where it says.
        raise UserError(f"{path} is an mp3 file without a length: convert it to wav")
      return mono, sound.samplerate
  except sf.LibsndfileError as error:
    raise UserError(
      f"{path} is damaged or cut off, it cannot be decoded: copy or export it again"
    ) from error


def _check_length(frames: int, rate: int, path: Path | str, max_seconds: float) -> None:
  if not _MIN_RATE <= rate <= _MAX_RATE:
    raise UserError(
      f"{path} claims a sample rate of {rate} Hz, {_MIN_RATE} to {_MAX_RATE} Hz are read:"
      " export it again"
    )
  if frames >= _UNKNOWN_FRAMES:
    raise UserError(f"{path} does not say how long it is: convert it to wav")
  if frames > max_seconds * rate:
    raise UserError(
      f"{path} lasts {frames / rate:,.1f} s, at most {max_seconds:g} s are read:"
      " cut the note out of it"
    )
  if frames < _MIN_SECONDS * rate:
    raise UserError(
      f"{path} holds {frames} samples ({1000 * frames / rate:.3g} ms), too few for a sound:"
      f" give at least {1000 * _MIN_SECONDS:g} ms"
    )


def _mix(sound: sf.SoundFile, path: Path | str) -> np.ndarray:
  """Mean of the channels, or the loudest one where they cancel; (n,) float32."""
  weights = np.full(sound.channels, 1 / sound.channels, np.float32)
  mono, power = _decode(sound, weights, path)
  if np.square(mono, dtype=np.float64).sum() >= _CANCELLED * power.max():
    return mono
  sound.seek(0)
  loudest = np.arange(sound.channels) == np.argmax(power)
  return _decode(sound, loudest.astype(np.float32), path)[0]


def _decode(
  sound: sf.SoundFile, weights: np.ndarray, path: Path | str
) -> tuple[np.ndarray, np.ndarray]:
  """Weighted sum of the channels (n,) and the sum of squares of each (channels,)."""
  mixed, power = [], np.zeros(sound.channels)
  frames = max(1, _BLOCK // sound.channels)
  while len(block := sound.read(frames, dtype="float32", always_2d=True)):
    if not np.abs(block).max() <= _LOUDEST:  # False for NaN as well.
      raise UserError(_NO_AUDIO.format(path))
    mixed.append(block @ weights)
    power += np.square(block, dtype=np.float64).sum(axis=0)
  return np.concatenate([*mixed, np.zeros(0, np.float32)]), power
