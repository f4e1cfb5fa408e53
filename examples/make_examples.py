"""Makes the six notes of this folder with fluidsynth and the FluidR3 sound font.

  apt-get install fluidsynth fluid-soundfont-gm
  python examples/make_examples.py

Each is C4 at full velocity, held for one second as in the paper (section 3.1), then left to die
away, without the reverb and chorus that fluidsynth would add.
"""

import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf
from absl import flags

from synthmatch_jax import cli
from synthmatch_jax.audio.note import Note
from synthmatch_jax.errors import UserError

# Names and General MIDI programs, counted from 0.
PROGRAMS = {
  "electric_piano": 4,
  "organ": 19,
  "guitar": 24,
  "strings": 48,
  "trumpet": 56,
  "flute": 73,
}

_SAMPLE_RATE = 44_100
_SECONDS = 3.0  # All six are under -60 dB of their peak by then.
_PEAK = 10 ** (-3 / 20)  # -3 dB of full scale.

_FONT = flags.DEFINE_string(
  "sound_font", "/usr/share/sounds/sf2/FluidR3_GM.sf2", "FluidR3 sound font."
)
_OUT = flags.DEFINE_string("out", str(Path(__file__).parent), "Folder of the results.")


def main(_) -> None:
  """Renders every program to OUT/NAME.flac."""
  if shutil.which("fluidsynth") is None:
    raise UserError("there is no fluidsynth: apt-get install fluidsynth")
  if not Path(_FONT.value).is_file():
    raise UserError(f"there is no {_FONT.value}: apt-get install fluid-soundfont-gm")
  for name, program in PROGRAMS.items():
    path = Path(_OUT.value) / f"{name}.flac"
    sf.write(path, render(program, Note()), _SAMPLE_RATE, subtype="PCM_16")
    print(f"{path}: program {program}")


def render(program: int, note: Note) -> np.ndarray:
  """One note, mono (n,)."""
  with tempfile.TemporaryDirectory() as folder:
    midi, wav = Path(folder, "note.mid"), Path(folder, "note.wav")
    midi.write_bytes(midi_file(program, note))
    options = ["-ni", "-R", "0", "-C", "0", "-g", "1", "-r", str(_SAMPLE_RATE), "-O", "float"]
    subprocess.run(
      ["fluidsynth", *options, "-T", "wav", "-F", wav, _FONT.value, midi],
      check=True,
      stdout=subprocess.DEVNULL,
    )
    audio = sf.read(wav, always_2d=True)[0].mean(axis=1)[: round(_SECONDS * _SAMPLE_RATE)]
  return audio * _PEAK / np.abs(audio).max()


def midi_file(program: int, note: Note) -> bytes:
  """A Standard MIDI File (format 0) with one program change and one note.

  Left at the default tempo of 120 a minute, 500 ticks a beat make one tick a millisecond.
  """
  events = [
    (0, [0xC0, program]),
    (0, [0x90, note.pitch, note.velocity]),
    (round(1000 * note.seconds), [0x80, note.pitch, 0]),
    (round(1000 * (_SECONDS - note.seconds)), [0xFF, 0x2F, 0]),  # End of track.
  ]
  track = b"".join(_variable_length(delta) + bytes(event) for delta, event in events)
  return struct.pack(">4sIHHH4sI", b"MThd", 6, 0, 1, 500, b"MTrk", len(track)) + track


def _variable_length(value: int) -> bytes:
  """MIDI's numbers: seven bits a byte, the highest bit set on all but the last."""
  return bytes([value >> 7 | 0x80, value & 0x7F]) if value > 0x7F else bytes([value])


if __name__ == "__main__":
  cli.run(main)
