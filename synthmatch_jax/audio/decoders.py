"""Decodes sound files: with libsndfile, or with FFmpeg what libsndfile does not know."""

import os
from collections.abc import Iterator
from io import BufferedReader
from typing import BinaryIO, Protocol, runtime_checkable

import numpy as np
import soundfile as sf

from synthmatch_jax.audio import containers, ffmpeg, flac, formats, mpeg
from synthmatch_jax.audio.ffmpeg import CUT_OFF, DAMAGED
from synthmatch_jax.audio.splice import Part, Spliced
from synthmatch_jax.errors import UserError

_BLOCK = 1 << 20  # Values that are decoded at a time, over all channels.
_UNKNOWN_FRAMES = 1 << 62  # libsndfile's count for a stream of unknown length is 2^63 - 1.
_MOST_LINKS = 100  # Recordings in one Ogg file.


@runtime_checkable
class Decoder(Protocol):
  """A sound file that can be decoded.

  Attributes:
    rate: The sample rate, in Hz.
    frames: The number of samples of each channel, as the file says; None if it does not.
  """

  rate: float
  frames: int | None

  def blocks(self) -> Iterator[np.ndarray]:
    """Yields samples (k, channels), float32, each time from the start.

    Raises:
      UserError: The file is damaged or cut off.
    """
    ...


class Reader(BufferedReader):
  """A file in the form that libsndfile should see."""

  @property
  def name(self) -> str:
    """Returns no name: soundfile takes a file whose name ends in .raw for one without header."""
    return ""

  @property
  def mode(self) -> str:
    """Returns the mode of a file, which bytes in memory do not have."""
    return "rb"

  def seek(self, target: int, whence: int = os.SEEK_SET, /) -> int:
    """Stays in place where a damaged header points before the start of the file."""
    try:
      return super().seek(target, whence)
    except OSError:
      return self.tell()


def open_sound(file: BinaryIO, *, size: int, name: str) -> Decoder:
  """Opens a decoder of what a file holds, whatever it is called.

  Args:
    file: The file, open for reading and seekable, in the form that libsndfile should see.
    size: The number of its bytes.
    name: The name of the file in error messages.

  Raises:
    UserError: It is no sound file, is damaged or cut off, or needs a decoder that is not here.
  """
  skip = mpeg.tag_size(file, 0)  # Some programs put a tag before files of every kind.
  if skip:
    file, size = _spliced(file, [(skip, size)])
  kind = formats.kind_of(file, size=size)
  if kind is None:
    raise UserError(f"{name} is no {formats.COMMON} file: convert it to one of these")
  if formats.FORMATS[kind].foreign:
    return ffmpeg.open_sound(file, kind, name=name)
  if kind == formats.MP3:
    return _mpeg(file, 0, size, name)
  if kind == "ogg":
    return _ogg(file, size, name)
  if kind == "flac" and (parts := flac.mended(file, size=size)):
    file, size = _spliced(file, parts)
  audio = containers.locate(file, kind, size=size)
  if audio is not None:
    if audio.is_cut_off(size):
      raise UserError(CUT_OFF.format(name))
    if audio.encoding in containers.MPEG_TAGS:
      end = size if audio.length is None else min(size, audio.start + audio.length)
      return _mpeg(file, audio.start, end, name)
    if audio.mended:
      file, size = _spliced(file, audio.mended)
  return _sndfile([file], kind, name)


class _Sndfile:
  """A decoder of files one behind another, by libsndfile."""

  def __init__(self, files: list[BinaryIO], name: str, *, frames: int | None = None):
    """Opens the files.

    Args:
      files: The files, each as libsndfile can open it.
      name: The name of the files in error messages.
      frames: The greatest number of samples, if libsndfile can only guess it.

    Raises:
      LibsndfileError: It cannot open one.
    """
    self._files, self._name = files, name
    # Opened anew for each pass: libsndfile does not go back right in every codec (ALAC, G.721).
    self._unread = self._open()
    self.rate = float(self._unread[0].samplerate)
    self.channels = self._unread[0].channels
    self.is_uniform = len({(s.samplerate, s.channels) for s in self._unread}) == 1
    counts = [sound.frames for sound in self._unread]
    self._is_told = frames is None
    if self._is_told and max(counts) >= _UNKNOWN_FRAMES:
      raise UserError(f"{name} does not say how long it is: convert it to wav")
    self.frames = sum(counts) if self._is_told else frames

  def _open(self) -> list[sf.SoundFile]:
    for file in self._files:
      file.seek(0)
    return [sf.SoundFile(file) for file in self._files]

  def blocks(self) -> Iterator[np.ndarray]:
    """See `Decoder`."""
    try:
      sounds, self._unread = self._unread or self._open(), []
      done, size = 0, max(1, _BLOCK // self.channels)
      for sound in sounds:
        with sound:
          while len(block := sound.read(size, dtype="float32", always_2d=True)):
            yield block
            done += len(block)
    except sf.LibsndfileError as error:
      raise UserError(DAMAGED.format(self._name)) from error
    if self._is_told and self.frames is not None and done < self.frames:
      raise UserError(CUT_OFF.format(self._name))


def _sndfile(files: list[BinaryIO], kind: str, name: str) -> Decoder:
  """Opens files with libsndfile, or with FFmpeg if libsndfile knows the container only."""
  try:
    sound = _Sndfile(files, name)
  except sf.LibsndfileError as error:
    if formats.FORMATS[kind].ffmpeg and len(files) == 1:
      return ffmpeg.open_other(files[0], kind, name=name, otherwise=DAMAGED.format(name))
    raise UserError(DAMAGED.format(name)) from error
  if not sound.is_uniform:
    raise UserError(
      f"{name} holds recordings of several sample rates or channels: convert it to wav"
    )
  return sound


def _mpeg(file: BinaryIO, start: int, end: int, name: str) -> Decoder:
  """Opens the frames of MPEG audio, behind a length header that is true."""
  stream = mpeg.scan(file, start, end)
  if stream is None:
    raise UserError(DAMAGED.format(name))
  if stream.is_cut_off:
    raise UserError(CUT_OFF.format(name))
  try:
    # Encoders fill the last frame up and say by how much: this is the greatest number of samples.
    most = stream.frames * stream.samples
    return _Sndfile([_spliced(file, stream.layout())[0]], name, frames=most)
  except sf.LibsndfileError as error:
    raise UserError(DAMAGED.format(name)) from error


def _ogg(file: BinaryIO, size: int, name: str) -> Decoder:
  """Opens all recordings of an Ogg file, of which libsndfile sees the first."""
  if not containers.ogg_ends_whole(file, size=size):
    raise UserError(CUT_OFF.format(name))
  links = containers.ogg_links(file, size=size)
  if len(links) == 1:
    return _sndfile([file], "ogg", name)
  if len(links) > _MOST_LINKS:
    raise UserError(f"{name} holds more than {_MOST_LINKS} recordings: cut one out of it")
  return _sndfile([_spliced(file, [link])[0] for link in links], "ogg", name)


def _spliced(file: BinaryIO, parts: list[Part] | tuple[Part, ...]) -> tuple[BinaryIO, int]:
  """Returns parts of a file as a file, and its size."""
  raw = Spliced(file, parts)
  return Reader(raw), raw.size
