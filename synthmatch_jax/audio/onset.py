"""Lays a recorded sound as the synth lays its own: the sound starts at the first sample."""

import numpy as np
from jaxtyping import Float

_WINDOW_SECONDS = 0.01  # Of the envelope: over two periods of C4.
_THRESHOLD = 0.01  # -40 dB of the loudest window: over room noise, under a soft attack.
_MIN_SECONDS = 0.05  # A click fills one window; a sound that counts stays longer.
_PRE_ROLL_SECONDS = 0.005  # The part of an attack that lies under the threshold.


def place(
  audio: Float[np.ndarray, " n"], *, sample_rate: int, seconds: float = 4.0
) -> tuple[Float[np.ndarray, " m"], float]:
  """Cuts a sound out at its onset.

  The onset is where the level of the last 10 ms first rises above -40 dB of its maximum and
  stays there for 50 ms; clicks are shorter. If it never stays (the sound is a click) it is
  where it first rises. The cut is made 5 ms earlier.

  Args:
    audio: mono.
    sample_rate: in Hz.
    seconds: length of the result; zeros are added if the sound is shorter.

  Returns:
    The clip, float32, and the place in `audio` of its first sample, in seconds; 0 for silence.
  """
  start = _onset(audio, sample_rate) - round(_PRE_ROLL_SECONDS * sample_rate)
  start = max(0, start) / sample_rate
  return cut(audio, start, sample_rate=sample_rate, seconds=seconds), start


def cut(
  audio: Float[np.ndarray, " n"], start_seconds: float, *, sample_rate: int, seconds: float
) -> Float[np.ndarray, " m"]:
  """A part of a sound, float32; zeros where the sound is not, before its start as after its end."""
  length, start = round(seconds * sample_rate), round(start_seconds * sample_rate)
  lead = min(length, max(0, -start))
  clip = audio[max(0, start) : max(0, start + length)].astype(np.float32)
  return np.pad(clip, (lead, length - lead - clip.size))


def _onset(audio: np.ndarray, sample_rate: int) -> int:
  """First sample of the sound."""
  power = _power(audio, sample_rate)
  if not power.max(initial=0) > 0:
    return 0
  edges = np.diff(np.concatenate([[False], power > _THRESHOLD**2 * power.max(), [False]]))
  rises, falls = np.flatnonzero(edges).reshape(-1, 2).T
  lasting = rises[falls - rises >= _MIN_SECONDS * sample_rate]
  return int(lasting[0] if lasting.size else rises[0])


def _power(audio: np.ndarray, sample_rate: int) -> np.ndarray:
  """Mean square of the window that ends at each sample."""
  if not audio.size:
    return np.zeros(0)
  window = round(_WINDOW_SECONDS * sample_rate)
  # A cheap sound card's offset, which would pass for a sound from the first sample on.
  centred = audio.astype(np.float64) - np.median(audio[:window])
  total = np.concatenate([np.zeros(window), np.cumsum(centred**2)])
  return (total[window:] - total[:-window]) / window
