"""Makes and compares the sounds that a probe listens to."""

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.note import Note
from synthmatch_jax.spaces.space import Patch
from synthmatch_jax.synths.base import Synth, sound

SAMPLE_RATE = 44_100
SECONDS = 4.0
"""The length of a sound; it is the paper's (section 3.1), as is the note's one second."""


def play(
  synth: Synth, patch: Patch, seconds: float = SECONDS
) -> tuple[Float[np.ndarray, " n"], Patch]:
  """Plays a C4 with the patch, in the plugin's process.

  Returns:
    The sound, and the values that the plugin has after it.
  """
  audio = sound(synth, patch, note=Note(), seconds=seconds, sample_rate=SAMPLE_RATE)
  return audio, synth.read_back()


def nothing(synth: Synth) -> None:
  """Does nothing, in the plugin's process: a call of it waits until that is ready."""


def difference_db(target: Float[np.ndarray, " n"], estimate: Float[np.ndarray, " n"]) -> float:
  """Returns the largest difference of two sounds in dB relative to the target's peak."""
  if np.array_equal(target, estimate):
    return -np.inf
  peak, worst = np.abs(target).max(), np.abs(target - estimate).max()
  return float(20 * np.log10(worst / peak)) if peak else np.inf


def deviation(wanted: Patch, got: Patch) -> dict[str, float]:
  """Returns the distance of each value that was set from the value read back; 1 for options."""
  return {
    name: float(got[name] != value) if isinstance(value, str) else abs(got[name] - value)
    for name, value in wanted.items()
  }
