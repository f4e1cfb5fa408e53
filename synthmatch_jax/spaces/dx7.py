"""The voices of Yamaha's DX7, as a space of parameters and as files."""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthmatch_jax import untrusted
from synthmatch_jax.spaces.discrete import Choice, Integer
from synthmatch_jax.spaces.parameters import Parameter
from synthmatch_jax.spaces.space import ParameterSpace, Patch, parameter_from_dict

OPERATORS = tuple(f"op{number}_" for number in range(1, 7))
"""How the names of the parameters of each operator begin."""

# The System Exclusive messages of the DX7 (Yamaha, DX7 owner's manual): the maker, a channel, the
# format, the number of bytes, so many bytes, a checksum, the end.
_START, _YAMAHA, _END = 0xF0, 0x43, 0xF7
_SINGLE, _BANK = bytes([0, 1, 27]), bytes([9, 32, 0])
_SINGLE_BYTES, _PACKED_BYTES = 155, 128
_NAME_CHARACTERS = 10
_MOST_BYTES = 1 << 20

VALUES = 145
"""The number of parameters of a voice, and of the bytes of their values."""


@dataclass(frozen=True, kw_only=True)
class Voice:
  """A voice as it lies in a file.

  Attributes:
    name: The name, of at most ten characters.
    patch: The values of all parameters.
  """

  name: str
  patch: Patch


@functools.cache
def space() -> ParameterSpace:
  """Returns the space: parameters of the whole voice, then those of operator 1, 2, ..., 6."""
  by_name = {p.name: p for p in _in_a_dump()}
  order = ("", *OPERATORS)
  groups: dict[str, list[Parameter]] = {group: [] for group in order}
  for name, parameter in by_name.items():
    groups[next((op for op in OPERATORS if name.startswith(op)), "")].append(parameter)
  return ParameterSpace("dx7", tuple(p for group in order for p in groups[group]))


@functools.cache
def _in_a_dump() -> tuple[Parameter, ...]:
  """Returns the parameters in the order of the bytes of a voice."""
  data = untrusted.read_json(Path(__file__).with_suffix(".json"))
  operators = [p for op in reversed(OPERATORS) for p in _parameters(data, "operator", op)]
  return (*operators, *_parameters(data, "voice", ""))


def _parameters(data: Mapping[str, Any], part: str, op: str) -> Iterator[Parameter]:
  """Yields the parameters of one operator, or of the voice as a whole."""
  words = {"op": op}
  for name, text in data["conditions"].items():
    words[name] = text.format(**words)
  for entry in data[part]:
    filled = {k: v.format(**words) if isinstance(v, str) else v for k, v in entry.items()}
    yield parameter_from_dict({"kind": "integer"} | filled)


def to_bytes(patch: Patch) -> bytes:
  """Returns the 145 bytes of a patch, as a single-voice dump has them; values are clamped."""
  return bytes(_to_byte(p, patch[p.name]) for p in _in_a_dump())


def of_bytes(data: bytes) -> Patch:
  """Returns the patch of 145 bytes; a byte that is out of its range is clamped."""
  found = {p.name: _of_byte(p, value) for p, value in zip(_in_a_dump(), data, strict=True)}
  return {name: found[name] for name in space().names}


def _to_byte(parameter: Any, value: Any) -> int:
  if isinstance(parameter, Choice):
    return parameter.options.index(value)
  if isinstance(parameter, Integer):
    return round(min(max(value, parameter.low), parameter.high)) - parameter.low
  return int(bool(value))


def _of_byte(parameter: Any, value: int) -> Any:
  if isinstance(parameter, Choice):
    return parameter.options[min(value, len(parameter.options) - 1)]
  if isinstance(parameter, Integer):
    return min(parameter.low + value, parameter.high)
  return min(value, 1)


def unpacked(packed: bytes) -> bytes:
  """Returns the 155 bytes of a voice, name included, from the 128 that a bank has of it."""
  found = bytearray()
  for start in range(0, 102, 17):
    op = packed[start : start + 17]
    found += op[:11]
    found += bytes([op[11] & 3, op[11] >> 2 & 3, op[12] & 7, op[13] & 3, op[13] >> 2 & 7, op[14]])
    found += bytes([op[15] & 1, op[15] >> 1 & 31, op[16], op[12] >> 3 & 15])
  rest = packed[102:]
  found += rest[:8] + bytes([rest[8] & 31, rest[9] & 7, rest[9] >> 3 & 1]) + rest[10:14]
  found += bytes([rest[14] & 1, rest[14] >> 1 & 7, rest[14] >> 4 & 7]) + rest[15:]
  return bytes(found)


def dump(patch: Patch, name: str) -> bytes:
  """Returns the single-voice dump of a patch: 163 bytes, to be sent to a DX7 or opened in Dexed.

  Args:
    patch: The patch.
    name: The name of the voice, which is cut to the ten characters that a DX7 shows.
  """
  letters = "".join(c if " " <= c <= "~" else "?" for c in name)[:_NAME_CHARACTERS]
  data = to_bytes(patch) + letters.ljust(_NAME_CHARACTERS).encode()
  return bytes([_START, _YAMAHA, 0]) + _SINGLE + data + bytes([_checksum(data), _END])


def chosen(path: Path) -> tuple[Path, int]:
  """Returns a file, and the number of the voice that BANK.syx#5 chooses of it, from 1; else 0."""
  found = re.fullmatch(r"(.+\.(?:syx|dx7))#(\d{1,9})", path.name, re.IGNORECASE | re.ASCII)
  return (path.with_name(found[1]), int(found[2])) if found else (path, 0)


def read(path: Path, *, sha256: str = "") -> list[Voice]:
  """Returns the voices in a file, in order; there is at least one.

  It may hold dumps of single voices and of banks of 32, among messages for other synths, or nothing
  but packed voices, as the banks of hexter do.

  Args:
    path: The file.
    sha256: The checksum that it must have; empty allows any.

  Raises:
    OSError: The file cannot be read.
    ValueError: It is no such file, or it is damaged.
  """
  data = untrusted.read_bytes(path, most=_MOST_BYTES, sha256=sha256)
  if data[:1] == bytes([_START]):
    voices = [voice for message in _messages(data) for voice in _voices(message)]
  else:
    voices = [_voice(one) for one in _raw(data)]
  if not voices:
    raise ValueError("it holds no voice of a DX7")
  return voices


def _messages(data: bytes) -> Iterator[bytes]:
  """Yields what is between the start and the end of each System Exclusive message."""
  while data:
    end = data.find(_END)
    if data[0] != _START or end < 0:
      raise ValueError("it is cut off, or is no file of System Exclusive messages")
    yield data[1:end]
    data = data[end + 1 :].lstrip(b"\0")


def _voices(message: bytes) -> list[Voice]:
  """Returns the voices in a message: none if it is for another synth.

  Raises:
    ValueError: It is a dump of a DX7, and is damaged.
  """
  kind, data = message[2:5], message[5:-1]
  if message[:1] != bytes([_YAMAHA]) or kind not in (_SINGLE, _BANK) or message[1] > 15:
    return []
  size = _SINGLE_BYTES if kind == _SINGLE else 32 * _PACKED_BYTES
  if len(data) != size or max(data) > 127:
    raise ValueError(f"a dump in it does not have the {size} bytes that it says")
  if message[-1] != _checksum(data):
    raise ValueError("a dump in it is damaged: its checksum is another")
  return [_voice(data)] if kind == _SINGLE else [_voice(one) for one in _split(data)]


def _raw(data: bytes) -> Sequence[bytes]:
  """Returns packed voices, 155 bytes each, if the file can be nothing else."""
  voices = _split(data)
  if len(data) % _PACKED_BYTES or max(data, default=0) > 127:
    return []
  return voices if all(to_bytes(of_bytes(v[:VALUES])) == v[:VALUES] for v in voices) else []


def _split(data: bytes) -> list[bytes]:
  count = len(data) // _PACKED_BYTES
  return [unpacked(data[i * _PACKED_BYTES :][:_PACKED_BYTES]) for i in range(count)]


def _voice(data: bytes) -> Voice:
  name = "".join(c if " " <= c <= "~" else "?" for c in data[VALUES:].decode("ascii"))
  return Voice(name=name.strip(), patch=of_bytes(data[:VALUES]))


def _checksum(data: bytes) -> int:
  return -sum(data) & 127
