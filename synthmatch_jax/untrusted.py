"""Reads files that a stranger may have written, within bounds of size, depth and number.

A file that is missing or cannot be read raises an `OSError`, one that is not what it must be a
`ValueError` with the reason; the caller says which file it was and what to do. Nothing here
runs anything that a file holds.
"""

import contextlib
import hashlib
import io
import json
import math
import os
import re
import stat
import struct
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

MOST_JSON_BYTES = 32 << 20
"""The largest JSON file that is read; the state of a plugin may have some megabytes."""

MOST_ARRAY_BYTES = 256 << 20
"""The largest archive of arrays that is read, and the largest array that is unpacked."""

# The project's own files are at most ten levels deep and hold some ten thousand values.
_MOST_LEVELS, _MOST_VALUES = 64, 500_000
_MOST_DIGITS = 19  # Whole numbers of 64 bits have no more.
_MOST_DIRECTORY_BYTES = 1 << 20  # The directory of an archive is no larger.

# A string, whole or not, or a bracket or comma. The expression never backtracks.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

# The start of an array of numbers as NumPy writes it (numpy.lib.format, version 1.0). NumPy's own
# reader evaluates it as a Python expression.
_MAGIC = b"\x93NUMPY\x01\x00"
_ARRAY = re.compile(
  rb"\{'descr': '([<|][fiub]\d)', 'fortran_order': False, 'shape': \(([\d, ]{0,99})\), \} *\n"
)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
  """Opens a regular file and gives its size in bytes; a pipe or a device is never waited for.

  Raises:
    OSError: The file is missing or cannot be read.
    ValueError: It is a folder, a pipe, a device or a socket.
  """
  _require_regular(path.name, path.stat().st_mode)
  # Something else may have taken its place in the meantime.
  handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
  with os.fdopen(handle, "rb") as file:
    found = os.fstat(handle)
    _require_regular(path.name, found.st_mode)
    yield file, found.st_size


def read_bytes(path: Path, *, most: int, sha256: str = "") -> bytes:
  """Returns all bytes of a regular file.

  Args:
    path: The file.
    most: The number of bytes that it may have.
    sha256: The checksum that it must have, as 64 hexadecimal digits; empty allows any.

  Raises:
    OSError: The file is missing or cannot be read.
    ValueError: It is no regular file, too large, or does not have its checksum.
  """
  with opened(path) as (file, size):
    data = file.read(min(size, most) + 1)
  if len(data) > min(size, most):  # It may have grown, or be one of the kernel's (/proc).
    raise ValueError(f"{path.name} is larger than it says or than the {most:,} bytes allowed")
  if sha256:
    require_sum(path.name, hashlib.sha256(data).hexdigest(), sha256)
  return data


def require_sum(name: str, found: str, wanted: str) -> None:
  """Raises a ValueError that names the file if a checksum is not the one that was stored."""
  if found != wanted:
    raise ValueError(f"{name} is damaged: its checksum is not the one that was stored with it")


def read_json(path: Path, *, sha256: str = "") -> Any:
  """Reads a JSON file (see `read_bytes` and `parse_json`)."""
  return parse_json(read_bytes(path, most=MOST_JSON_BYTES, sha256=sha256).decode())


def parse_json(text: str) -> Any:
  """Parses strict JSON: without NaN and Infinity, and with every key once.

  Raises:
    ValueError: The text is no such JSON, is more than 64 levels deep, has more than 500,000 values,
      or holds a number or a character that other programs cannot read.
  """
  depth = values = 0
  for token in _TOKEN.finditer(text):
    first = token[0][0]
    if first in "[{,":
      values += 1
      depth += first != ","
    elif first in "]}":
      depth -= 1
    if depth > _MOST_LEVELS:
      raise ValueError(f"its JSON is more than {_MOST_LEVELS} levels deep")
    if values > _MOST_VALUES:
      raise ValueError(f"its JSON holds more than {_MOST_VALUES:,} values")
  found = json.loads(
    text,
    parse_constant=_no_number,
    parse_float=_finite,
    parse_int=_whole,
    object_pairs_hook=_unique,
  )
  if _ESCAPED_SURROGATE.search(
    text
  ):  # Half a character is refused here and not when it is written.
    json.dumps(found, ensure_ascii=False).encode()
  return found


def read_arrays(path: Path, names: Sequence[str], *, sha256: str = "") -> dict[str, np.ndarray]:
  """Reads arrays of numbers from an .npz file.

  Args:
    path: The file.
    names: The names of the arrays; others are not unpacked.
    sha256: See `read_bytes`.

  Raises:
    OSError: The file is missing or cannot be read.
    KeyError: It has no array of that name.
    ValueError, zipfile.BadZipFile, zlib.error: It is no such file, or it is damaged.
  """
  data = read_bytes(path, most=MOST_ARRAY_BYTES, sha256=sha256)
  end = data[-22:]  # "End of central directory", without a comment (PKWARE, APPNOTE.TXT 4.3.16).
  size = int.from_bytes(end[12:16], "little")
  if end[:4] != b"PK\5\6" or data[-42:-38] == b"PK\6\7" or size > _MOST_DIRECTORY_BYTES:
    raise ValueError(f"{path.name} is no archive of arrays")
  try:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
      return {name: _array(archive, name) for name in names}
  except (RuntimeError, struct.error, OverflowError) as error:
    # zipfile raises these for archives that it does not know; NotImplementedError is one of them.
    raise ValueError(f"{path.name} is no archive of arrays: {error}") from None


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
  info = archive.getinfo(f"{name}.npy")
  plain = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
  if not plain or info.flag_bits & 1 or info.file_size > MOST_ARRAY_BYTES:
    raise ValueError(f"the array {name} is too large, or packed in an unknown way")
  with archive.open(info) as member:
    data = member.read(info.file_size)
  start = len(_MAGIC) + 2
  end = start + int.from_bytes(data[len(_MAGIC) : start], "little")
  header = _ARRAY.fullmatch(data[start:end])
  if not data.startswith(_MAGIC) or header is None:
    raise ValueError(f"the array {name} is no array of numbers")
  shape = [int(size) for size in header[2].decode().split(",") if size.strip()]
  values = np.frombuffer(data, np.dtype(header[1].decode()), offset=end)
  if values.size != math.prod(shape):
    raise ValueError(f"the array {name} does not have the size that it says")
  return values.reshape(shape)


def _require_regular(name: str, mode: int) -> None:
  if not stat.S_ISREG(mode):
    raise ValueError(f"{name} is no regular file")


def _no_number(text: str) -> float:
  raise ValueError(f"its JSON says {text}, which is no number")


def _finite(text: str) -> float:
  value = float(text)
  if not math.isfinite(value):
    raise ValueError(f"its JSON has the number {text[:20]}, which is too large")
  return value


def _whole(text: str) -> int:
  if len(text.lstrip("-")) > _MOST_DIGITS:
    raise ValueError(f"its JSON has a whole number of more than {_MOST_DIGITS} digits")
  return int(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
  found = dict(pairs)
  if len(found) != len(pairs):
    raise ValueError("its JSON has a key twice")
  return found
