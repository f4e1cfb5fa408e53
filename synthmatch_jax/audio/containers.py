"""Checks what the headers of a sound file promise against the bytes that are there.

libsndfile reads most files that were cut off as if they ended there, without a word, so the
promise is checked here, from headers alone and before anything is decoded. Headers that are wrong
by a little, as many programs write them, are read as they are meant.
"""

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

from synthmatch_jax.audio.splice import Part

# Sizes from here on mean that the size is not known: a header that is written to a pipe cannot be
# corrected later. ffmpeg leaves 0xFFFFFFFF, sox 0x7FFFF000, others 0x7FFFFFFF or 0x80000000. The
# size of the whole file may be one of these, 0 or right.
_UNKNOWN_SIZE = 0x7FFFF000
_UNKNOWN_LONG_SIZE = 1 << 62  # The same for sizes of 64 bits.

# A sound file has about ten chunks; a hostile one may claim millions of empty ones.
_MAX_CHUNKS = 1_000
_LONGEST_FORMAT = 4_096  # Bytes of a chunk that is copied; a format has 16 to 100.

# A header may promise so many bytes too many: some count themselves, or chunks beside the audio.
_SLACK = 512

# The longest Ogg page is 65,307 bytes (RFC 3533, section 6), so the last one starts in here.
_OGG_TAIL = 1 << 17

_WAV_NAMES = (b"fmt ", b"fact", b"data")
_W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"

MPEG_TAGS = (0x50, 0x55)
"""Encodings of a WAV file that are MPEG audio: layers I and II, and layer III."""


@dataclass(frozen=True, kw_only=True)
class Audio:
  """The place of the audio in a file.

  Attributes:
    start: The position of its first byte.
    length: The number of its bytes, as promised; None where the header leaves it open.
    encoding: WAV's number of its encoding; 0 in other files.
    mended: The parts of a file that libsndfile reads right, if the header misleads it.
  """

  start: int
  length: int | None
  encoding: int = 0
  mended: tuple[Part, ...] = ()

  def is_cut_off(self, size: int) -> bool:
    """Tells whether a file of `size` bytes ends before its audio does, by more than a slip."""
    if self.length is None:
      return False
    missing = self.start + self.length - size
    return missing > min(_SLACK, self.length // 4)


def locate(file: BinaryIO, kind: str, *, size: int) -> Audio | None:
  """Finds the audio of a file.

  Args:
    file: The file, open for reading and seekable; its position is moved.
    kind: The name of its format in `formats.FORMATS`.
    size: The number of its bytes.

  Returns:
    None if the file is damaged, or its kind does not count the bytes of its audio.
  """
  match kind:
    case "wav":
      return _wav(file, size)
    case "aiff":
      return _aiff(file, size)
    case "au":
      return _au(file, size)
    case "caf":
      return _long(file, struct.Struct(">4sq"), b"data", first=8, header=0, multiple=1)
    case "w64":
      return _long(file, struct.Struct("<16sq"), _W64_DATA, first=40, header=24, multiple=8)
    case _:
      return None


@dataclass(frozen=True, slots=True)
class _Chunk:
  """A chunk of a RIFF or AIFF file; `padded` says whether all chunks before it are padded."""

  name: bytes
  start: int
  length: int
  padded: bool


def _wav(file: BinaryIO, size: int) -> Audio | None:
  """Finds the audio of a WAV or RF64 file."""
  file.seek(0)
  magic = file.read(4)
  order = ">" if magic == b"RIFX" else "<"
  long_size, encoding, copied = None, 0, []
  for chunk in _chunks(file, order, size):
    if chunk.name == b"ds64":
      # EBU Tech 3306: 64-bit sizes of the file, of the data, and the number of samples.
      file.seek(chunk.start + 8)
      long_size = int.from_bytes(file.read(8), "little")
    elif chunk.name in (b"fmt ", b"fact") and chunk.length <= _LONGEST_FORMAT:
      file.seek(chunk.start)
      body = file.read(chunk.length)
      header = struct.pack(f"{order}4sI", chunk.name, len(body))
      copied.append(header + body + b"\0" * (len(body) % 2))
      if chunk.name == b"fmt ":
        encoding = _encoding(body, order)
    elif chunk.name == b"data":
      length = _known(chunk.length, long_size)
      mended: tuple[Part, ...] = ()
      if length == 0 and not _is_chain(file, chunk.start, order, size):
        length = None  # A recorder that was switched off did not fill the sizes in.
      if length is None or not chunk.padded:
        end = size if length is None else min(size, chunk.start + length)
        mended = _written(magic, copied, chunk.start, end, order)
      elif magic == b"BW64":  # ITU-R BS.2088: RF64 by another name, which libsndfile knows.
        mended = (b"RF64", (4, size))
      return Audio(start=chunk.start, length=length, encoding=encoding, mended=mended)
  return None


def _known(length: int, long_size: int | None) -> int | None:
  """Returns the size of a data chunk, which may be in the ds64 chunk; None if it is not known."""
  if length < _UNKNOWN_SIZE:
    return length
  if length == 0xFFFFFFFF and long_size and long_size < _UNKNOWN_LONG_SIZE:
    return long_size
  return None


def _encoding(body: bytes, order: str) -> int:
  """Returns WAV's number of an encoding; for the extensible kind, the one that it stands for."""
  encoding = int.from_bytes(body[:2], "big" if order == ">" else "little")
  return int.from_bytes(body[24:26], "little") if encoding == 0xFFFE else encoding


def _written(
  magic: bytes, chunks: list[bytes], start: int, end: int, order: str
) -> tuple[Part, ...]:
  """Makes a WAV file of some chunks and of audio that is in another file."""
  end = min(end, start + _UNKNOWN_SIZE)  # Beyond two gigabytes it is refused for its length.
  body = b"WAVE" + b"".join(chunks) + struct.pack(f"{order}4sI", b"data", end - start)
  magic = b"RIFX" if magic == b"RIFX" else b"RIFF"
  return (struct.pack(f"{order}4sI", magic, len(body) + end - start) + body, (start, end))


def _is_chain(file: BinaryIO, start: int, order: Literal["<", ">"], size: int) -> bool:
  """Tells whether nothing but whole chunks follows, up to the end of a file."""
  end = start
  for chunk in _chunks(file, order, size, offset=start):
    if not _is_name(chunk.name):
      return False
    end = chunk.start + chunk.length
  return end <= size <= end + 1


def _chunks(
  file: BinaryIO, order: Literal["<", ">"], size: int, *, offset: int = 12
) -> Iterator[_Chunk]:
  """Yields the chunks of a RIFF or AIFF file."""
  padded = True
  for _ in range(_MAX_CHUNKS):
    file.seek(offset)
    header = file.read(8)
    if len(header) < 8:
      return
    name, length = struct.unpack(f"{order}4sI", header)
    yield _Chunk(name, offset + 8, length, padded)
    offset += 8 + length
    if length % 2 and offset < size:
      # Chunks start at even offsets, behind a zero. Some programs forget it.
      file.seek(offset)
      names = file.read(5)
      if _is_name(names[:4]) and names[1:] not in _WAV_NAMES:
        padded = False
      else:
        offset += 1


def _is_name(name: bytes) -> bool:
  return len(name) == 4 and all(0x20 <= byte < 0x7F for byte in name)


def _aiff(file: BinaryIO, size: int) -> Audio | None:
  """Finds the audio of an AIFF or AIFC file: it follows eight bytes in its chunk."""
  for chunk in _chunks(file, ">", size):
    if chunk.name != b"SSND":
      continue
    is_empty = chunk.length <= 8 and _is_chain(file, chunk.start + chunk.length, ">", size)
    if 8 < chunk.length < _UNKNOWN_SIZE or is_empty:
      return Audio(start=chunk.start, length=chunk.length)
    length = struct.pack(">I", min(size - chunk.start, _UNKNOWN_SIZE))
    mended = ((0, chunk.start - 4), length, (chunk.start, size))
    return Audio(start=chunk.start, length=None, mended=mended)
  return None


def _au(file: BinaryIO, size: int) -> Audio:
  """Finds the audio of a Sun or NeXT file; DEC's have the other byte order."""
  file.seek(0)
  head = file.read(12).ljust(12, b"\0")
  start, length = struct.unpack("<II" if head[:4] == b"dns." else ">II", head[4:])
  if length == 0 or length >= _UNKNOWN_SIZE:
    return Audio(start=start, length=None, mended=((0, 8), b"\xff" * 4, (12, size)))
  return Audio(start=start, length=length)


def _long(
  file: BinaryIO, head: struct.Struct, wanted: bytes, *, first: int, header: int, multiple: int
) -> Audio | None:
  """Finds the audio of a Core Audio or a Wave64 file, whose chunks have sizes of 64 bits.

  The head of a chunk is its name and its size, of which `header` bytes are the head's; a negative
  size is to the end. A chunk is padded to a multiple of `multiple` bytes.
  """
  offset = first
  for _ in range(_MAX_CHUNKS):
    file.seek(offset)
    found = file.read(head.size)
    if len(found) < head.size:
      return None
    name, size = head.unpack(found)
    start, length = offset + head.size, max(0, size - header)
    if name == wanted:
      return Audio(start=start, length=None if size < 0 else length)
    if size < header:
      return None
    offset = start + -(-length // multiple) * multiple
  return None


def ogg_ends_whole(file: BinaryIO, *, size: int) -> bool:
  """Tells whether an Ogg file ends with a whole page.

  It need not be marked as the last one: a recorder that was switched off has not marked it.
  """
  file.seek(max(0, size - _OGG_TAIL))
  tail = file.read(_OGG_TAIL)
  page = tail[max(0, tail.rfind(b"OggS")) :]
  if len(page) < 27:
    return False
  # RFC 3533, section 6: byte 26 holds the number of lengths that follow.
  lengths = page[27 : 27 + page[26]]
  return len(page) >= 27 + page[26] + sum(lengths)


def ogg_links(file: BinaryIO, *, size: int) -> list[tuple[int, int]]:
  """Finds the recordings of an Ogg file: several if files were put one behind another."""
  starts, offset, began = [0], 0, True
  while True:
    file.seek(offset)
    page = file.read(282)  # A header and as many lengths as there can be.
    if len(page) < 27 or page[:4] != b"OggS":
      return list(itertools.pairwise([*starts, size]))
    begins = bool(page[5] & 2)
    if begins and not began:
      starts.append(offset)
    began = begins
    offset += 27 + page[26] + sum(page[27 : 27 + page[26]])
