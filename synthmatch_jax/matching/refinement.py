"""Answers that are made better: a search for a sound that models have answered to."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.hearing import Recording
from synthmatch_jax.audio.listen import AS_RECORDED, HEARINGS
from synthmatch_jax.audio.loudness import loudness_db, match_loudness
from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.data.example import Example
from synthmatch_jax.matching import ensemble
from synthmatch_jax.matching.result import Answer, Match, Origin, Searched
from synthmatch_jax.metrics import suite
from synthmatch_jax.search import seeds
from synthmatch_jax.search.budget import NO_USE, USUAL, Budget, Use
from synthmatch_jax.search.candidate import Candidate, Step
from synthmatch_jax.search.journal import Journal
from synthmatch_jax.search.locks import NONE, Locks
from synthmatch_jax.search.objective import Objective
from synthmatch_jax.search.search import LANES, Search
from synthmatch_jax.search.seeds import BY_PROXY, Seed
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.play import play

if TYPE_CHECKING:
  from synthmatch_jax.matching.matcher import Matcher

# One in so many renders goes to the nearest training sounds of all models, up to the second number.
_SHARE, _MOST_NEIGHBOURS = 8, 16


class Refinement:
  """A search for the answers to a sound, to be iterated once: each item is an improvement.

  It begins with what all models say in all ways of listening, the nearest sounds of their training,
  and the middle of the prior; or, where a start is given, with that alone; and with what a proxy of
  the synth makes of these, where it is asked for. It may be left at any time; `match` is what was
  found until then.

  Attributes:
    search: The search itself.
    note: The note that the answers are played with.
  """

  def __init__(
    self,
    matcher: "Matcher",
    recording: Recording,
    *,
    budget: Budget,
    start: Float[np.ndarray, " d"] | None = None,
    known: Answer | None = None,
    locks: Locks = NONE,
    strategy: str = "cma",
    seed: int = 0,
    workers: int = LANES,
    stopped: Callable[[], bool] = lambda: False,
    journal: Journal | None = None,
    proxy: Use = USUAL,
  ):
    """Listens to the sound; nothing is rendered yet.

    Args:
      matcher: The models and what plays.
      recording: The sound.
      budget: What may be spent.
      start: The controls to begin with, instead of what the models say.
      known: An answer that is there already, with which it begins before all that models say.
      locks: The controls that stay.
      strategy: The name of the strategy (`search.strategy.STRATEGIES`).
      seed: The seed of what is drawn at random.
      workers: The number of threads.
      stopped: Is asked after every sound whether to stop.
      journal: See `Search`.
      proxy: What is made of the proxy of the synth, if a model has one; see `Use`. A start that is
        given is not steered where nothing is said.

    Raises:
      UserError: A proxy is asked for, and no model has one.
    """
    self.note = recording.heard.held_note(matcher.recipe.note)
    self._matcher, self._recording = matcher, recording
    self._bound = bool(locks.held) or start is not None  # It may not find what there is.
    self._target = matcher.models[0].listen(recording)[AS_RECORDED]
    if start is None:
      self._origins, controls = self._begin(budget, known)
    else:
      self._origins = [Origin(model=matcher.models[0].name, hearing="as given")]
      controls = [start]
    proxy = ensemble.use(matcher.models, NO_USE if start is not None and proxy == USUAL else proxy)
    if proxy.steps:
      held = locks.at(controls[0])
      found = matcher.steered(
        self._target,
        [held.hold(one) for one in controls],
        note=self.note,
        steps=proxy.steps,
        locked=held.names,
      )
      self._origins[1:1] = [origin for origin, _ in found]
      controls[1:1] = [example.controls for _, example in found]
    sieve = None
    if proxy.sieve > 1:
      playing = ensemble.proxy(matcher.models)
      mel = log_mel(self._target, playing.recipe.mel)
      sieve = playing.sieve(mel, self.note, times=proxy.sieve)
    self.search = Search(
      Objective(self._target, matcher.recipe),
      [Seed(controls=one, name=o.hearing) for o, one in zip(self._origins, controls, strict=True)],
      recipe=matcher.recipe,
      note=self.note,
      engine=matcher.pool.engine,
      budget=budget,
      workers=workers,
      locks=locks,
      strategy=strategy,
      seed=seed,
      stopped=stopped,
      journal=journal,
      sieve=sieve,
    )

  def __iter__(self) -> Iterator[Step]:
    yield from self.search

  def match(self, top: int = 1) -> Match:
    """Plays the best answers until now, on an engine as good as new, and measures them.

    Args:
      top: The number of distinct answers wanted; there may be fewer.

    Raises:
      RenderError: The engine failed on all that was tried.
    """
    search = self.search
    free = not (self._bound or search.was_stopped)
    if search.trouble and not search.best:
      raise search.trouble
    chosen = [
      (
        dataclasses.replace(self._origins[one.seed], step=0 if one.is_seed else one.renders),
        Example(controls=one.controls, note=self.note),
      )
      for one in search.chosen(top)
    ]
    return Match(
      source=self._recording.source,
      target=self._target,
      heard=self._recording.heard,
      recipe=self._matcher.recipe,
      answers=self._matcher.choose(
        self._target, chosen, count=None, renders=search.renders if free else 0
      ),
      searched=Searched(
        renders=search.renders,
        seconds=search.seconds,
        start=self._distances(self._first),
        trace=tuple(search.trace),
        was_stopped=search.was_stopped,
      ),
    )

  def _begin(
    self, budget: Budget, known: Answer | None
  ) -> tuple[list[Origin], list[Float[np.ndarray, " d"]]]:
    """Where to begin, each patch once: what is known, or the first model's plain answer, first."""
    matcher, recording = self._matcher, self._recording
    answered = matcher.candidates(recording, HEARINGS, note=self.note)
    found = [] if known is None else [(known.origin, known.controls)]
    found += [(origin, example.controls) for origin, example in answered]
    count = min(_MOST_NEIGHBOURS, (budget.renders or _MOST_NEIGHBOURS * _SHARE) // _SHARE)
    count //= len(matcher.models)
    for model in matcher.models:
      others: Sequence[Seed] = []
      if model.neighbours and count:
        clips = model.listen(recording, HEARINGS).values()
        mels = [log_mel(clip, model.predictor.recipe.mel) for clip in clips]
        others = seeds.nearest(model.neighbours, mels, count=count)
      more = [*others, seeds.middle(model.predictor.recipe)]
      found += [(Origin(model=model.name, hearing=one.name), one.controls) for one in more]
    once: dict[bytes, tuple[Origin, Float[np.ndarray, " d"]]] = {}
    for origin, controls in found:
      once.setdefault(controls.tobytes(), (origin, controls))
    return [origin for origin, _ in once.values()], [controls for _, controls in once.values()]

  @property
  def _first(self) -> Candidate | None:
    """What is there without a search: of what a proxy has steered the nearest, or the start."""
    steered = [
      one
      for one in self.search.tried
      if one.is_seed and self._origins[one.seed].hearing == BY_PROXY and np.isfinite(one.value)
    ]
    return min(steered, key=lambda one: one.value, default=self.search.start)

  def _distances(self, start: Candidate | None) -> dict[str, float]:
    """How far the start is, by all metrics; nothing where no candidate has a sound."""
    if start is None:
      return {}
    target, rate = self._target, self._matcher.recipe.mel.sample_rate
    sound = start.sound if isinstance(start, Step) else None
    if sound is None:
      example = Example(controls=start.controls, note=self.note)
      (sound,) = self._matcher.pool.map(play, [(self._matcher.recipe, example)], lanes=1)
      if isinstance(sound, RenderError):
        raise sound
    estimate = match_loudness(sound, loudness_db(target, rate), rate)
    return suite.measure(target, estimate, suite.sound_metrics(rate))
