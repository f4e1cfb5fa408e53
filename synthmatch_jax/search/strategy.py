"""Strategies say which candidates are tried next: ask and tell over the controls that are free."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

import cmaes
import numpy as np
from jaxtyping import Bool, Float, Int

from synthmatch_jax.search.quantiles import Quantiles
from synthmatch_jax.spaces.space import ParameterSpace

STEP = 0.1
"""Standard deviation of the first steps, on the scale of `Quantiles`; chosen on outside sounds."""

# The least step, and the farness of a start (`Objective.farness`) from which on the step is whole.
_LEAST_STEP, _FAR = 0.025, 20.0

# How far candidates may be drawn beyond the scale, whose ends are thus found themselves.
_MARGIN = 0.05

_SMALL, _MOST_OFF = 0.15, 6  # Up to where a control may as well be off; how many are tried.

# The value of a candidate that has none; the strategies look at the order of values only.
_WORST = 1e9


def free(
  space: ParameterSpace, controls: Float[np.ndarray, " d"], locked: Collection[str] = ()
) -> Bool[np.ndarray, " d"]:
  """The controls that a search can move: those of numbers that are heard and not locked.

  Switches and choices stay as they are.

  Args:
    space: The space of the controls.
    controls: Where the search begins, which tells what can be heard.
    locked: Names of the parameters that stay.
  """
  heard = space.heard(controls[None])[0]
  found = np.zeros(space.width, bool)
  for parameter, audible in zip(space.parameters, heard, strict=True):
    searched = parameter.scale == "numerical" and parameter.name not in locked
    found[space.slices[parameter.name]] = audible and searched
  return found


def one_off(
  controls: Float[np.ndarray, " d"], moved: Bool[np.ndarray, " d"]
) -> Float[np.ndarray, "n d"]:
  """The controls with a small one turned off, the smallest first: few candidates, maybe none.

  Args:
    controls: The controls.
    moved: The controls that are free.
  """
  small = np.flatnonzero(moved & (controls > 0) & (controls < _SMALL))
  places = small[np.argsort(controls[small])][:_MOST_OFF]
  found = np.tile(controls, (len(places), 1))
  found[np.arange(len(places)), places] = 0
  return found


def step_from(farness: float) -> float:
  """The first step from a start that is so far off: the nearer it is, the surer its controls are.

  From answers to sounds of the synth itself, steps as wide as for others find hardly anything.
  """
  return float(np.clip(STEP * farness / _FAR, _LEAST_STEP, STEP))


@dataclass(frozen=True, kw_only=True)
class Sieve:
  """Lets through the few of many candidates that seem the nearest.

  This is pre-selection by a model (Ulmer, Streichert and Zell, "Evolution strategies assisted by
  Gaussian processes with improved pre-selection criterion", CEC 2003), with a proxy of the synth
  where they fit a model to what was found. A strategy learns from the candidates that pass alone.

  Attributes:
    times: The number of candidates that are proposed for each that passes.
    distances: Tells how far candidates seem to be.
  """

  times: int
  distances: Callable[[Float[np.ndarray, "n d"]], Float[np.ndarray, " n"]]

  def passed(self, candidates: Float[np.ndarray, "n d"]) -> Int[np.ndarray, " k"]:
    """The places of those that pass, in their order; the last bits of a distance do not decide."""
    order = np.argsort(np.round(self.distances(candidates), 3), kind="stable")
    return np.sort(order[: len(candidates) // self.times])


class Strategy(Protocol):
  """Proposes candidates and learns from their values."""

  def ask(self) -> Float[np.ndarray, "n d"]:
    """The next candidates, float32: all controls, of which those that are not free stay."""
    ...

  def tell(self, values: Float[np.ndarray, " n"]) -> None:
    """Takes the values of the candidates that were asked for last; infinite is allowed."""
    ...

  @property
  def done(self) -> bool:
    """Whether it has converged: nothing is to be gained by asking again."""
    ...


class CmaEs:
  """CMA-ES on the scale of `Quantiles`, within the bounds of the controls, from a start on.

  Hansen, "The CMA evolution strategy: a tutorial" (2016), by the library `cmaes`. The size of the
  population is the tutorial's, rounded up to a multiple of `lanes`, so that no engine is idle.
  """

  def __init__(
    self,
    start: Float[np.ndarray, " d"],
    moved: Bool[np.ndarray, " d"],
    scale: Quantiles,
    *,
    step: float = STEP,
    seed: int = 0,
    lanes: int = 1,
    sieve: Sieve | None = None,
  ):
    """Begins at the start.

    Args:
      start: Where the search begins.
      moved: The controls that are free; at least one is.
      scale: The scale on which it steps.
      step: The standard deviation of the first candidates, on the scale.
      seed: The seed of what is drawn at random.
      lanes: The number of engines that candidates are rendered by.
      sieve: What candidates have to pass, if anything.
    """
    self._start, self._moved, self._scale, self._sieve = start, moved, scale, sieve
    width = int(moved.sum())
    self._cma = cmaes.CMA(
      mean=scale.there(start)[moved],
      sigma=step,
      bounds=np.tile([-_MARGIN, 1.0 + _MARGIN], (width, 1)),
      population_size=lanes * math.ceil((4 + math.floor(3 * math.log(width))) / lanes),
      seed=seed,
    )
    self._asked: list[np.ndarray] = []

  def ask(self) -> Float[np.ndarray, "n d"]:
    """See `Strategy`."""
    count = self._cma.population_size * (self._sieve.times if self._sieve else 1)
    drawn = np.stack([self._cma.ask() for _ in range(count)])
    whole = _whole(self._start, self._moved, self._scale, drawn)
    passed = self._sieve.passed(whole) if self._sieve else np.arange(count)
    self._asked = list(drawn[passed])
    return whole[passed]

  def tell(self, values: Float[np.ndarray, " n"]) -> None:
    """See `Strategy`."""
    ranked = np.where(np.isfinite(values), values, _WORST)
    self._cma.tell(list(zip(self._asked, ranked.tolist(), strict=True)))

  @property
  def done(self) -> bool:
    """See `Strategy`."""
    return self._cma.should_stop()


class AtRandom:
  """Candidates drawn around the start, whatever comes of them: what a strategy has to beat."""

  def __init__(
    self,
    start: Float[np.ndarray, " d"],
    moved: Bool[np.ndarray, " d"],
    scale: Quantiles,
    *,
    step: float = STEP,
    seed: int = 0,
    lanes: int = 1,
    sieve: Sieve | None = None,
  ):
    """Begins at the start; see `CmaEs`."""
    self._start, self._moved, self._scale, self._step = start, moved, scale, step
    self._rng, self._sieve = np.random.default_rng(seed), sieve
    self._count = 4 * lanes * (sieve.times if sieve else 1)

  def ask(self) -> Float[np.ndarray, "n d"]:
    """See `Strategy`."""
    around = self._scale.there(self._start)[self._moved]
    drawn = self._rng.normal(around, self._step, (self._count, around.size))
    whole = _whole(self._start, self._moved, self._scale, drawn)
    return whole[self._sieve.passed(whole)] if self._sieve else whole

  def tell(self, values: Float[np.ndarray, " n"]) -> None:
    """See `Strategy`."""

  @property
  def done(self) -> bool:
    """See `Strategy`."""
    return False


def _whole(
  start: Float[np.ndarray, " d"],
  moved: Bool[np.ndarray, " d"],
  scale: Quantiles,
  drawn: Float[np.ndarray, "n k"],
) -> Float[np.ndarray, "n d"]:
  """The controls of which some were drawn on the scale."""
  mapped = np.zeros((len(drawn), start.size))
  mapped[:, moved] = drawn
  return np.where(moved, scale.back(mapped), start).astype(np.float32)


STRATEGIES: Mapping[str, type[CmaEs] | type[AtRandom]] = {
  "cma": CmaEs,
  "random": AtRandom,
}
"""Name -> strategy; one for spaces with switches and choices will be a line here."""
