"""Finds by experiment what a search by ear should listen to, and how it should step.

    python -m study.objectives --ood=FOLDER [--half=choosing] [--sounds=24] [--setups=mss,pattern]
    python -m study.objectives --table [--half=choosing]

FOLDER is the benchmark of `python -m synthmatch_jax.ood` (docs/ood.md). Each setup searches from
the released model's answers with real renders of Vital, and its best answer is measured by every
metric, whether the search has listened to it or not. Instruments are halved by the hash of their
name: one half chooses the setup, the other judges it. Each finished search is a line of
study/logs/objectives/HALF.jsonl; the command goes on where it was interrupted, and gives the same
numbers on any machine, since budgets are counted in renders.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import cmaes
import numpy as np
from jaxtyping import Float

from study.evaluations import EVALUATIONS
from study.runs import LOGS
from synthmatch_jax.audio.loudness import loudness_db, match_loudness
from synthmatch_jax.audio.pitch import PitchSettings
from synthmatch_jax.data.example import Example
from synthmatch_jax.data.ood.sounds import Sound, load_folder
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.evaluation.table import join, number
from synthmatch_jax.matching.hearings import Recording
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.metrics import suite
from synthmatch_jax.metrics.loudness_pattern import LoudnessPattern
from synthmatch_jax.metrics.metric import SoundMetric
from synthmatch_jax.metrics.pitch import PitchError
from synthmatch_jax.spaces import prior as priors
from synthmatch_jax.synths.play import play

LOG = LOGS / "objectives"
MARKS = (50, 100, 200, 400, 600, 800)
_SILENCE = 1e-4  # -80 dB of full scale, as in a match.
_SILENT = 1e3  # The cost of silence: more than any sum of terms.
_MOST_CENTS = 1_200.0
_SMALL, _AS_GOOD = 0.15, 1.005  # A control that may do nothing; how much worse is as good.

# The least that a term is divided by: a start that is near in a term leaves it some room.
_FLOORS = {"rms_cosine": 0.02, "f0_cents": 50.0, "sot": 0.02, "loudness_pattern": 0.02}
_FLOORS |= {"spectral_convergence": 0.05, "mss": 0.2, "wmfcc": 0.3, "log_spectral_distance": 0.5}

# The terms that hear the level, to which a sound is brought for them only.
_LEVELLED = {"wmfcc", "spectral_convergence", "log_spectral_distance"}

Half = Literal["choosing", "judging"]


@dataclass(frozen=True, kw_only=True)
class Setup:
  """A way to search.

  Attributes:
    weights: metric -> weight of its distance, as a multiple of the distance at the start.
    sigma: step of the search at its start, in controls.
    population: renders of a generation.
    shape: whether all controls take equal steps, or steps in proportion to the model's errors, or
      equal steps in the prior's quantiles, of which a peak of the prior takes up many.
    near: weight of the mean squared distance from the start, in steps, as a penalty.
    seeds: number of the model's answers, all of which the match has rendered, of which the best by
      the objective is the start; 1 for the nearest by MSS.
    margin: how far beyond [0, 1] the search may step, so that 0 and 1 themselves are found.
    tidied: number of small controls that are set to 0 at the end, where the sound is as good.
    control: whether renders are drawn around the start instead, all from the first generation.
  """

  weights: Mapping[str, float]
  sigma: float = 0.07
  population: int = 12
  shape: Literal["equal", "errors", "quantiles"] = "equal"
  near: float = 0.0
  seeds: int = 1
  margin: float = 0.0
  tidied: int = 0
  control: bool = False


_MSS = {"mss": 1.0}
_PATTERN = {"loudness_pattern": 1.0}
_BOTH = _MSS | _PATTERN
_GUARDS = {"rms_cosine": 0.3, "f0_cents": 0.3}
_GUARDED = _BOTH | _GUARDS

_Q = Setup(weights=_GUARDED, shape="quantiles", sigma=0.1, seeds=8, margin=0.05, tidied=4)

SETUPS = {
  "mss": Setup(weights=_MSS),
  "mss 0.12": Setup(weights=_MSS, sigma=0.12),
  "pattern": Setup(weights=_PATTERN),
  "pattern 0.12": Setup(weights=_PATTERN, sigma=0.12),
  "both": Setup(weights=_BOTH),
  "both+guards": Setup(weights=_GUARDED),
  "mss+guards": Setup(weights=_MSS | _GUARDS),
  "pattern+guards": Setup(weights=_PATTERN | _GUARDS),
  "both+guards 0.12": Setup(weights=_GUARDED, sigma=0.12),
  "both+guards shaped": Setup(weights=_GUARDED, shape="errors"),
  "both+guards near": Setup(weights=_GUARDED, near=0.05),
  "both+guards of 8": Setup(weights=_GUARDED, population=8),
  "all": Setup(weights=_GUARDED | {"wmfcc": 0.5, "spectral_convergence": 0.5}),
  "quantiles": Setup(weights=_GUARDED, shape="quantiles"),
  "quantiles 0.12": Setup(weights=_GUARDED, shape="quantiles", sigma=0.12),
  "quantiles+seeds": Setup(weights=_GUARDED, shape="quantiles", seeds=8),
  "Q": _Q,
  "Q both": replace(_Q, weights=_BOTH),
  "Q+mfcc": replace(_Q, weights=_GUARDED | {"wmfcc": 0.5}),
  "Q of 8": replace(_Q, population=8),
  "Q+mfcc+sc": replace(_Q, weights=_GUARDED | {"wmfcc": 0.5, "spectral_convergence": 0.5}),
  "Q random": replace(_Q, control=True),
  "random": Setup(weights=_GUARDED, control=True),
}
"""The setups, by their names in the log."""


class Ear:
  """Renders controls and measures how far the sound is from a target."""

  def __init__(self, matcher: Matcher, recording: Recording):
    """Analyses the target once."""
    rate = matcher.recipe.mel.sample_rate
    self._matcher, self._rate = matcher, rate
    self._note = recording.heard.held_note(matcher.recipe.note)
    self._metrics = suite.sound_metrics(rate) | {
      "loudness_pattern": LoudnessPattern(sample_rate=rate)
    }
    # A guard of pitch needs fewer frames than a measurement.
    coarse = PitchError(sample_rate=rate, pitch=PitchSettings(hop_ms=50.0))
    self._terms: dict[str, SoundMetric] = self._metrics | {"f0_cents": coarse}
    target = recording.heard.audio
    self._level_db = loudness_db(target, rate)
    self._wanted = {name: metric.analyse(target) for name, metric in self._metrics.items()}
    self._heard = self._wanted | {"f0_cents": coarse.analyse(target)}
    self.voiced = bool(self._wanted["f0_cents"].voiced.any())

  def play(self, controls: Float[np.ndarray, " d"]) -> Float[np.ndarray, " n"]:
    """Renders controls at the target's note."""
    example = Example(controls=controls.astype(np.float32), note=self._note)
    return self._matcher.host.call(play, self._matcher.recipe, example)

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


def halves(sounds: Sequence[Sound]) -> dict[Half, list[Sound]]:
  """Halves the benchmark by instrument, so that no half knows an instrument of the other.

  The instruments of each family are put in the order of the SHA-256 of their names, and every
  second one judges. Each half is listed so that its first sounds are of all families.
  """
  families: dict[str, dict[str, list[Sound]]] = {}
  for sound in sounds:
    stem = sound.name.rsplit("_", 1)[0] if sound.name[-1].isdigit() else sound.name
    families.setdefault(sound.family, {}).setdefault(stem, []).append(sound)
  found: dict[Half, list[tuple[float, Sound]]] = {"choosing": [], "judging": []}
  for stems in families.values():
    order = sorted(stems, key=_digest)
    for half, mine in (("choosing", order[::2]), ("judging", order[1::2])):
      # First one sound of every instrument, then the second of each.
      turns = [(turn, i, s) for i, m in enumerate(mine) for turn, s in enumerate(_mixed(stems[m]))]
      listed = [sound for _, _, sound in sorted(turns, key=lambda t: t[:2])]
      found[half] += [((i + 0.5) / len(listed), sound) for i, sound in enumerate(listed)]
  return {half: [s for _, s in sorted(two, key=lambda t: t[0])] for half, two in found.items()}


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
    value += setup.near * float(np.mean(((asked - mean) / step) ** 2))
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
    values: values of each control, sorted, that are mapped to even steps; none for no change.
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


def run(
  matcher: Matcher, sounds: Sequence[Sound], path: Path, *, setups: Sequence[str], renders: int
) -> None:
  """Runs what the log does not have yet, sound by sound."""
  done = {(line["sound"], line["setup"], line["renders"]) for line in read(path)}

  def keep(**line: Any) -> None:
    with path.open("a") as file:
      file.write(json.dumps(line) + "\n")

  ways = {shape: warp(matcher.recipe, shape) for shape in ("equal", "errors", "quantiles")}
  for sound in sounds:
    missing = [name for name in setups if (sound.name, name, renders) not in done]
    known = (sound.name, "first", 0) in done
    if not missing and known:
      continue
    recording = matcher.hear(sound.path)
    ear = Ear(matcher, recording)
    wide = [a.controls for a in matcher.answer(recording, top=8, listen="widely").answers]
    if not known:
      first = matcher.answer(recording).best.controls
      keep(
        sound=sound.name, setup="first", renders=0, voiced=ear.voiced, at={"0": ear.measure(first)}
      )
      keep(sound=sound.name, setup="wide", renders=0, at={"0": ear.measure(wide[0])})
    for name in missing:
      matcher.host.renew()  # So that a search does not depend on those before it.
      marks = list(search(ear, SETUPS[name], wide, ways[SETUPS[name].shape], renders=renders))
      at = {str(used): ear.measure(controls) for used, controls in marks}
      keep(sound=sound.name, setup=name, renders=renders, at=at)
      print(sound.name, name, at[str(renders)]["mss"], flush=True)


def read(path: Path) -> list[dict[str, Any]]:
  """Reads a log, and drops a last line that was not finished."""
  if not path.exists():
    return []
  lines = path.read_bytes().splitlines(keepends=True)
  if lines and not lines[-1].endswith(b"\n"):
    path.write_bytes(b"".join(lines[:-1]))
    lines.pop()
  return [json.loads(line) for line in lines]


def table(path: Path, *, renders: int) -> str:
  """Tabulates each setup against the first answers, on the sounds that all listed ones have."""
  lines = read(path)
  by: dict[str, dict[str, dict[str, float | None]]] = {}
  for line in lines:
    mark = str(renders) if line["renders"] else "0"
    if mark in line["at"]:
      by.setdefault(line["setup"], {})[line["sound"]] = line["at"][mark]
  voiced = {line["sound"] for line in lines if line.get("voiced")}
  rows = [["", "sounds", *_RATIOS.values(), "RMS ↑", "f0, median", "f0 lost"]]
  rows.append(["---", *["---:"] * (len(rows[0]) - 1)])
  for name, sounds in by.items():
    ratios = [f"{_ratio(sounds, by['first'], metric):.3f}" for metric in _RATIOS]
    f0 = [sounds[s]["f0_cents"] for s in sounds if s in voiced]
    known = [v for v in f0 if v is not None]
    envelope = np.mean([v["rms_cosine"] or 0 for v in sounds.values()])
    cells = [f"{envelope:.3f}", number(float(np.median(known))), str(len(f0) - len(known))]
    rows.append([f"{name}", str(len(sounds)), *ratios, *cells])
  return join(rows)


_RATIOS = {
  "mss": "MSS",
  "wmfcc": "wMFCC",
  "spectral_convergence": "SC",
  "sot": "SOT",
  "log_spectral_distance": "LSD",
  "loudness_pattern": "pattern",
}


def _ratio(one: Mapping[str, Any], other: Mapping[str, Any], metric: str) -> float:
  """Returns the geometric mean of a metric against that of another row."""
  return float(np.exp(np.mean([np.log(one[s][metric] / other[s][metric]) for s in one])))


def _audible(audio: Float[np.ndarray, " n"]) -> bool:
  return float(np.abs(audio).max(initial=0)) >= _SILENCE


def _digest(name: str) -> str:
  return hashlib.sha256(name.encode()).hexdigest()


def _mixed(sounds: Sequence[Sound]) -> list[Sound]:
  return sorted(sounds, key=lambda sound: _digest(sound.name))


_first: Callable[[tuple[float, Any]], float] = lambda pair: pair[0]  # noqa: E731 - a key, no more.


def main() -> None:
  """Searches, or prints the table."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--ood", type=Path, default=Path("ood"), help="folder of the benchmark")
  parser.add_argument("--half", choices=["choosing", "judging"], default="choosing")
  parser.add_argument("--sounds", type=int, default=24, help="number of sounds")
  parser.add_argument("--renders", type=int, default=200, help="budget of a search")
  parser.add_argument("--setups", default=",".join(SETUPS), help="names, separated by commas")
  parser.add_argument("--table", action="store_true", help="print the table of the log")
  options = parser.parse_args()
  path = LOG / f"{options.half}.jsonl"
  if options.table:
    sys.stdout.write(table(path, renders=options.renders) + "\n")
    return
  LOG.mkdir(parents=True, exist_ok=True)
  sounds = halves(load_folder(options.ood))[options.half][: options.sounds]
  with Matcher.open() as matcher:
    names = options.setups.split(",")
    run(matcher, sounds, path, setups=names, renders=options.renders)


if __name__ == "__main__":
  main()
