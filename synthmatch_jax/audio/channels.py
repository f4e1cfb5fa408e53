"""Mixes the channels of a recording to one."""

from collections.abc import Callable, Iterable

import numpy as np
import scipy.signal
from jaxtyping import Float

# The mean of the channels is given up if it holds less than this share of the loudest one's
# power. It holds 1/4 of it if one of two channels is silent, and nothing if they cancel.
_CANCELLED = 0.01

_HIGH_PASS_HZ = 15.0  # An octave below the lowest note of a piano.


def high_pass(sample_rate: int | float) -> Float[np.ndarray, "sections 6"]:
  """Designs a filter that takes away an offset, be it constant, settling or drifting."""
  return np.asarray(scipy.signal.butter(2, _HIGH_PASS_HZ, "highpass", fs=sample_rate, output="sos"))


def mono(
  blocks: Callable[[], Iterable[np.ndarray]], sample_rate: int | float
) -> Float[np.ndarray, " n"]:
  """Averages the channels; where they cancel (opposite phase), it takes the loudest one alone.

  Whether they cancel is judged on what can be heard of each channel (see `high_pass`).

  Args:
    blocks: A function that gives the recording in blocks (k, channels), each time from its start.
    sample_rate: The sample rate, in Hz.

  Returns:
    The mono samples, float32; none if there is no block.
  """
  parts, mixed, power = [np.zeros(0, np.float32)], 0.0, np.zeros(1)
  filtered, state = high_pass(sample_rate), None
  for block in blocks():
    weights = np.full(block.shape[1], 1 / block.shape[1], np.float32)
    parts.append((block @ weights).astype(np.float32))
    if not len(block):
      continue
    exact = block.astype(np.float64)
    if state is None:
      state = scipy.signal.sosfilt_zi(filtered)[:, :, None] * exact[0]
    audible, state = scipy.signal.sosfilt(filtered, exact, axis=0, zi=state)
    mixed += np.square(audible.mean(axis=1)).sum()
    power = power + np.square(audible).sum(axis=0)
  if mixed >= _CANCELLED * power.max():
    return np.concatenate(parts)
  loudest = int(np.argmax(power))
  return np.concatenate([block[:, loudest].astype(np.float32) for block in blocks()])
