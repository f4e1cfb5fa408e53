"""Joins parts of a file, and bytes that are not in it, to one file that can be read."""

import io
import os
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, BinaryIO

Part = bytes | tuple[int, int]
"""Bytes, or the positions where a part of the file begins and ends."""


class Spliced(io.RawIOBase):
  """A file of parts one behind another; reading moves the position of the file they are in."""

  def __init__(self, file: BinaryIO, parts: Sequence[Part]):
    self._file = file
    self._parts = parts
    sizes = [len(p) if isinstance(p, bytes) else max(0, p[1] - p[0]) for p in parts]
    self._ends = list(accumulate(sizes))
    self._position = 0

  @property
  def size(self) -> int:
    """The number of all bytes."""
    return self._ends[-1] if self._ends else 0

  def readable(self) -> bool:
    """Says that it can be read."""
    return True

  def seekable(self) -> bool:
    """Says that its position can be moved."""
    return True

  def seek(self, target: int, whence: int = os.SEEK_SET, /) -> int:
    """Moves the position; before the start is an error, as in files."""
    base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
    if base + target < 0:
      raise OSError("negative seek")
    self._position = base + target
    return self._position

  def tell(self) -> int:
    """Returns the position."""
    return self._position

  def readinto(self, buffer: Any, /) -> int:
    """Reads up to the end of a part."""
    view = memoryview(buffer).cast("B")
    number = bisect_right(self._ends, self._position)
    if number == len(self._parts) or not len(view):
      return 0
    part, left = self._parts[number], self._ends[number] - self._position
    view = view[:left]
    if isinstance(part, bytes):
      data = part[len(part) - left :][: len(view)]
    else:
      self._file.seek(part[1] - left)
      data = self._file.read(len(view))
    view[: len(data)] = data
    self._position += len(data)
    return len(data)
