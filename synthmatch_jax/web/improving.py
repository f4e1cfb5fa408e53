"""Answers that are made better while the visitor listens: when one is worth showing."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from synthmatch_jax import cores
from synthmatch_jax.audio.hearing import Recording
from synthmatch_jax.audio.listen import AS_RECORDED
from synthmatch_jax.errors import UserError
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.matching.refinement import Refinement
from synthmatch_jax.matching.result import Match, Origin
from synthmatch_jax.search import budget
from synthmatch_jax.search.budget import Budget
from synthmatch_jax.search.locks import Locks
from synthmatch_jax.search.seeds import BY_PROXY
from synthmatch_jax.web.history import Entry

_SECONDS = 20.0  # The longest that a search on the page takes.

_CLEARLY = 0.9  # An improvement to this share of the value before it is heard as one.


@dataclass(frozen=True, kw_only=True)
class Progress:
  """How far a search is.

  Attributes:
    entry: The answer that was kept last, or the one that it began with.
    trace: (renders, value) of each improvement until now; the value is 1 at the start.
    renders: The number of sounds that were rendered until now.
    is_over: Whether the search has ended.
  """

  entry: Entry
  trace: tuple[tuple[int, float], ...]
  renders: int
  is_over: bool


def allowed(engine: str) -> Budget:
  """What a search on the page may spend on an engine: whichever comes first."""
  return dataclasses.replace(budget.usual(engine), seconds=_SECONDS)


def begin(
  matcher: Matcher,
  recording: Recording,
  found: Match,
  locked: frozenset[str],
  stopped: Callable[[], bool],
) -> Refinement:
  """Sets up a search from an answer on.

  From a model's plain answer it begins as `match` does, with all that models say. Any other answer
  is one that the visitor has chosen, moved or searched for, and the search goes on from that alone.

  Args:
    matcher: The models and what plays.
    recording: The sound.
    found: The sound with the answer to begin with.
    locked: The parameters that stay as they are in that answer.
    stopped: Is asked after every sound whether to stop.

  Raises:
    UserError: There is no such parameter, or none is left to search.
  """
  best, space = found.best, matcher.recipe.space
  locks = Locks.parse(sorted(locked), space).at(best.controls)
  if locks.names >= set(space.names):
    raise UserError("all controls are locked: unlock one, and it can be searched")
  is_plain = best.origin in (
    dataclasses.replace(best.origin, hearing=BY_PROXY, step=0, by_hand=False),
    Origin(model=matcher.models[0].name, hearing=AS_RECORDED.name),
  )
  return matcher.search(
    recording,
    budget=allowed(matcher.recipe.engine),
    start=None if is_plain else best.controls,
    known=best if is_plain else None,
    locks=locks,
    workers=max(1, cores.available() // 2),  # The other half is for the other visitors.
    stopped=stopped,
  )


def steps(refinement: Refinement) -> Iterator[bool]:
  """Searches, and says at each improvement and in the end whether the best is an answer to keep.

  Raises:
    UserError: Nothing is nearer than the answer that the search began with.
    RenderError: The engine failed on all that was tried.
  """
  kept = math.inf
  for step in refinement:
    is_start = step.renders == 1
    is_clear = step.value <= _CLEARLY * kept and not is_start
    kept = step.value if is_clear or is_start else kept
    yield is_clear
  search = refinement.search
  if search.trouble and not search.best:
    raise search.trouble
  if search.best is None or search.best.renders == 1:
    raise UserError(
      f"nothing nearer was found in {search.renders} renders: unlock or move a control, and search"
      " again"
    )
  yield search.best.value < kept


def progress(refinement: Refinement, entry: Entry, *, is_over: bool = False) -> Progress:
  """Says how far a search is, and which answer was kept last."""
  search = refinement.search
  return Progress(entry=entry, trace=tuple(search.trace), renders=search.renders, is_over=is_over)
