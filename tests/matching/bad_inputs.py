"""Sounds that are none, or hardly: a corpus made from a seed, for whatever takes sounds."""

import io
import struct
from collections.abc import Iterator

import numpy as np
import soundfile as sf

RATE = 44_100
FORMATS = {
  "wav16": ("WAV", "PCM_16"),
  "wav8": ("WAV", "PCM_U8"),
  "wav24": ("WAV", "PCM_24"),
  "float": ("WAV", "FLOAT"),
  "double": ("WAV", "DOUBLE"),
  "adpcm": ("WAV", "IMA_ADPCM"),
  "rf64": ("RF64", "PCM_16"),
  "aiff": ("AIFF", "PCM_16"),
  "flac": ("FLAC", "PCM_16"),
  "vorbis": ("OGG", "VORBIS"),
  "opus": ("OGG", "OPUS"),
  "mp3": ("MP3", "MPEG_LAYER_III"),
}
NAMES = (
  "../../etc/passwd",
  "..\\..\\windows\\system32",
  "/etc/shadow",
  "-",
  "--workdir=/",
  ".",
  "..",
  "",
  " ",
  "con.wav",
  "a\nb.wav",
  "a\x00b.wav",
  "\x1b[31mred.wav",
  "<script>alert(1)</script>.wav",
  "<img src=x onerror=alert(1)>.wav",
  "'; drop table sounds; --.wav",
  "$(touch pwned).wav",
  "`touch pwned`.wav",
  "%s%n%d.wav",
  "{{7*7}}.wav",
  "{0.__class__}.wav",
  "x" * 5000 + ".wav",
  "\u202egpj.wav",
  "\ud800.wav",
  "\U0001f3b9.wav",
  "http://192.0.2.1/a.wav",
  "file:///etc/passwd",
  "a.wav.exe",
)


def bad_inputs(seed: int = 0) -> Iterator[tuple[str, bytes, str]]:
  """What is wrong, the bytes of the file and its name, over 200 times.

  Some are sounds after all, which may be answered; nothing may break.
  """
  rng = np.random.default_rng(seed)
  made = {kind: encoded(sine(), kind=kind) for kind in FORMATS}
  wav = made["wav16"]
  for kind, data in made.items():
    for share in (0.02, 0.3, 0.7, 0.97):
      yield f"{kind} cut off at {share:.0%}", data[: round(share * len(data))], f"a.{kind}"
    for count in (1, 4, 32):
      yield f"{kind} with {count} wrong bytes", damaged(data, rng, count), "a.wav"
    yield f"{kind} with its head gone", data[64:], "a.wav"
    yield f"{kind} called mp3", data, "a.mp3"
    yield f"{kind} with text behind", data + b"the end\n" * 500, "a.wav"
  for name in NAMES:
    yield f"named {name[:30]!r}", wav, name
  yield from _no_sound_files(rng)
  yield from _numbers()
  yield from _extremes(rng)
  yield from _headers(wav)


def sine(seconds: float = 0.5, *, rate: int = RATE, hz: float = 261.63, gain: float = 0.5):
  """A tone."""
  return gain * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)


def encoded(audio, rate: int = RATE, kind: str = "wav16") -> bytes:
  """A sound file in memory."""
  if kind == "opus":
    rate = 48_000
  file = io.BytesIO()
  sf.write(file, audio, rate, format=FORMATS[kind][0], subtype=FORMATS[kind][1])
  data = bytearray(file.getvalue())
  if (peak := data.find(b"PEAK", 0, 200)) >= 0:
    data[peak + 12 : peak + 16] = bytes(4)  # The time.
  return bytes(data)


def damaged(data: bytes, rng: np.random.Generator, count: int) -> bytes:
  """The same with some bytes changed, half of them near the start."""
  changed = bytearray(data)
  for i in range(count):
    changed[rng.integers(0, min(len(data), 200 if i % 2 else len(data)))] = rng.integers(256)
  return bytes(changed)


def _no_sound_files(rng):
  yield "empty", b"", "a.wav"
  for size in (1, 12, 44, 1_000, 100_000, 1_000_000):
    yield f"{size} random bytes", rng.bytes(size), "a.wav"
    yield f"{size} zeros", bytes(size), "a.flac"
  for magic in (b"RIFF", b"fLaC", b"OggS", b"ID3\x04", b"FORM", b"\xff\xfb\x90\x00", b"RF64"):
    yield f"{magic!r} alone", magic, "a.wav"
    yield f"{magic!r} and noise", magic + rng.bytes(50_000), "a.wav"
  texts = {
    "text": b"Dear diary\n" * 500,
    "html": b"<html><body>404 Not Found</body></html>",
    "json": b'{"a": ' * 1000,
    "png": b"\x89PNG\r\n\x1a\n" + bytes(1_000),
    "zip": b"PK\x03\x04" + bytes(1_000),
    "gzip": b"\x1f\x8b\x08" + bytes(1_000),
    "mp4": b"\x00\x00\x00\x20ftypM4A " + bytes(1_000),
    "webp": b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(1_000),
    "midi": b"MThd\x00\x00\x00\x06" + bytes(1_000),
    "elf": b"\x7fELF" + bytes(1_000),
    "pickle": b"cos\nsystem\n(S'touch pwned'\ntR.",
    "webm": b"\x1a\x45\xdf\xa3" + bytes(1_000),
  }
  for name, data in texts.items():
    yield f"{name} called wav", data, "a.wav"


def _numbers():
  """Samples that are no numbers, or hardly."""
  for kind in ("float", "double"):
    for value in (np.nan, np.inf, -np.inf, 1e30, 3e38, 1e9):
      audio = sine()
      audio[777] = value
      yield f"{kind} with one {value}", encoded(audio, kind=kind), "a.wav"
      yield f"{kind}, all {value}", encoded(np.full(8000, value), kind=kind), "a.wav"
    yield f"{kind}, denormal", encoded(sine(gain=1e-40), kind=kind), "a.wav"
    yield f"{kind}, very loud", encoded(sine(gain=1e6), kind=kind), "a.wav"


def _extremes(rng):
  """Rates, lengths, channels and silences."""
  for rate in (1, 100, 999, 1_000, 3_000, 8_000, 192_000, 768_000, 2_000_000):
    yield f"{rate} Hz", encoded(sine(0.5, rate=RATE), rate), "a.wav"
  for count in (0, 1, 2, 100, 881, 883, 2_000):
    yield f"{count} samples", encoded(sine()[:count]), "a.wav"
  for seconds in (29.9, 31.0, 61.0, 600.0):
    yield f"{seconds} s of a tone", encoded(sine(seconds, rate=8_000), 8_000), "a.wav"
  for seconds in (5.0, 29.0, 600.0, 7200.0):
    silence = np.zeros(round(seconds * 8_000), np.int16)
    yield f"{seconds} s of silence, packed", encoded(silence, 8_000, "flac"), "a.flac"
  late = np.concatenate([np.zeros(28 * RATE), sine(1.0)])
  yield "28 s of silence, then a tone", encoded(late, kind="flac"), "a.flac"
  for channels in (2, 3, 8):
    many = np.repeat(sine()[:, None], channels, axis=1)
    yield f"{channels} channels", encoded(many), "a.wav"
    yield f"{channels} channels that cancel", encoded(many * (-1.0) ** np.arange(channels)), "a.wav"
  yield "100 channels", encoded(rng.normal(0, 0.1, (9_000, 100))), "a.wav"
  yield "one click", encoded(np.eye(1, 20_000, 50)[0]), "a.wav"
  yield "a step", encoded(np.full(20_000, 0.5)), "a.wav"
  yield "full-scale noise", encoded(rng.uniform(-1, 1, 20_000)), "a.wav"
  yield "too deep to hear", encoded(sine(2.0, hz=2.0)), "a.wav"
  yield "too high to hear", encoded(sine(1.0, rate=192_000, hz=60_000), 192_000), "a.wav"


def _headers(wav: bytes):
  """WAV headers that lie."""
  fields = {
    "channels": (22, "<H", (0, 2, 255, 65_535)),
    "rate": (24, "<I", (0, 1, 7, 2**31 - 1, 2**32 - 1)),
    "byte rate": (28, "<I", (0, 2**32 - 1)),
    "frame size": (32, "<H", (0, 1, 65_535)),
    "bits": (34, "<H", (0, 1, 7, 64, 65_535)),
    "encoding": (20, "<H", (0, 2, 3, 0x11, 0x55, 0x7777, 0xFFFE)),
    "format chunk": (16, "<I", (0, 1, 2**31, 2**32 - 1)),
    "data chunk": (40, "<I", (0, 1, 2**31, 2**32 - 1)),
    "file": (4, "<I", (0, 1, 2**32 - 1)),
  }
  for field, (offset, code, values) in fields.items():
    for value in values:
      changed = bytearray(wav)
      struct.pack_into(code, changed, offset, value)
      yield f"{field} of {value}", bytes(changed), "a.wav"
