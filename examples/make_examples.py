"""Makes the six notes of this folder with fluidsynth and the FluidR3 sound font.

  apt-get install fluidsynth fluid-soundfont-gm
  python examples/make_examples.py

Each is C4 at full velocity, held for one second as in the paper (section 3.1), then left to die
away, without the reverb and chorus that fluidsynth would add.
"""

from pathlib import Path

import numpy as np
import soundfile as sf
from absl import flags

from synthmatch_jax import cli
from synthmatch_jax.audio.note import Note
from synthmatch_jax.generation.ood.sources import SAMPLE_RATE, GeneralMidi

# Names and General MIDI programs, counted from 0.
PROGRAMS = {
  "electric_piano": 4,
  "organ": 19,
  "guitar": 24,
  "strings": 48,
  "trumpet": 56,
  "flute": 73,
}

_SECONDS = 3.0  # All six are under -60 dB of their peak by then.
_PEAK = 10 ** (-3 / 20)  # -3 dB of full scale.

_FONT = flags.DEFINE_string(
  "sound_font", "/usr/share/sounds/sf2/FluidR3_GM.sf2", "FluidR3 sound font."
)
_OUT = flags.DEFINE_string("out", str(Path(__file__).parent), "Folder of the results.")


def main(_) -> None:
  """Renders every program to OUT/NAME.flac."""
  source = GeneralMidi(Path(_FONT.value))
  source.version()  # Which says what is missing.
  for name, program in PROGRAMS.items():
    audio = source.play(program, Note(), seconds=_SECONDS)
    path = Path(_OUT.value) / f"{name}.flac"
    sf.write(path, audio * _PEAK / np.abs(audio).max(), SAMPLE_RATE, subtype="PCM_16")
    print(f"{path}: program {program}")


if __name__ == "__main__":
  cli.run(main)
