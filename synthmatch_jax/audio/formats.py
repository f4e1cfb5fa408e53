"""The kinds of sound files: how to tell each by its content, and the names of its files."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from synthmatch_jax.audio import mpeg

EXTRA = "synthmatch_jax[formats]"
"""The package to install for the formats that libsndfile does not decode."""


@dataclass(frozen=True, kw_only=True)
class Format:
  """A kind of sound file.

  Attributes:
    magic: The bytes that its files begin with.
    suffixes: The ends of its files' names, in lower case.
    ffmpeg: FFmpeg's name of the container; empty if libsndfile decodes all that is in it.
    foreign: Whether FFmpeg alone decodes it.
  """

  magic: re.Pattern[bytes]
  suffixes: tuple[str, ...]
  ffmpeg: str = ""
  foreign: bool = False


def _format(magic: bytes, suffixes: str, ffmpeg: str = "", *, foreign: bool = False) -> Format:
  return Format(
    magic=re.compile(magic, re.DOTALL),
    suffixes=tuple(suffixes.split()),
    ffmpeg=ffmpeg,
    foreign=foreign,
  )


MP3 = "mp3"

# Every mark is long enough to make chance unlikely but that of MPEG audio, which comes last.
FORMATS: Mapping[str, Format] = {
  "wav": _format(rb"(?:RIFF|RIFX|RF64|BW64).{4}WAVE", ".wav .wave .bwf .rf64 .bw64", "wav"),
  "flac": _format(rb"fLaC", ".flac", "flac"),
  "ogg": _format(rb"OggS\0", ".ogg .oga .opus .spx", "ogg"),
  "aiff": _format(rb"FORM.{4}AIF[FC]", ".aif .aiff .aifc", "aiff"),
  "w64": _format(rb"riff\x2e\x91\xcf\x11", ".w64", "w64"),
  "caf": _format(rb"caff\0\x01", ".caf", "caf"),
  "au": _format(rb"\.snd\0|dns\..{3}\0", ".au .snd", "au"),
  "voc": _format(rb"Creative Voice File\x1a", ".voc"),
  "svx": _format(rb"FORM.{4}(?:8SVX|16SV)", ".8svx .svx .iff"),
  "nist": _format(rb"NIST_1A\n", ".nist .sph"),
  "ircam": _format(rb"\x64\xa3[\x01-\x04]\0|\0[\x01-\x04]\xa3\x64", ".sf"),
  "paf": _format(rb"(?: paf|fap )[\0-\x01]{4}", ".paf"),
  "pvf": _format(rb"PVF1\n", ".pvf"),
  "avr": _format(rb"2BIT.{124}", ".avr"),
  "xi": _format(rb"Extended Instrument: ", ".xi"),
  "wve": _format(rb"ALawSoundFile\*\*", ".wve"),
  "mat5": _format(rb"MATLAB 5\.0 MAT-file", ""),  # Few of them are sounds.
  "mp4": _format(rb".{4}ftyp", ".m4a .m4b .m4r .m4v .mp4 .mov .qt .3gp .3g2", "mov", foreign=True),
  "aac": _format(rb"\xff[\xf0\xf1\xf8\xf9][\x40-\x7f\x80-\xb3]", ".aac", "aac", foreign=True),
  "webm": _format(rb"\x1a\x45\xdf\xa3", ".webm .weba .mka .mkv", "matroska", foreign=True),
  "wma": _format(
    rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",
    ".wma .wmv .asf",
    "asf",
    foreign=True,
  ),
  "amr": _format(rb"#!AMR(?:-WB)?\n", ".amr .awb", "amr", foreign=True),
  "wavpack": _format(rb"wvpk", ".wv", "wv", foreign=True),
  MP3: _format(rb"(?!)", ".mp3 .mp2 .mp1 .mpga", "mp3"),
}
"""The kinds by name. MPEG audio is told by its frames, which may come late (`mpeg.find`)."""

COMMON = "wav, flac, ogg, mp3 or aiff"
"""The formats that a user is told to convert a sound to."""

SUFFIXES = frozenset(suffix for one in FORMATS.values() for suffix in one.suffixes)
"""The names' ends, in lower case, of files that a folder is searched for."""


def kind_of(file: BinaryIO, *, size: int) -> str | None:
  """Returns the name in `FORMATS` of what a file holds; None for anything else.

  Args:
    file: The file, open for reading and seekable; its position is moved.
    size: The number of its bytes.
  """
  file.seek(0)
  head = file.read(128)
  for name, one in FORMATS.items():
    if one.magic.match(head):
      return name
  return MP3 if mpeg.find(file, 0, size) is not None else None
