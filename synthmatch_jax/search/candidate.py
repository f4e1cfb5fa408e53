"""What a search has tried."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, kw_only=True)
class Candidate:
  """A patch that was tried.

  Attributes:
    controls: The patch.
    value: The value of the objective: at most 1 for the start, 0 for the target itself, infinite
      for a patch that is silent or that the engine fails on.
    renders: The number of sounds that were rendered until then, this one included.
    seed: The place of the seed that it is, or that the search began with when it found it.
    is_seed: Whether it is the seed itself.
  """

  controls: Float[np.ndarray, " d"]
  value: float
  renders: int
  seed: int
  is_seed: bool


@dataclass(frozen=True, kw_only=True)
class Step(Candidate):
  """An improvement: a candidate that is nearer than all before it.

  Attributes:
    seconds: The time that the search has taken until then.
    sound: The sound, as the engine gives it; None where a journal has told what it costs.
  """

  seconds: float
  sound: Float[np.ndarray, " n"] | None = field(repr=False)
