"""A search by ear, as an experiment: what it listens to, and how it steps."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cmaes
import numpy as np
from jaxtyping import Float

from study.evaluations import EVALUATIONS
from synthmatch_jax.audio.hearing import Recording
from synthmatch_jax.audio.listen import AS_RECORDED
from synthmatch_jax.audio.loudness import loudness_db, match_loudness
from synthmatch_jax.audio.pitch import PitchSettings
from synthmatch_jax.data.example import Example
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.metrics import suite
from synthmatch_jax.metrics.f0 import PitchError
from synthmatch_jax.metrics.metric import SoundMetric
from synthmatch_jax.spaces import prior as priors
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.play import play

MARKS = (50, 100, 200, 400, 600, 800)
"""Numbers of renders at which the best answer so far is kept."""

_SILENCE = 1e-4  # -80 dB of full scale, as in a match.
_SILENT = 1e3  # The cost of silence: more than any sum of terms.
_MOST_CENTS = 1_200.0
_SMALL, _AS_GOOD = 0.15, 1.005  # A control that may do nothing; how much worse is as good.

# The least that a term is divided by: a start that is near in a term leaves it some room.
_FLOORS = {"rms_cosine": 0.02, "f0_cents": 50.0, "sot": 0.02, "loudness_pattern": 0.02}
_FLOORS |= {"spectral_convergence": 0.05, "mss": 0.2, "wmfcc": 0.3, "log_spectral_distance": 0.5}

# The terms that hear the level, to which a sound is brought for them only.
_LEVELLED = {"wmfcc", "spectral_convergence", "log_spectral_distance"}


@dataclass(frozen=True, kw_only=True)
class Setup:
  """A way to search.

  Attributes:
    weights: Metric -> weight of its distance, as a multiple of the distance at the start.
    sigma: Step of the search at its start, in controls.
    population: Renders of a generation.
    shape: Whether all controls take equal steps, or steps in proportion to the model's errors, or
      equal steps in the prior's quantiles, of which a peak of the prior takes up many.
    seeds: Number of the model's answers, all of which the match has rendered, of which the best by
      the objective is the start; 1 for the nearest by MSS.
    margin: How far beyond [0, 1] the search may step, so that 0 and 1 themselves are found.
    tidied: Number of small controls that are set to 0 at the end, where the sound is as good.
    control: Whether renders are drawn around the start instead, all from the first generation.
  """

  weights: Mapping[str, float]
  sigma: float = 0.07
  population: int = 12
  shape: Literal["equal", "errors", "quantiles"] = "equal"
  seeds: int = 1
  margin: float = 0.0
  tidied: int = 0
  control: bool = False


class Ear:
  """Renders controls and measures how far the sound is from a target."""

  def __init__(self, matcher: Matcher, host: Host, recording: Recording):
    """Analyses the target once."""
    recipe, rate = matcher.recipe, matcher.recipe.mel.sample_rate
    self._recipe, self._host, self._rate = recipe, host, rate
    self._note = recording.heard.held_note(recipe.note)
    self._metrics = suite.sound_metrics(rate)
    # A guard of pitch needs fewer frames than a measurement.
    coarse = PitchError(sample_rate=rate, pitch=PitchSettings(hop_ms=50.0))
    self._terms: dict[str, SoundMetric] = self._metrics | {"f0_cents": coarse}
    target = matcher.models[0].listen(recording)[AS_RECORDED]
    self._level_db = loudness_db(target, rate)
    self._wanted = {name: metric.analyse(target) for name, metric in self._metrics.items()}
    self._heard = self._wanted | {"f0_cents": coarse.analyse(target)}
    self.voiced = bool(self._wanted["f0_cents"].voiced.any())

  def play(self, controls: Float[np.ndarray, " d"]) -> Float[np.ndarray, " n"]:
    """Renders controls at the target's note."""
    example = Example(controls=controls.astype(np.float32), note=self._note)
    return self._host.call(play, self._recipe, example)

  def terms(
    self, controls: Float[np.ndarray, " d"], names: Sequence[str]
  ) -> dict[str, float] | None:
    """Returns the named terms of a search, of which 0 is the best; None for silence."""
    audio = self.play(controls)
    if not _audible(audio):
      return None
    if _LEVELLED & set(names):
      audio = match_loudness(audio, self._level_db, self._rate)
    return {
      name: self._cost(name, metric.distance(self._heard[name], metric.analyse(audio)))
      for name in names
      if name != "f0_cents" or self.voiced
      for metric in [self._terms[name]]
    }

  def measure(self, controls: Float[np.ndarray, " d"]) -> dict[str, float | None]:
    """Measures controls by every metric; None where one has no meaning."""
    audio = match_loudness(self.play(controls), self._level_db, self._rate)
    found = {
      name: metric.distance(self._wanted[name], metric.analyse(audio))
      for name, metric in self._metrics.items()
    }
    return {name: round(v, 4) if np.isfinite(v) else None for name, v in found.items()}

  def _cost(self, name: str, value: float) -> float:
    if name == "f0_cents":
      return min(value, _MOST_CENTS) if np.isfinite(value) else _MOST_CENTS
    return 1 - value if self._metrics[name].better == "higher" else value


def search(
  ear: Ear,
  setup: Setup,
  starts: Sequence[Float[np.ndarray, " d"]],
  way: "Warp",
  *,
  renders: int,
) -> Iterator[tuple[int, Float[np.ndarray, " d"]]]:
  """Yields (renders, the best controls so far) at each mark up to a number of renders."""
  names = list(setup.weights)
  found = [ear.terms(start, names) for start in starts[: setup.seeds]]
  # What all terms are compared with is the model's nearest answer.
  scale = {name: max(v, _FLOORS[name]) for name, v in (found[0] or {}).items()}
  step = steps(setup, len(starts[0]))
  used = 0  # The match has rendered the starts.

  def cost(terms: Mapping[str, float] | None) -> float:
    if terms is None:
      return _SILENT
    return sum(setup.weights[name] * v / scale.get(name, 1) for name, v in terms.items())

  value, start = min(((cost(t), s) for t, s in zip(found, starts, strict=False)), key=_first)
  best = (value, start)
  mean = np.clip(way.there(start.astype(float)), 0.01, 0.99)
  optimizer = cmaes.CMA(
    mean=mean,
    sigma=setup.sigma,
    bounds=np.array([[-setup.margin, 1.0 + setup.margin]] * len(mean)),
    population_size=setup.population,
    cov=np.diag((step / setup.sigma) ** 2),
    seed=0,
  )
  told: list[tuple[np.ndarray, float]] = []
  while used < renders - setup.tidied:
    asked = optimizer.ask()
    controls = way.back(asked)
    value = cost(ear.terms(controls, names))
    used += 1
    best = min(best, (value, controls), key=_first)
    told.append((asked, value))
    if len(told) == setup.population and not setup.control:
      optimizer.tell(told)
      told = []
    if used in MARKS or used == renders:
      yield used, best[1]
  if setup.tidied:
    tidy = best[1].copy()
    small = [i for i in np.argsort(tidy) if 0 < tidy[i] < _SMALL]
    for i in small[: setup.tidied]:
      turned_off = np.where(np.arange(len(tidy)) == i, 0, tidy)
      if cost(ear.terms(turned_off, names)) < _AS_GOOD * best[0]:
        tidy = turned_off
    yield renders, tidy


def steps(setup: Setup, width: int) -> Float[np.ndarray, " d"]:
  """Returns the first step of each control."""
  if setup.shape != "errors":
    return np.full(width, setup.sigma)
  row = json.loads((EVALUATIONS / "table.json").read_text())["rows"]["model"]
  errors = np.sqrt([v["mean"] for name, v in row.items() if name.startswith("mse/")])
  return setup.sigma * errors / np.exp(np.log(errors).mean())


@dataclass(frozen=True)
class Warp:
  """A monotonic map of each control in [0, 1] onto [0, 1].

  Attributes:
    values: Values of each control, sorted, that are mapped to even steps; none for no change.
  """

  values: Float[np.ndarray, "d k"] | None

  def there(self, controls: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
    """Maps controls."""
    if self.values is None:
      return controls
    even = np.linspace(0, 1, self.values.shape[1])
    pairs = zip(controls, self.values, strict=True)
    return np.array([np.interp(one, row, even) for one, row in pairs])

  def back(self, mapped: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
    """Maps back to controls."""
    if self.values is None:
      return mapped
    even = np.linspace(0, 1, self.values.shape[1])
    pairs = zip(mapped, self.values, strict=True)
    return np.array([np.interp(one, even, row) for one, row in pairs])


def warp(recipe: Recipe, shape: str) -> Warp:
  """Returns the map to quantiles of the prior, a fifth of which are those of all values alike."""
  if shape != "quantiles":
    return Warp(None)
  rng = np.random.default_rng(0)
  drawn = np.stack([priors.sample(recipe.prior, recipe.space, rng) for _ in range(4_000)])
  even = np.broadcast_to(np.linspace(0, 1, 1_000)[:, None], (1_000, drawn.shape[1]))
  both = np.concatenate([drawn, even])
  values = np.quantile(both, np.linspace(0, 1, 401), axis=0).T
  return Warp(values + np.linspace(0, 1e-9, 401))


def _audible(audio: Float[np.ndarray, " n"]) -> bool:
  return float(np.abs(audio).max(initial=0)) >= _SILENCE


def _first(pair: tuple[float, Any]) -> float:
  return pair[0]
