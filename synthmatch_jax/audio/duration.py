"""Finds out how long the note of a recorded sound was held."""

import numpy as np
from jaxtyping import Float

_WINDOW_SECONDS = 0.03  # The envelope's window: two periods of the lowest note that is heard.
_FALL = 0.1  # -20 dB of the loudest window: under a sustain, over most of a reverb.
_MIN_SECONDS = 0.05  # A shorter note is a click.


def hold_seconds(audio: Float[np.ndarray, " n"], sample_rate: int) -> float:
  """Measures the time from the first sample until the sound has fallen by 20 dB for good.

  That is when a key was let go, or, for a sound that dies away by itself, when holding it on made
  little difference. Releases and reverbs differ: most random patches of Vital are told within
  0.2 s, some are not (tests/audio/test_duration.py).

  Args:
    audio: A mono sound, from its onset on.
    sample_rate: The sample rate, in Hz.

  Returns:
    The time in seconds: at least 0.05, at most the length of the audio, which silence gets.
  """
  window = max(1, round(_WINDOW_SECONDS * sample_rate))
  total = np.concatenate([[0.0], np.cumsum(audio.astype(np.float64) ** 2)])
  starts = np.arange(0, max(1, audio.size - window + 1), max(1, window // 3))
  power = total[np.minimum(starts + window, audio.size)] - total[starts]
  last = int(np.flatnonzero(power >= _FALL**2 * power.max())[-1])
  at_end = last == len(starts) - 1
  held = audio.size if at_end else starts[last] + window / 2
  return max(_MIN_SECONDS, float(held) / sample_rate)
