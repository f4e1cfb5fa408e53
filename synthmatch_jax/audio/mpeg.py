"""Counts the frames of MPEG audio (layers I to III: mp1, mp2, mp3) without decoding them.

A decoder that finds no length header guesses how long a file is from its size, tags and pictures
included, and stops where it has guessed. Here the frames themselves are counted (ISO 11172-3,
section 2.4.1.3), and laid out so that the decoder knows.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from synthmatch_jax.audio.splice import Part

# Bit rates in kbit/s by index 1 to 14.
_LAYER_1 = tuple(range(32, 449, 32))
_LAYER_2 = (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_LAYER_3 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_LOW_LAYER_1 = (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256)
_LOW = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)

_SYNC = re.compile(rb"\xff[\xe2-\xff]")
_MOST_JUNK = 1 << 13  # Bytes between frames. The longest frame has 2,881.
_MOST_GAPS = 100  # A file that was put together has a few; a hostile one may have a million.
_IN_A_ROW = 3  # So many frames make chance unlikely.


@dataclass(frozen=True, slots=True)
class _Frame:
  """The contents of the four bytes of a header."""

  kind: tuple[int, int, int]  # Version (3 is MPEG-1, 2 MPEG-2, 0 MPEG-2.5), layer, rate.
  mono: bool
  bits: int
  size: int

  @property
  def samples(self) -> int:
    version, layer, _ = self.kind
    return {1: 384, 2: 1152, 3: 1152 if version == 3 else 576}[layer]

  @property
  def tag_offset(self) -> int:
    """The place of a Xing header, behind the side information of layer III."""
    if self.kind[0] == 3:
      return 21 if self.mono else 36
    return 13 if self.mono else 21


@dataclass(kw_only=True)
class Stream:
  """The frames of a file.

  Attributes:
    parts: The places of the frames, without what is between them.
    frames: The number of whole frames.
    samples: The number of samples in each of them.
    rate: The sample rate, in Hz.
    said: The number of frames that a length header promises; None without one.
    torn: Whether the last frame is not whole.
    is_constant: Whether all have one bit rate, from which decoders guess their number.
  """

  parts: list[tuple[int, int]] = field(default_factory=list)
  frames: int = 0
  samples: int
  rate: int
  said: int | None = None
  torn: bool = False
  is_constant: bool = True
  _first: _Frame
  _header: bytes
  _is_vbri: bool = False

  @property
  def is_cut_off(self) -> bool:
    """Whether the stream ends too early. Some length headers count their own frame as well."""
    return self.said is not None and self.said > self.frames + (0 if self.torn else 1)

  def layout(self) -> list[Part]:
    """Returns the parts of a file that a decoder reads to its end, and no further."""
    start, end = self.parts[0]
    if self.said is not None and not self._is_vbri and self.frames - self.said in (-1, 0, 1):
      return list(self.parts)
    if self.said is not None:  # The length header misleads; its frame is silent.
      start += self._first.size
    tail: list[Part] = [(start, end), *self.parts[1:]]
    if self.is_constant or self._first.kind[1] != 3:
      return tail
    return [self._length_header(), *tail]

  def _length_header(self) -> bytes:
    """Makes a silent frame that says how many follow: the Xing header, as encoders write it."""
    # The header fits into the longest frame without a checksum, whatever the others are.
    head = bytes([0xFF, self._header[1] | 1, 0xE0 | self._header[2] & 0x0C, self._header[3]])
    frame = _parse(head)
    assert frame is not None
    text = b"Xing" + struct.pack(">II", 1, self.frames)
    return (head.ljust(frame.tag_offset, b"\0") + text).ljust(frame.size, b"\0")


def find(file: BinaryIO, start: int, end: int) -> int | None:
  """Finds the first frame, behind zeros, tags and a piece of a frame; None if none is near."""
  tags = 0
  while start < end:
    file.seek(start)
    block = file.read(1 << 16)
    zeros = len(block) - len(block.lstrip(b"\0"))
    start += zeros
    if zeros < len(block):
      size = tag_size(file, start)
      if not size or tags == _MOST_GAPS:
        return next(_candidates(file, start, end, None), None)
      start, tags = start + size, tags + 1
    elif not block:
      break
  return None


def scan(file: BinaryIO, start: int, end: int) -> Stream | None:
  """Counts the frames in a part of a file; returns None if there is none."""
  position = find(file, start, end)
  if position is None:
    return None
  file.seek(position)
  head = file.read(4)
  first = _parse(head)
  assert first is not None
  stream = Stream(samples=first.samples, rate=first.kind[2], _first=first, _header=head)
  _read_length(file, position, first, stream)
  _walk(file, position, end, stream)
  if stream.said is not None:
    stream.frames -= 1
  return stream


def _walk(file: BinaryIO, position: int, end: int, stream: Stream) -> None:
  """Goes from frame to frame, over tags and rubbish between them."""
  kind, begin, bits = stream._first.kind, position, 0
  while position + 4 <= end:
    file.seek(position)
    frame = _parse(file.read(4))
    if frame is not None and frame.kind == kind:
      stream.torn = position + frame.size > end
      if stream.torn:
        break
      stream.frames += 1
      if stream.frames > (stream.said is not None):
        bits = bits or frame.bits
        stream.is_constant &= frame.bits == bits
      position += frame.size
      continue
    stream.parts.append((begin, position))
    behind = position + tag_size(file, position)
    found = next(_candidates(file, behind, end, kind), None)
    if found is None or len(stream.parts) > _MOST_GAPS:
      return
    begin = position = found
  stream.parts.append((begin, position))


def _candidates(
  file: BinaryIO, start: int, end: int, kind: tuple[int, int, int] | None
) -> Iterator[int]:
  """Yields places near `start` where frames of one kind follow each other."""
  file.seek(start)
  for match in _SYNC.finditer(file.read(min(_MOST_JUNK, end - start))):
    if _follow(file, start + match.start(), end, kind, at_once=match.start() == 0):
      yield start + match.start()


def _follow(
  file: BinaryIO, position: int, end: int, kind: tuple[int, int, int] | None, *, at_once: bool
) -> bool:
  """Tells whether frames of one kind follow each other: three, or fewer up to the file's end."""
  for number in range(_IN_A_ROW):
    if position == end and number and at_once:
      return True
    file.seek(position)
    frame = _parse(file.read(4)) if position + 4 <= end else None
    if frame is None or (kind is not None and frame.kind != kind):
      return False
    kind, position = frame.kind, position + frame.size
    if position > end:
      return number > 0 and at_once  # A frame that is not whole says nothing.
  return True


def _parse(head: bytes) -> _Frame | None:
  """Reads a frame's header; None for anything else, as text in UTF-16 (FF FE) or raw AAC."""
  if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
    return None
  version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
  index, rate_index = head[2] >> 4, head[2] >> 2 & 3
  if version == 1 or layer == 4 or index in (0, 15) or rate_index == 3 or head[3] & 3 == 2:
    return None
  if version == 3:
    table = (_LAYER_1, _LAYER_2, _LAYER_3)[layer - 1]
  else:
    table = _LOW_LAYER_1 if layer == 1 else _LOW
  rate = (44_100, 48_000, 32_000)[rate_index] >> (0 if version == 3 else 1 if version == 2 else 2)
  bits, padding = 1000 * table[index - 1], head[2] >> 1 & 1
  if layer == 1:
    size = 4 * (12 * bits // rate + padding)
  else:
    size = (72 if layer == 3 and version != 3 else 144) * bits // rate + padding
  return _Frame((version, layer, rate), head[3] >> 6 == 3, bits, size)


def _read_length(file: BinaryIO, position: int, frame: _Frame, stream: Stream) -> None:
  """Reads the length header in the first frame: LAME's (Xing, Info) or Fraunhofer's (VBRI)."""
  if frame.kind[1] != 3:
    return
  file.seek(position)
  head = file.read(min(frame.size, 64))
  name, flags, count = struct.unpack(">4sII", head[frame.tag_offset :][:12].ljust(12, b"\0"))
  if name in (b"Xing", b"Info"):
    # The lowest flag says that the field for frames is there.
    stream.said = count if flags & 1 else 0
  elif head[36:40] == b"VBRI":
    stream.said, stream._is_vbri = int.from_bytes(head[50:54], "big"), True


def tag_size(file: BinaryIO, position: int) -> int:
  """Counts the bytes of the ID3v2 tags at a place, one behind another; 0 if there is none."""
  start = position
  for _ in range(_MOST_GAPS):
    file.seek(position)
    head = file.read(10)
    if head[:3] != b"ID3" or len(head) < 10:
      break
    # ID3v2, section 3.1: seven bits in each of four bytes, and a flag for a footer of ten.
    sizes = zip(head[6:10], (21, 14, 7, 0), strict=True)
    position += 10 + sum((byte & 0x7F) << shift for byte, shift in sizes)
    position += 10 if head[5] & 0x10 else 0
  return position - start
