"""Finds the length of a FLAC file that does not say it, as one that was written into a pipe."""

import re
from typing import BinaryIO

from synthmatch_jax.audio.splice import Part

# The longest frame of the usual blocks (4,608 samples of 8 channels of 32 bits) has half of this.
_TAIL = 1 << 18
_SYNC = re.compile(rb"\xff[\xf8\xf9]")


def mended(file: BinaryIO, *, size: int) -> tuple[Part, ...]:
  """Returns the same file with its length, as its last frame tells it; nothing if it says it.

  The fields are those of RFC 9639, sections 8.2 and 9.1. STREAMINFO counts the samples in 36 bits;
  0 means that their number is unknown.

  Args:
    file: The file, open for reading and seekable; its position is moved.
    size: The number of its bytes.
  """
  file.seek(0)
  head = file.read(26)
  if len(head) < 26 or int.from_bytes(head[18:26], "big") & (1 << 36) - 1:
    return ()
  start = max(26, size - _TAIL)
  file.seek(start)
  tail = file.read(_TAIL)
  block = int.from_bytes(head[8:10], "big")
  for match in reversed(list(_SYNC.finditer(tail))):
    samples = _end_of_frame(tail[match.start() : match.start() + 17], block)
    if samples and samples < 1 << 36:
      fields = int.from_bytes(head[18:26], "big") | samples
      return (head[:18] + fields.to_bytes(8, "big"), (26, size))
  return ()


def _end_of_frame(head: bytes, block: int) -> int:
  """Returns the number of samples up to a frame's end, by its header; 0 if it is none."""
  if len(head) < 17:
    head = head.ljust(17, b"\0")
  code, rate = head[2] >> 4, head[2] & 15
  if code == 0 or rate == 15 or head[3] >> 4 > 10 or head[3] & 1:
    return 0
  # The number is coded as in UTF-8: ones before the first zero count its bytes.
  ones = 8 - (head[4] ^ 0xFF).bit_length()
  if ones == 1 or ones == 8:
    return 0
  number, place = head[4] & (0x7F >> ones), 5
  for byte in head[5 : 4 + max(1, ones)]:
    number, place = number << 6 | byte & 0x3F, place + 1
  if code in (6, 7):
    length = int.from_bytes(head[place : place + code - 5], "big") + 1
    place += code - 5
  else:
    length = 192 if code == 1 else 576 << (code - 2) if code < 6 else 256 << (code - 8)
  place += {12: 1, 13: 2, 14: 2}.get(rate, 0)
  if _crc8(head[:place]) != head[place]:
    return 0
  return (number if head[1] & 1 else number * block) + length


def _crc8(data: bytes) -> int:
  value = 0
  for byte in data:
    value ^= byte
    for _ in range(8):
      value = value << 1 ^ (0x107 if value & 0x80 else 0)
  return value
