"""Decodes with FFmpeg what libsndfile does not: recordings of phones, browsers and Windows.

FFmpeg knows hundreds of formats, among them lists that name other files and addresses. Here it is
given one container by name, no protocol to open anything with, and decoders of sound alone.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from itertools import chain
from typing import Any, BinaryIO

import numpy as np

from synthmatch_jax.audio import formats
from synthmatch_jax.errors import UserError

_CODECS = (
  "aac,alac,opus,libopus,vorbis,flac,mp3,mp3float,mp2,mp2float,wmav1,wmav2,wmapro,wmalossless,wmavoice,"
  "amrnb,amrwb,wavpack,speex,libspeex,ac3,eac3,qdm2,qdmc,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,"
  "adpcm_yamaha,adpcm_swf,g722,g723_1,g726,g729,truespeech,gsm,gsm_ms"
)
_PCM = (
  ",pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,"
  "pcm_f64be,pcm_u8,pcm_s8,pcm_mulaw,pcm_alaw"
)

# Containers whose header says how long the sound is; FFmpeg guesses it for others.
_SAY_LENGTH = ("mp4", "webm", "wma", "wavpack")
_SLACK_SECONDS = 0.1  # An encoder's delay and a last packet may make so much (WMA: 0.05).

CUT_OFF = "{} is cut off, it ends before its audio does: copy or export it again"
DAMAGED = "{} is damaged or cut off, it cannot be decoded: copy or export it again"
_FOREIGN = (
  "{} holds {}, which needs a decoder: pip install '" + formats.EXTRA + "', or convert it to wav"
)

# Readings and jumps, of 32 KB each: twenty times as many as for a minute of eight channels. A file
# of a million empty parts would take minutes.
_MOST_STEPS = 20_000


class _Patient:
  """A file that can be read a limited number of times."""

  def __init__(self, file: BinaryIO):
    self._file = file
    self._left = _MOST_STEPS

  def read(self, size: int) -> bytes:
    """Reads up to `size` bytes."""
    self._count()
    return self._file.read(size)

  def seek(self, target: int, whence: int = 0) -> int:
    """Moves the position."""
    self._count()
    return self._file.seek(target, whence)

  def tell(self) -> int:
    """Returns the position."""
    return self._file.tell()

  def _count(self) -> None:
    self._left -= 1
    if self._left < 0:
      raise ValueError("it is read again and again")


class _Ffmpeg:
  """A `decoders.Decoder` by FFmpeg."""

  def __init__(self, file: BinaryIO, kind: str, *, name: str, codecs: str):
    self._file, self._kind, self._name, self._codecs = file, kind, name, codecs
    container, stream = self._open()
    with container:
      self.rate = float(stream.rate or 0)
      self.frames = self._frames(container, stream) if kind in _SAY_LENGTH else None

  def _frames(self, container: Any, stream: Any) -> int | None:
    if stream.duration and stream.time_base:
      return round(stream.duration * stream.time_base * self.rate)
    # FFmpeg's unit is a microsecond.
    return round(container.duration * self.rate / 1_000_000) if container.duration else None

  def _open(self) -> tuple[Any, Any]:
    import av
    from av.error import FFmpegError

    self._file.seek(0)
    try:
      container: Any = av.open(
        _Patient(self._file),
        format=formats.FORMATS[self._kind].ffmpeg,
        options={"protocol_whitelist": "none", "codec_whitelist": self._codecs},
        metadata_errors="replace",
      )
    except (FFmpegError, ValueError) as error:
      raise UserError(DAMAGED.format(self._name)) from error
    streams = container.streams.audio
    if not streams or streams[0].codec_context is None:
      container.close()
      raise UserError(f"{self._name} holds no sound that can be decoded: convert it to wav")
    return container, streams[0]

  def blocks(self) -> Iterator[np.ndarray]:
    """See `decoders.Decoder`."""
    import av
    from av.error import FFmpegError

    container, stream = self._open()
    done = 0
    with container:
      try:
        resampler = av.AudioResampler(format="fltp")
        for frame in chain(container.decode(stream), [None]):  # None gives what is left.
          for block in resampler.resample(frame):
            done += block.samples
            yield block.to_ndarray().T
      except (FFmpegError, ValueError) as error:
        raise UserError(DAMAGED.format(self._name)) from error
    if self.frames is not None and done < self.frames - _SLACK_SECONDS * self.rate:
      raise UserError(CUT_OFF.format(self._name))


def open_sound(file: BinaryIO, kind: str, *, name: str) -> _Ffmpeg:
  """Opens a container that libsndfile does not know.

  Args:
    file: The file, open for reading and seekable.
    kind: The name of its format in `formats.FORMATS`.
    name: The name of the file in error messages.

  Raises:
    UserError: FFmpeg is not installed, or it cannot decode the file.
  """
  if find_spec("av") is None:
    raise UserError(_FOREIGN.format(name, f"{kind} audio"))
  return _Ffmpeg(file, kind, name=name, codecs=_CODECS + _PCM)


def open_other(file: BinaryIO, kind: str, *, name: str, otherwise: str) -> _Ffmpeg:
  """Opens a container that libsndfile knows, with a codec that it does not know.

  Args:
    file: The file, open for reading and seekable.
    kind: The name of its format in `formats.FORMATS`.
    name: The name of the file in error messages.
    otherwise: The sentence about a file that FFmpeg does not decode either.

  Raises:
    UserError: FFmpeg is not installed, or it cannot decode the file.
  """
  if find_spec("av") is None:
    raise UserError(
      f"{otherwise}; if other programs play it, pip install '{formats.EXTRA}' may decode it"
    )
  try:
    # Plain samples are left out: libsndfile would have read them, so their header is damaged.
    return _Ffmpeg(file, kind, name=name, codecs=_CODECS)
  except UserError as error:
    raise UserError(otherwise) from error
