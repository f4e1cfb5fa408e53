"""The sounds that a probe listens to; these functions run in the plugin's process."""

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.note import Note
from synthmatch_jax.spaces.space import Patch
from synthmatch_jax.synths.base import Synth, sound

SAMPLE_RATE = 44_100
SECONDS = 4.0
"""Of a sound; with the note's one second the paper's (section 3.1)."""


def play(
  synth: Synth, patch: Patch, seconds: float = SECONDS
) -> tuple[Float[np.ndarray, " n"], Patch]:
  """The sound of a C4 with the patch, and the values that the plugin has after it."""
  audio = sound(synth, patch, note=Note(), seconds=seconds, sample_rate=SAMPLE_RATE)
  return audio, synth.read_back()


def nothing(synth: Synth) -> None:
  """Waits for a new process to be ready."""


def difference_db(target: Float[np.ndarray, " n"], estimate: Float[np.ndarray, " n"]) -> float:
  """Largest difference of two sounds relative to the target's peak, in dB; -inf if equal."""
  if np.array_equal(target, estimate):
    return -np.inf
  peak, worst = np.abs(target).max(), np.abs(target - estimate).max()
  return float(20 * np.log10(worst / peak)) if peak else np.inf


def deviation(wanted: Patch, got: Patch) -> dict[str, float]:
  """How far each value that was set is from the value read back."""
  return {name: abs(got[name] - value) for name, value in wanted.items()}
