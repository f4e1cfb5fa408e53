"""The sources of the out-of-domain benchmark: synthesizers and sample packages of Debian.

Each source renders one entry of a list as mono audio at 44.1 kHz, the same samples at every call.
It is asked for its version once; one that is not installed is a `UserError`.
"""

import functools
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import soundfile as sf
import soxr
from jaxtyping import Float

from synthmatch_jax.audio import io
from synthmatch_jax.audio.note import Note
from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces import dx7
from synthmatch_jax.spaces.space import Patch
from synthmatch_jax.synths import dexed

SAMPLE_RATE = 44_100
SECONDS = 4.0
"""The length at which every sound of the lists is cut off."""

Entry = Mapping[str, Any]
"""A sound of the list: how it is made, in the terms of its source."""


@runtime_checkable
class Source(Protocol):
  """A synthesizer or a package that sounds of a list come from.

  Attributes:
    licence: The licence of its sounds, or of what they are made with, and its holders.
  """

  licence: str

  def version(self) -> str:
    """Returns the programs and data that shape the sounds, with their versions.

    Raises:
      UserError: Something is not installed; the sentence has the command that installs it.
    """
    ...

  def render(self, entry: Entry) -> Float[np.ndarray, " n"]:
    """Renders the sound of an entry."""
    ...


class GeneralMidi:
  """Sampled instruments: fluidsynth with the sound font FluidR3.

  Args:
    font: The sound font, an SF2 file.
  """

  licence = "MIT (Frank Wen, Toby Smithe)"

  def __init__(self, font: Path = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")):
    self._font = font

  def version(self) -> str:
    """See `Source`."""
    _need("fluidsynth")
    if not self._font.is_file():
      raise UserError(f"there is no {self._font}: apt-get install fluid-soundfont-gm")
    return f"fluidsynth {_first_line('fluidsynth', '--version').split()[-1]}, FluidR3_GM.sf2"

  def render(self, entry: Entry) -> Float[np.ndarray, " n"]:
    """Renders a note of entry["program"], counted from 0, as `play` does."""
    return self.play(entry["program"], Note(pitch=entry["note"]), seconds=SECONDS)

  def play(self, program: int, note: Note, *, seconds: float) -> Float[np.ndarray, " n"]:
    """Renders a note without the reverb and chorus that fluidsynth would add."""
    with tempfile.TemporaryDirectory() as folder:
      midi, wav = Path(folder, "note.mid"), Path(folder, "note.wav")
      midi.write_bytes(_midi_file(program, note, seconds))
      options = ["-ni", "-R", "0", "-C", "0", "-g", "1", "-r", str(SAMPLE_RATE), "-O", "float"]
      _run("fluidsynth", *options, "-T", "wav", "-F", str(wav), str(self._font), str(midi))
      audio = sf.read(wav, always_2d=True)[0].mean(axis=1)
    return audio[: round(seconds * SAMPLE_RATE)]


class Dx7:
  """FM synthesis: the engine of Dexed, with the DX7's ROM voices as hexter brings them.

  Args:
    bank: The file of the voices (see `dx7.read`).
  """

  licence = "bank: GPL-2+ as all of hexter (Sean Bolton), Yamaha's voices of 1983; engine: GPL-3"

  def __init__(self, bank: Path = Path("/usr/share/hexter/dx7_roms.dx7")):
    self._bank = bank

  def version(self) -> str:
    """See `Source`."""
    if not self._bank.is_file():
      raise UserError(f"there is no {self._bank}: apt-get install hexter")
    return f"dexed-py {dexed.version()}, {self._bank.name} of hexter"

  def render(self, entry: Entry) -> Float[np.ndarray, " n"]:
    """Renders a note of entry["voice"], counted from 0: one second at full velocity."""
    return self.play(entry["voice"], Note(pitch=entry["note"]), seconds=SECONDS)

  def play(self, voice: int, note: Note, *, seconds: float) -> Float[np.ndarray, " n"]:
    """Renders a note of a voice."""
    patch = self.patch(voice)
    return dexed.Dexed().render(patch, note=note, seconds=seconds, sample_rate=SAMPLE_RATE)

  def patch(self, voice: int) -> Patch:
    """Returns the patch of a voice."""
    return dx7.read(self._bank)[voice].patch


class Voice:
  """A speech synthesizer that sings vowels on one pitch, and imitates instruments."""

  licence = "made with eSpeak NG, which is GPL-3"

  def version(self) -> str:
    """See `Source`."""
    _need("espeak-ng")
    return "espeak-ng " + _first_line("espeak-ng", "--version").split(":")[1].split()[0]

  def render(self, entry: Entry) -> Float[np.ndarray, " n"]:
    """Renders the words of entry["say"] (SSML), said by entry["voice"]."""
    with tempfile.TemporaryDirectory() as folder:
      wav = Path(folder, "voice.wav")
      speech = f"<speak>{entry['say']}</speak>"
      _run("espeak-ng", "-m", "-v", entry["voice"], "-s", "80", "-w", str(wav), speech)
      audio, rate = sf.read(wav)
    return soxr.resample(audio, rate, SAMPLE_RATE, quality="VHQ")[: round(SECONDS * SAMPLE_RATE)]


class Samples:
  """One-shots: the sound files of a package.

  Args:
    package: The package of Debian.
    folder: The folder in which it puts its sounds.
    licence: See `Source`.
  """

  def __init__(self, package: str, folder: Path, *, licence: str):
    self.folder, self.licence = folder, licence
    self._package = package

  def version(self) -> str:
    """See `Source`."""
    if not self.folder.is_dir():
      raise UserError(f"there is no {self.folder}: apt-get install {self._package}")
    asked = ["dpkg-query", "--show", "--showformat=${Version}", self._package]
    known = shutil.which(asked[0]) and subprocess.run(
      asked, capture_output=True, text=True, check=False
    )
    return f"{self._package} {(known and known.stdout) or 'of an unknown version'}"

  def render(self, entry: Entry) -> Float[np.ndarray, " n"]:
    """Reads entry["path"], a file in the folder, from its beginning."""
    path = self.folder / entry["path"]
    if not path.is_file():
      raise UserError(f"there is no {path}: apt-get install --reinstall {self._package}")
    return io.load(path, sample_rate=SAMPLE_RATE)[: round(SECONDS * SAMPLE_RATE)]


SOURCES: Mapping[str, Source] = {
  "general_midi": GeneralMidi(),
  "dx7": Dx7(),
  "voice": Voice(),
  "lmms": Samples("lmms-common", Path("/usr/share/lmms/samples"), licence="GPL-2+ (LMMS)"),
  "sonic_pi": Samples(
    "sonic-pi-samples",
    Path("/usr/share/sonic-pi/samples"),
    licence="each sound its own: CC0, or MIT (Samuel Aaron)",
  ),
}
"""The sources by their names; a family of rendered sounds is called like its source."""


def _need(program: str) -> None:
  if shutil.which(program) is None:
    raise UserError(f"there is no {program}: apt-get install {program}")


def _run(*command: str) -> None:
  try:
    subprocess.run(command, check=True, capture_output=True, text=True)
  except subprocess.CalledProcessError as error:
    last = (error.stderr.strip() or "no reason given").splitlines()[-1]
    raise UserError(f"{command[0]} failed: {last}") from None


@functools.cache
def _first_line(*command: str) -> str:
  done = subprocess.run(command, check=True, capture_output=True, text=True)
  return next(line for line in done.stdout.splitlines() if any(c.isdigit() for c in line))


def _midi_file(program: int, note: Note, seconds: float) -> bytes:
  """Returns a Standard MIDI File (format 0) with one program change and one note.

  At the default tempo of 120 beats a minute, 500 ticks a beat make one tick a millisecond.
  """
  events = [
    (0, [0xC0, program]),
    (0, [0x90, note.pitch, note.velocity]),
    (round(1000 * note.hold_seconds), [0x80, note.pitch, 0]),
    (round(1000 * (seconds - note.hold_seconds)), [0xFF, 0x2F, 0]),  # End of track.
  ]
  track = b"".join(_variable_length(delta) + bytes(event) for delta, event in events)
  return struct.pack(">4sIHHH4sI", b"MThd", 6, 0, 1, 500, b"MTrk", len(track)) + track


def _variable_length(value: int) -> bytes:
  """Encodes a number as MIDI does: seven bits a byte, the highest bit set on all but the last."""
  return bytes([value >> 7 | 0x80, value & 0x7F]) if value > 0x7F else bytes([value])
