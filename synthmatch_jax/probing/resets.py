"""Tries reset policies: how much a sound depends on those before it, and what a reset costs."""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from synthmatch_jax.audio.loudness import SILENT_PEAK
from synthmatch_jax.errors import UserError
from synthmatch_jax.probing.probe_sounds import deviation, difference_db, nothing, play
from synthmatch_jax.spaces.space import Patch
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.description import RESETS, Reset
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.play import hosting
from synthmatch_jax.synths.registry import Engine

ENOUGH_DB = -60.0
"""The largest difference of a sound from itself, relative to its peak, in a policy that qualifies.

It is a thousandth: bins within 40 dB of the loudest one then move by less than 1 dB, the just
noticeable difference of a level, and bins that move more are too quiet beside them to be heard.
"""

# How many times faster a policy must be than those before it to be preferred to them: time is
# measured on few sounds, on a machine that may be busy.
_CLEARLY = 2.0
# The length of the sound between two of the same patch. It is no multiple of theirs: a vibrato of
# 0.25 Hz is where it was after 4 s.
_BETWEEN_SECONDS = 1.37
_MOST_FAILURES = 1  # A trial is over after so many failures: all its patches sounded before.

Sound = Float[np.ndarray, " n"]
Make = Callable[[Reset], Engine]


@dataclass(frozen=True, kw_only=True)
class Trial:
  """The measurements of one policy.

  Differences are the largest of all patches, in dB relative to the peak; -inf if sounds are equal
  to the last bit, None if it was not measured.

  Attributes:
    reset: Policy.
    after_another_db: The difference of a sound from itself after that of another patch.
    shuffled_db: The difference when the patches come in another order, in the same process.
    fresh_db: The difference of any of these sounds from the first sound of a new process.
    per_second: The number of sounds of four seconds that are rendered in a second.
    seconds: The time that the slowest sound took.
    deviation: The largest distance of a value read back from the value set.
    parameter: The name of the parameter of that value.
    failures: What the plugin did instead of a sound, twice in a row.
    replaced: The reasons for which processes had to be replaced.
  """

  reset: Reset
  after_another_db: float | None
  shuffled_db: float | None
  fresh_db: float
  per_second: float
  seconds: float
  deviation: float
  parameter: str
  failures: tuple[str, ...]
  replaced: tuple[str, ...]

  @property
  def worst_db(self) -> float:
    """The largest difference of all."""
    known = (self.after_another_db, self.shuffled_db, self.fresh_db)
    return max(db for db in known if db is not None)

  @property
  def exact(self) -> bool:
    """Whether equal patches gave equal sounds to the last bit."""
    return self.worst_db == -np.inf

  def qualifies(self, tolerance: float) -> bool:
    """Returns whether data sets can be made with it."""
    return not self.failures and self.deviation <= tolerance and self.worst_db < ENOUGH_DB


def compare(
  make: Make, patches: Sequence[Patch], *, fresh: int, policies: Sequence[Reset] = RESETS
) -> tuple[Trial, ...]:
  """Tries policies.

  Args:
    make: Returns the engine under a policy.
    patches: Two or more patches that are not silent.
    fresh: The number of them that are also rendered as the first sound of a new process.
    policies: The policies to try, from the cheapest on.
  """
  sounds = {"process": fresh * 2}
  total = sum(sounds.get(p, fresh + 4 * len(patches)) for p in policies)
  with tqdm(total=total, desc="reset policies", unit="sound", leave=False) as bar:
    return tuple(_Bench(make(policy), bar.update).trial(patches, fresh) for policy in policies)


def choose(trials: Sequence[Trial], *, tolerance: float) -> Trial:
  """Returns the cheapest policy that is exact, or else that qualifies, or else the best one."""
  fit = [t for t in trials if t.qualifies(tolerance)]
  if exact := [t for t in fit if t.exact]:
    return _cheapest(exact)
  if fit:
    return _cheapest(fit)
  return min(trials, key=lambda t: (len(t.failures), t.deviation > tolerance, t.worst_db))


def _cheapest(trials: Sequence[Trial]) -> Trial:
  best, *rest = trials
  for trial in rest:
    if trial.per_second > _CLEARLY * best.per_second:
      best = trial
  return best


class _Bench:
  """Renders under one policy and records times, failures and deviations."""

  def __init__(self, engine: Engine, tick: Callable[[], object]):
    assert engine.plugin is not None
    self._engine: Engine = engine
    self._reset: Reset = engine.plugin.reset
    self._tick = tick
    self._seconds: list[float] = []
    self._failures: list[str] = []
    self._replaced: list[str] = []
    self._off = (0.0, "")

  def trial(self, patches: Sequence[Patch], fresh: int) -> Trial:
    firsts = [self._first(patch) for patch in patches[:fresh]]
    after = shuffled = None
    if self._reset == "process":  # Every sound is the first of a process.
      again = [self._first(patch) for patch in patches[:fresh]]
      worst = self._worst(firsts, again)
    else:
      self._seconds.clear()
      with hosting(self._engine, report=self._replaced.append) as place:
        self._ready(place)
        triples = [self._triple(place, patches, i) for i in range(len(patches))]
        order = np.random.default_rng(0).permutation(len(patches))
        late = {i: self._sound(place, patches[i]) for i in order}
      before, again = zip(*triples, strict=True)
      passes = (before, again, [late[i] for i in range(len(patches))])
      after = self._worst(before, again)
      shuffled = self._worst(before, passes[2])
      worst = max(self._worst(firsts, sounds[:fresh]) for sounds in passes)
    return Trial(
      reset=self._reset,
      after_another_db=after,
      shuffled_db=shuffled,
      fresh_db=worst,
      per_second=1 / float(np.median(self._seconds)) if self._seconds else 0.0,
      seconds=max(self._seconds, default=0.0),
      deviation=self._off[0],
      parameter=self._off[1],
      failures=tuple(self._failures),
      replaced=tuple(dict.fromkeys(self._replaced)),
    )

  def _first(self, patch: Patch) -> Sound | None:
    with hosting(self._engine, report=self._replaced.append) as place:
      if self._reset != "process":
        self._ready(place)
      return self._sound(place, patch)

  def _triple(
    self, place: Host, patches: Sequence[Patch], i: int
  ) -> tuple[Sound | None, Sound | None]:
    """Renders a patch, another one, and the first again; returns both sounds of the first."""
    before = self._sound(place, patches[i])
    self._sound(place, patches[(i + 1) % len(patches)], _BETWEEN_SECONDS)
    return before, self._sound(place, patches[i])

  def _ready(self, place: Host) -> None:
    with contextlib.suppress(UserError, RenderError):  # The first sound fails, too.
      place.call(nothing)

  def _sound(self, place: Host, patch: Patch, seconds: float | None = None) -> Sound | None:
    self._tick()
    if len(self._failures) >= _MOST_FAILURES:
      return None
    start = time.perf_counter()
    try:
      sound, got = place.call(play, patch, *([seconds] if seconds else []))
    except (RenderError, UserError) as error:
      self._failures.append(str(error))
      return None
    if seconds is None:
      self._seconds.append(time.perf_counter() - start)
    if not np.abs(sound).max() > SILENT_PEAK:
      self._failures.append("silence, where there was a sound")
      return None
    for name, apart in deviation(patch, got).items():
      self._off = max(self._off, (apart, name))
    return sound

  def _worst(self, targets: Sequence[Sound | None], estimates: Sequence[Sound | None]) -> float:
    pairs = zip(targets, estimates, strict=False)
    known = [difference_db(a, b) for a, b in pairs if a is not None and b is not None]
    return max(known, default=np.inf)
