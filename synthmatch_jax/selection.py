"""Decides which of several answers to a sound is the nearest, and which of them are distinct."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from synthmatch_jax.spaces.space import ParameterSpace

RANKED_BY = "mss"
"""The metric that ranks answers and picks the sounds of a page.

It hardly depends on the level of a sound, to which an answer is brought anyway. It is defined for
every pair of sounds, over the whole range of hearing, at three resolutions.
"""

NEAR = 0.02
"""How far apart (`apart`) two answers are at least: a fiftieth of a knob's range."""


def nearest(
  distances: Float[np.ndarray, " n"], silent: Bool[np.ndarray, " n"] | None = None
) -> Int[np.ndarray, " n"]:
  """Returns the indices of the answers, the nearest first; ties keep their order.

  Args:
    distances: The distance of each answer, by `RANKED_BY`.
    silent: Whether each answer cannot be heard. Such answers come last, since some metrics take
      silence for noise.
  """
  last = np.zeros(len(distances), bool) if silent is None else silent
  return np.lexsort((distances, last))


def distinct(
  controls: Sequence[Float[np.ndarray, " d"]], space: ParameterSpace, *, count: int
) -> list[int]:
  """Returns the indices of the first answers that are not nearly the same as one before them.

  Two answers are nearly the same if they differ by less than 0.02 (root mean square) in the
  controls that can be heard in the better one.

  Args:
    controls: The answers, the best first.
    space: The space of the controls.
    count: The largest number of answers wanted.
  """
  kept: list[int] = []
  for i, candidate in enumerate(controls):
    if len(kept) == count:
      break
    better = np.stack([controls[k] for k in kept]) if kept else np.zeros((0, space.width))
    if not np.any(apart(better, candidate, space) < NEAR):
      kept.append(i)
  return kept


def apart(
  some: Float[np.ndarray, "n d"], other: Float[np.ndarray, " d"], space: ParameterSpace
) -> Float[np.ndarray, " n"]:
  """Returns how far patches are from another one, in what can be heard of them: 0 to 1.

  It is the root mean square of the errors of parameters; NaN for a patch of which nothing is heard.
  """
  squares = space.errors(some, np.broadcast_to(other, some.shape)) ** 2
  return np.sqrt(np.nanmean(np.where(space.heard(some), squares, np.nan), axis=1))


def choose(
  controls: Sequence[Float[np.ndarray, " d"]],
  distances: Float[np.ndarray, " n"],
  space: ParameterSpace,
  *,
  count: int,
  silent: Bool[np.ndarray, " n"] | None = None,
) -> list[int]:
  """Returns the indices of the nearest answers that are distinct, the nearest first."""
  order = nearest(distances, silent)
  kept = distinct([controls[i] for i in order], space, count=count)
  return [int(order[k]) for k in kept]
