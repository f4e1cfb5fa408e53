"""From the channels of a recording to one."""

from collections.abc import Callable, Iterable

import numpy as np
from jaxtyping import Float

# The mean of the channels is given up if it holds less than this share of the loudest one's
# power. Two channels of which one is silent hold 1/4, two of opposite phase nothing.
_CANCELLED = 0.01


def mono(blocks: Callable[[], Iterable[np.ndarray]]) -> Float[np.ndarray, " n"]:
  """The mean of the channels; where they cancel (opposite phase), the loudest one alone.

  Whether they cancel is judged without the constant part of each channel, which cannot be heard.

  Args:
    blocks: gives the recording (k, channels) from its start, each time it is called.

  Returns:
    The samples, float32; none if there is no block.
  """
  mixed, power = _mixed(blocks(), None)
  if _variation(mixed) >= _CANCELLED * power.max(initial=0):
    return mixed
  return _mixed(blocks(), int(np.argmax(power)))[0]


def _mixed(blocks: Iterable[np.ndarray], channel: int | None) -> tuple[np.ndarray, np.ndarray]:
  """One channel or the mean of all (n,), and the variation of each, summed up (c,)."""
  parts, total, squares, count = [np.zeros(0, np.float32)], np.zeros(0), np.zeros(0), 0
  for block in blocks:
    weights = np.full(block.shape[1], 1 / block.shape[1], np.float32)
    mixed = block @ weights if channel is None else block[:, channel]
    parts.append(mixed.astype(np.float32))
    exact = block.astype(np.float64)
    count += len(block)
    total = exact.sum(axis=0) + (total if total.size else 0)
    squares = np.square(exact).sum(axis=0) + (squares if squares.size else 0)
  return np.concatenate(parts), squares - np.square(total) / max(1, count)


def _variation(samples: np.ndarray) -> float:
  exact = samples.astype(np.float64)
  return float(np.square(exact - exact.mean()).sum()) if exact.size else 0.0
