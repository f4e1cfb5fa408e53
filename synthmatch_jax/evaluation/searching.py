"""Searches as rows of an evaluation: from a row's candidates on, on the engine that renders it."""

from collections.abc import Sequence

from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.data.example import Example
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.evaluation.settle import Settle
from synthmatch_jax.evaluation.targets import Target
from synthmatch_jax.search.budget import Budget
from synthmatch_jax.search.objective import Objective
from synthmatch_jax.search.search import Search
from synthmatch_jax.search.seeds import Seed
from synthmatch_jax.search.stand_in import StandIn
from synthmatch_jax.search.strategy import STRATEGIES
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.play import play

# Raised when a search from the same candidates finds another answer.
REVISION = 1


def settling(
  strategy: str | None, *, renders: int, stand_in: StandIn | None = None, sieve: int = 1
) -> Settle:
  """Returns a way to settle an answer: by a search that begins with the candidates.

  Args:
    strategy: The name of the strategy (`STRATEGIES`); None only ranks the candidates.
    renders: The budget, the candidates included.
    stand_in: A proxy of the synth, for the sieve.
    sieve: The number of candidates that it hears for each that is rendered; 1 without a proxy.

  Raises:
    UserError: The budget is none.
  """
  assert strategy is None or strategy in STRATEGIES
  budget = Budget(renders=renders)

  def settle(host: Host, recipe: Recipe, target: Target, candidates: Sequence[Example]) -> Example:
    sound = host.call(play, recipe, target.known) if target.audio is None else target.audio
    sifts = stand_in and stand_in.sieve(log_mel(sound, recipe.mel), target.note, times=sieve)
    search = Search(
      Objective(sound, recipe),
      [Seed(controls=one.controls, name="candidate") for one in candidates],
      recipe=recipe,
      note=target.note,
      engine=host,
      budget=budget,
      strategy=strategy,
      sieve=sifts,
    )
    for _ in search:
      pass
    if search.trouble and not search.best:
      raise search.trouble
    return Example(controls=search.chosen(1)[0].controls, note=target.note)

  return settle
