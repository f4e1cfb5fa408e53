"""Named arrays of numbers in a file (safetensors), which may come from a stranger.

The header of the file says what it holds. Both are bounded, since a long file may occupy no space
on a disk, and what the header says can be refused before any number is read.
"""

import contextlib
import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from safetensors import numpy as safetensors

from synthmatch_jax import untrusted
from synthmatch_jax.errors import UserError

StoredDtype = Literal["float32", "float16"]

_BYTES = {"F32": 4, "F16": 2}
# The paper's model has 200 arrays in a header of 20 kB.
_MOST_HEADER_BYTES, _MOST_ARRAYS = 1 << 18, 1024
# All arrays as float32; the paper's model has 350 MB. Reading takes some three times as much.
_MOST_BYTES = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Stored:
  """A file whose header has been read.

  Attributes:
    shapes: The name of each array -> its shape.
    name: The name of the file.
    size: Its size in bytes.
    file: The open file.
  """

  shapes: Mapping[str, tuple[int, ...]]
  name: str
  size: int
  file: BinaryIO

  def read(self, *, sha256: str = "") -> dict[str, np.ndarray]:
    """Returns all arrays, as float32.

    Args:
      sha256: The SHA-256 that the file must have; empty where it is not known.

    Raises:
      ValueError, SafetensorError: The file is damaged.
      UserError: A number is NaN or infinite.
    """
    self.file.seek(0)
    data = self.file.read(self.size)
    if sha256:
      untrusted.require_sum(self.name, hashlib.sha256(data).hexdigest(), sha256)
    arrays = safetensors.load(data)
    _require_finite(arrays, advice="export it again")
    return {name: array.astype(np.float32, copy=False) for name, array in arrays.items()}


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Stored]:
  """Opens a file and reads its header.

  Raises:
    OSError, ValueError: The file cannot be read, is damaged, or holds too much.
  """
  with untrusted.opened(path) as (file, size):
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or not 2 <= length <= min(size - 8, _MOST_HEADER_BYTES):
      raise ValueError(f"{path.name} has no header of weights")
    shapes, held = _shapes(file.read(length).decode(), path.name)
    if size != 8 + length + held:
      raise ValueError(f"{path.name} is not as long as its header says")
    if 4 * sum(map(math.prod, shapes.values())) > _MOST_BYTES:
      raise ValueError(f"{path.name} holds more weights than fit into {_MOST_BYTES >> 20:,} MiB")
    yield Stored(shapes=shapes, name=path.name, size=size, file=file)


def dumps(arrays: Mapping[str, Any], *, dtype: StoredDtype) -> bytes:
  """Returns the bytes of a file with some arrays.

  Raises:
    UserError: A number is NaN or infinite, or is too large for the dtype.
  """
  with np.errstate(over="ignore"):  # An overflow is found below.
    stored = {name: np.asarray(array).astype(dtype) for name, array in arrays.items()}
  _require_finite(stored, advice=f"train it again, or store it as float32 and not {dtype}")
  return safetensors.save(stored)


def _shapes(header: str, name: str) -> tuple[dict[str, tuple[int, ...]], int]:
  """Returns the shape of every array in a header, and the bytes of all of them together."""
  said = untrusted.parse_json(header.rstrip(" "))
  if not isinstance(said, dict) or len(said) > _MOST_ARRAYS:
    raise ValueError(f"{name} has no header of weights")
  shapes, held = {}, 0
  for array, about in said.items():
    if array == "__metadata__":
      continue
    if not isinstance(about, dict) or about.get("dtype") not in tuple(_BYTES):
      raise ValueError(f"{name} holds {array:.50}, which is not of {', '.join(_BYTES)}")
    shape = about.get("shape")
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
      raise ValueError(f"{name} holds {array:.50}, which has no shape")
    shapes[array] = tuple(shape)
    held += math.prod(shape) * _BYTES[about["dtype"]]
  return shapes, held


def _require_finite(arrays: Mapping[str, np.ndarray], *, advice: str) -> None:
  for name, array in arrays.items():
    if not np.isfinite(array).all():
      raise UserError(f"the weights {name} hold what is no number (NaN or infinite): {advice}")


def digest(named: Mapping[str, Any]) -> str:
  """Returns 16 hexadecimal digits that stand for arrays and their names."""
  state = hashlib.sha256()
  for name, array in sorted(named.items()):
    state.update(name.encode() + np.asarray(array).tobytes())
  return state.hexdigest()[:16]
