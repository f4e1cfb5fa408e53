"""The search: seeds are ranked, and the best one is made better, population by population."""

import contextlib
import itertools
import time
from collections.abc import Callable, Generator, Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float

from synthmatch_jax import cores, selection
from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.example import Example
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.search.alone import Alone
from synthmatch_jax.search.budget import Budget
from synthmatch_jax.search.candidate import Candidate, Step
from synthmatch_jax.search.journal import Entry, Journal
from synthmatch_jax.search.locks import NONE, Locks
from synthmatch_jax.search.objective import Objective
from synthmatch_jax.search.quantiles import Quantiles
from synthmatch_jax.search.seeds import Seed
from synthmatch_jax.search.strategy import STRATEGIES, Sieve, free, one_off, step_from
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.play import play
from synthmatch_jax.synths.pool import Pool
from synthmatch_jax.synths.registry import Engine

LANES = 4
"""The number of engines that a search plays on, however many cores there are.

The last bits of a sound depend on what its engine has played before, so this number is a part of
what a search finds, and the number of threads that do the work is not.
"""

TIDY_AT = 0.95
"""The share of the budget after which small controls are turned off."""


class Search:
  """A search for a sound, to be iterated once: each item is an improvement.

      search = Search(objective, seeds, recipe=recipe, note=note, engine=engine, budget=budget)
      for step in search:
        print(step.renders, step.value)
      search.chosen(3)

  It may be left at any time, by a `break` or by Ctrl-C: what was found until then is kept. With a
  budget in renders the same seeds give the same answers to the last bit, whatever the number of
  threads: a search plays on `LANES` new engines, and the place of a candidate in its population
  says which one.

  Attributes:
    objective: What it makes small.
    budget: What it may spend.
    tried: All candidates until now.
    start: The first candidate that has a sound, to whose costs values are relative; None before.
    best: The best candidate until now; None before there is one.
    trace: (renders, value) of each improvement until now.
    renders: The number of sounds that were rendered until now.
    seconds: The time that it has taken until now.
    trouble: What the engine failed with last; None if it did not.
    was_stopped: Whether `stopped` has ended it before its budget was spent.
  """

  def __init__(
    self,
    objective: Objective,
    seeds: Sequence[Seed],
    *,
    recipe: Recipe,
    note: Note,
    engine: Engine | Host,
    budget: Budget,
    workers: int = LANES,
    locks: Locks = NONE,
    strategy: str | None = "cma",
    step: float | None = None,
    seed: int = 0,
    stopped: Callable[[], bool] = lambda: False,
    journal: Journal | None = None,
    sieve: Sieve | None = None,
  ):
    """Sets up a search; nothing is rendered yet.

    Args:
      objective: What is made small.
      seeds: Where to begin, at least one; values are relative to the first that has a sound.
      recipe: The recipe of the controls.
      note: The note that is played.
      engine: What plays; or the host of an engine that is there already, to play on it alone.
      budget: What may be spent.
      workers: The number of threads; more than `LANES` are of no use.
      locks: The controls that stay.
      strategy: The name of the strategy (`STRATEGIES`); None only ranks the seeds.
      step: The standard deviation of the first steps, on the scale of `Quantiles`; None takes the
        one that fits the distance of the best seed.
      seed: The seed of what is drawn at random.
      stopped: Is asked after every sound whether to stop.
      journal: Recalls what this search has found before, and keeps what it finds; None does not.
      sieve: What candidates have to pass before they are rendered; None renders all of them.
    """
    self.tried: list[Candidate] = []
    self.start: Step | None = None
    self.best: Step | None = None
    self.trace: list[tuple[int, float]] = []
    self.renders, self.seconds = 0, 0.0
    self.trouble: RenderError | None = None
    self.was_stopped = False
    self.objective, self._recipe, self._note = objective, recipe, note
    self._engine, self._workers = engine, workers
    self._locks = locks.at(seeds[0].controls)
    self._seeds = np.stack([self._locks.hold(one.controls) for one in seeds])
    self.budget, self._stopped = budget, stopped
    self._strategy = None if strategy is None else STRATEGIES[strategy]
    self._step, self._seed, self._journal, self._sieve = step, seed, journal, sieve
    self._costs = objective.failed  # Of the start.
    self._farness = np.inf  # Of the best.
    self._began = 0.0

  @property
  def share(self) -> float:
    """The share of the budget that is spent, from 0 to 1."""
    renders, seconds = self.budget.renders, self.budget.seconds
    return min(1.0, self.renders / renders if renders else self.seconds / (seconds or 1.0))

  @property
  def expected_seconds(self) -> float | None:
    """The time that all of it takes, judged by the renders until now; None before there are any."""
    if self.budget.renders is None or not self.renders:
      return self.budget.seconds
    return self.seconds / self.renders * self.budget.renders

  def chosen(self, count: int) -> list[Candidate]:
    """The nearest candidates until now that are distinct, the nearest first.

    Args:
      count: The largest number wanted.

    Returns:
      At least one, as soon as there is a candidate; one without a sound only if no other has one.
    """
    values = np.array([one.value for one in self.tried])
    controls = [one.controls for one in self.tried]
    silent = ~np.isfinite(values)
    places = selection.choose(controls, values, self._recipe.space, count=count, silent=silent)
    return [self.tried[i] for i in places if not silent[i] or silent.all()]

  def __iter__(self) -> Iterator[Step]:
    scale = Quantiles(self._recipe)
    with cores.one_each(), self._playing() as pool:
      self._began = time.monotonic()
      yield from self._try(pool, self._seeds, seeds=range(len(self._seeds)))
      is_tidy, population = False, 0.0  # The share of the budget that the last one took.
      for attempt in itertools.count():  # It begins anew where it has converged.
        begin = self.best or self.tried[0]
        moved = free(self._recipe.space, begin.controls, self._locks.names)
        if self._strategy is None or self._is_over() or not moved.any():
          return
        strategy = self._strategy(
          begin.controls,
          moved,
          scale,
          step=self._step or step_from(self._farness),
          seed=self._seed + attempt,
          lanes=pool.size,
          sieve=self._sieve,
        )
        while not (self._is_over() or strategy.done):
          if not is_tidy and self.share + population >= TIDY_AT:
            yield from self._tidy(pool, moved)
            is_tidy = True
            continue
          before = self.share
          asked = strategy.ask()
          values = yield from self._try(pool, asked, began_with=begin.seed)
          population = self.share - before
          if len(values) == len(asked):
            strategy.tell(np.array(values))

  def _tidy(self, pool: Pool | Alone, moved: Bool[np.ndarray, " d"]) -> Iterator[Step]:
    """Turns off small controls of the best candidate, each alone and then all that do no harm.

    A trace of noise or reverb is not heard, and yet what was silent is no longer so.
    """
    best = self.best
    if best is None:
      return
    alone = one_off(best.controls, moved)
    values = yield from self._try(pool, alone, began_with=best.seed)
    harmless = alone[: len(values)][np.array(values) <= best.value]
    if len(harmless) > 1:
      yield from self._try(pool, harmless.min(axis=0, keepdims=True), began_with=best.seed)

  @contextlib.contextmanager
  def _playing(self) -> Iterator[Pool | Alone]:
    if isinstance(self._engine, Engine):
      with Pool(self._engine, size=LANES, workers=self._workers) as pool:
        yield pool
    else:
      yield Alone(self._engine)

  def _try(
    self,
    pool: Pool | Alone,
    candidates: Float[np.ndarray, "n d"],
    *,
    seeds: Sequence[int] = (),
    began_with: int = 0,
  ) -> Generator[Step, None, list[float]]:
    """Renders candidates as far as the budget goes, yields improvements, returns the values."""
    if self.budget.renders is not None:
      candidates = candidates[: self.budget.renders - self.renders]

    values: list[float] = []
    with contextlib.closing(self._heard(pool, candidates)) as tried:
      for place, (sound, costs) in enumerate(tried):
        self.renders += 1
        self.seconds = time.monotonic() - self._began
        if self.start is None:
          self._costs = costs
        one = Candidate(
          controls=candidates[place],
          value=self.objective.value(costs, self._costs),
          renders=self.renders,
          seed=seeds[place] if seeds else began_with,
          is_seed=bool(seeds),
        )
        self.tried.append(one)
        values.append(one.value)
        if isinstance(sound, RenderError):
          self.trouble = sound
        elif one.value < (self.best.value if self.best else np.inf):
          self.best = Step(**vars(one), seconds=self.seconds, sound=sound)
          self.start, self._farness = self.start or self.best, self.objective.farness(costs)
          self.trace.append((one.renders, one.value))
          yield self.best
        if self._is_over():
          break
    return values

  def _heard(
    self, pool: Pool | Alone, candidates: Float[np.ndarray, "n d"]
  ) -> Generator[tuple[Float[np.ndarray, " n"] | RenderError | None, Float[np.ndarray, " k"]]]:
    """Yields the sound and the costs of each candidate; of the journal, None and the costs."""
    rest = candidates
    while self._journal and len(rest) and (entry := self._journal.recall(rest[0])):
      rest = rest[1:]
      self._began = time.monotonic() - entry.seconds
      yield None, entry.costs

    def finish(place: int, result: Float[np.ndarray, " n"] | RenderError):
      is_failure = isinstance(result, RenderError)
      costs = self.objective.failed if is_failure else self.objective.costs(rest[place], result)
      return result, costs

    items = [(self._recipe, Example(controls=one, note=self._note)) for one in rest]
    with contextlib.closing(pool.map(play, items, finish=finish)) as played:
      for one, (sound, costs) in zip(rest, played, strict=True):
        if self._journal:
          self._journal.write(one, Entry(seconds=time.monotonic() - self._began, costs=costs))
        yield sound, costs

  def _is_over(self) -> bool:
    renders, seconds = self.budget.renders, self.budget.seconds
    is_spent = (renders is not None and self.renders >= renders) or (
      seconds is not None and time.monotonic() - self._began >= seconds
    )
    self.was_stopped = not is_spent and (self.was_stopped or self._stopped())
    return is_spent or self.was_stopped
