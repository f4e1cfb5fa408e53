"""What the headers of a sound file promise, checked against the bytes that are there.

libsndfile reads a WAV, AIFF or Ogg file that was cut off as if it ended there, without a word,
so the promise is checked here, from headers alone and before anything is decoded.
"""

import re
import struct
from collections.abc import Iterator
from typing import BinaryIO, Literal

Kind = Literal["wav", "aiff", "flac", "ogg", "mp3"]

# A size no writer means: what goes into the header when it is written to a pipe and cannot be
# corrected later. ffmpeg leaves 0xFFFFFFFF, sox 0x7FFFF000 (and 0x7FFFF024 for the whole file).
_UNKNOWN_SIZE = 0x7FFFF000

# A sound file has about ten chunks; a hostile one may claim millions of empty ones.
_MAX_CHUNKS = 1_000

# The longest Ogg page is 65,307 bytes (RFC 3533, section 6), so the last one starts in here.
_OGG_TAIL = 1 << 17

# Length headers of MP3 files: LAME's and its relatives' (Xing, Info) and Fraunhofer's (VBRI).
_MP3_LENGTH = re.compile(rb"(?:Xing|Info)(.{12})|VBRI", re.DOTALL)


def kind_of(head: bytes) -> Kind | None:
  """Kind of a sound file by its first 12 bytes; None for anything else, whatever its name."""
  if head[:4] in (b"RIFF", b"RIFX", b"RF64") and head[8:12] == b"WAVE":
    return "wav"
  if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
    return "aiff"
  if head[:4] == b"fLaC":
    return "flac"
  if head[:4] == b"OggS":
    return "ogg"
  return "mp3" if head[:3] == b"ID3" or _is_mp3_frame(head) else None


def _is_mp3_frame(head: bytes) -> bool:
  """Whether a file starts as a frame of MPEG audio, layer III (ISO 11172-3, section 2.4.1.3).

  Being strict keeps out text in UTF-16, which starts with FF FE, and raw AAC.
  """
  if len(head) < 3 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
    return False
  version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
  bit_rate, sample_rate = head[2] >> 4, head[2] >> 2 & 3
  return version != 1 and layer == 1 and bit_rate not in (0, 15) and sample_rate != 3


def is_cut_off(file: BinaryIO, kind: Kind, *, size: int) -> bool:
  """Whether the file ends before the audio that its headers promise.

  Args:
    file: open for reading, seekable; its position is moved.
    kind: of the file.
    size: of the file, in bytes.

  FLAC gives no size in bytes: there the decoder finds out. MP3 is checked if it has a length
  header, as all have that LAME or ffmpeg wrote.
  """
  match kind:
    case "wav":
      return _wav_promises(file, size) > size
    case "aiff":
      return any(
        start + length > size for name, start, length in _chunks(file, ">") if name == b"SSND"
      )
    case "ogg":
      return not _ends_with_last_page(file, size)
    case "mp3":
      start, header = _mp3_length(file)
      if header is None or header[1] is None:
        return False
      flags, _, num_bytes = struct.unpack(">III", header[1])
      # The two lowest flags say that the fields for frames and bytes are there.
      return flags & 3 == 3 and start + num_bytes > size
    case "flac":
      return False


def has_mp3_length(file: BinaryIO) -> bool:
  """Whether an MP3 file says how long it is; without that, its length is a guess."""
  return _mp3_length(file)[1] is not None


def _wav_promises(file: BinaryIO, size: int) -> int:
  """Where the audio of a WAV or RF64 file should end, in bytes from its start."""
  file.seek(0)
  name, riff_size = struct.unpack("<4sI", file.read(8))
  order = "<"
  if name == b"RIFX":
    order, riff_size = ">", int.from_bytes(struct.pack("<I", riff_size), "big")
  long_size = None
  for name, start, length in _chunks(file, order):
    if name == b"ds64":
      # EBU Tech 3306: 64-bit sizes of the file, of the data, and the number of samples.
      file.seek(start + 8)
      long_size = int.from_bytes(file.read(8), "little")
    elif name == b"data":
      if long_size is not None and length == 0xFFFFFFFF:
        return start + long_size
      if min(length, riff_size) >= _UNKNOWN_SIZE:
        return size
      return start + length
  return size


def _chunks(file: BinaryIO, order: Literal["<", ">"]) -> Iterator[tuple[bytes, int, int]]:
  """Name, start of the content and length of each chunk of a RIFF or AIFF file."""
  offset = 12
  for _ in range(_MAX_CHUNKS):
    file.seek(offset)
    header = file.read(8)
    if len(header) < 8:
      return
    name, length = struct.unpack(f"{order}4sI", header)
    yield name, offset + 8, length
    offset += 8 + length + length % 2  # Chunks start at even offsets.


def _ends_with_last_page(file: BinaryIO, size: int) -> bool:
  """Whether an Ogg file ends with a whole page that is marked as the last of its stream."""
  file.seek(max(0, size - _OGG_TAIL))
  tail = file.read(_OGG_TAIL)
  page = tail[max(0, tail.rfind(b"OggS")) :]
  if len(page) < 27:
    return False
  # RFC 3533, section 6: byte 5 holds the flags, 26 the number of lengths that follow.
  lengths = page[27 : 27 + page[26]]
  return bool(page[5] & 4) and len(page) >= 27 + page[26] + sum(lengths)


def _mp3_length(file: BinaryIO) -> tuple[int, re.Match[bytes] | None]:
  """Where the first frame of an MP3 file starts, and its length header if it has one."""
  file.seek(0)
  head = file.read(10)
  start = 0
  if head[:3] == b"ID3" and len(head) == 10:
    # ID3v2, section 3.1: seven bits in each of four bytes, and a flag for a footer of ten.
    seven_bits = [byte & 0x7F for byte in head[6:10]]
    start = 10 + sum(bits << shift for bits, shift in zip(seven_bits, (21, 14, 7, 0), strict=True))
    start += 10 if head[5] & 0x10 else 0
  file.seek(start)
  # The header stands in the otherwise silent first frame, 13 to 38 bytes from its start.
  return start, _MP3_LENGTH.search(file.read(64))
