"""The rows of a table: models between floors and ceilings."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import proposals, searching
from synthmatch_jax.evaluation.asked import Asked
from synthmatch_jax.evaluation.baselines import nearest_by_mel, nearest_by_mfcc
from synthmatch_jax.evaluation.rerender import Proposal
from synthmatch_jax.evaluation.settle import Settle, nearest, other
from synthmatch_jax.inference import Predictor
from synthmatch_jax.reports.listening import TARGET
from synthmatch_jax.search import seeds

Kind = Literal["model", "floor", "ceiling"]
Need = Literal["truth", "training", "snapping", "search", "draws", "proxy"]

_NUMBER = "N"  # Stands for the number of draws in the name of a row.


@dataclass(frozen=True, kw_only=True)
class Row:
  """One that answers every target.

  Attributes:
    meaning: A phrase that says what it answers with.
    propose: Returns the controls of its answers, of the shape (i, d), or of n candidates for
      each answer, (i, n, d).
    settle: Makes the candidates for one target into the answer, with an engine at hand. By
      default the nearest of them is the answer.
    kind: Whether it is a model, or a floor or a ceiling for models. Ceilings know the true patch.
    needs: What has to be there: the true patches, the training sounds, snapping, a budget, a
      number of draws from a model that draws, or a proxy of the synth.
    search: The name of the strategy by which the answer is searched for from the candidates on, or
      "rank", which only ranks them; empty for `settle`. What is searched for needs a budget.
    sieved: Whether the search lets candidates pass that the proxy finds near, and no others.
  """

  meaning: str
  propose: Callable[[Asked], np.ndarray]
  settle: Settle = nearest
  kind: Kind = "floor"
  needs: Need | tuple[Need, ...] | None = None
  search: str = ""
  sieved: bool = False

  def lacks(self, lacking: Mapping[Need, str]) -> str:
    """Returns why the row is not there; empty where it is."""
    return next((lacking[need] for need in self.all_needs if lacking[need]), "")

  @property
  def all_needs(self) -> tuple[Need, ...]:
    """What it needs, a budget for its search included."""
    own = (self.needs,) if isinstance(self.needs, str) else self.needs or ()
    return (*own, "search") if self.search else own


ROWS: dict[str, Row] = {
  "model": Row(
    meaning="the model's prediction",
    propose=lambda asked: asked.answers(),
    kind="model",
  ),
  "unsnapped": Row(
    meaning="the model's prediction, not drawn to the peaks of the prior",
    propose=lambda asked: asked.unsnapped,
    kind="model",
    needs="snapping",
  ),
  "searched": Row(
    meaning="the best of a search with the synth, from the model's prediction on",
    propose=proposals.model_and_middle,
    kind="model",
    search="cma",
  ),
  "drawn_search": Row(
    meaning="the same search from as many draws of the model",
    propose=proposals.draws_and_middle,
    kind="model",
    needs="draws",
    search="cma",
  ),
  "steered_search": Row(
    meaning="the same search from the answers and what gradients through the proxy make of them",
    propose=proposals.steered_and_model,
    kind="model",
    needs="proxy",
    search="cma",
  ),
  "sieved_search": Row(
    meaning="the same search, of whose candidates the proxy lets the nearest pass",
    propose=proposals.model_and_middle,
    kind="model",
    needs="proxy",
    search="cma",
    sieved=True,
  ),
  "random_search": Row(
    meaning="the best of as many renders, drawn at random around the model's prediction",
    propose=lambda asked: asked.answers(),
    search="random",
  ),
  "nearest_search": Row(
    meaning="the best of as many renders, of the nearest neighbours in the training split",
    propose=lambda asked: proposals.nearest_sounds(asked, asked.renders),
    needs="training",
    search="rank",
  ),
  "blind_search": Row(
    meaning="the best of the same search without a model, from the middle of the prior on",
    propose=proposals.middle,
    search="cma",
  ),
  f"best_of_{_NUMBER}": Row(
    meaning="the nearest of several answers that the model draws",
    propose=lambda asked: asked.drawn(asked.draws),
    kind="model",
    needs="draws",
  ),
  f"other_of_{_NUMBER}": Row(
    meaning="of the draws that sound as near, to within a tenth, the one whose patch differs most",
    propose=lambda asked: asked.drawn(asked.draws),
    settle=other,
    kind="model",
    needs="draws",
  ),
  "steered": Row(
    meaning="the model's prediction, made better by gradients through the proxy",
    propose=lambda asked: asked.steered(asked.drawn(1), count=1),
    kind="model",
    needs="proxy",
  ),
  f"picked_{_NUMBER}": Row(
    meaning="the draw that the proxy finds the nearest",
    propose=lambda asked: asked.steered(asked.drawn(asked.draws), count=1, steps=0),
    kind="model",
    needs=("draws", "proxy"),
  ),
  f"steered_{_NUMBER}": Row(
    meaning="the nearest, by the proxy, of the draws made better by gradients through it",
    propose=lambda asked: asked.steered(asked.drawn(asked.draws), count=1),
    kind="model",
    needs=("draws", "proxy"),
  ),
  f"best_steered_{_NUMBER}": Row(
    meaning="the nearest of as many renders of the draws made better",
    propose=lambda asked: asked.steered(asked.drawn(asked.draws), count=asked.draws),
    kind="model",
    needs=("draws", "proxy"),
  ),
  f"answered_{_NUMBER}": Row(
    meaning="what `match` answers without a search: of these the nearest, of a few that are played",
    propose=lambda asked: asked.steered(asked.drawn(asked.draws), count=seeds.STEERED),
    kind="model",
    needs=("draws", "proxy"),
  ),
  f"nearest_{_NUMBER}": Row(
    meaning="the nearest of as many neighbours in the training split",
    propose=lambda asked: proposals.nearest_sounds(asked, asked.draws),
    needs=("draws", "training"),
  ),
  f"jitter_{_NUMBER}": Row(
    meaning="the nearest of as many draws around the mean of the model's answers, as far apart",
    propose=proposals.jitter,
    needs="draws",
  ),
  "nearest_mel": Row(
    meaning="nearest neighbour in the training split by log-mel distance",
    propose=lambda asked: nearest_by_mel(asked.material.mel, asked.training),
    needs="training",
  ),
  "nearest_mfcc": Row(
    meaning="nearest neighbour in the training split by mean and deviation of MFCCs",
    propose=lambda asked: nearest_by_mfcc(asked.material.mel, asked.training),
    needs="training",
  ),
  "mean": Row(
    meaning="mean of the training controls, the same for every sound", propose=proposals.mean
  ),
  "random": Row(meaning="a draw from the prior", propose=proposals.random),
  "oracle": Row(
    meaning="the true patch: what is left are the limits of the rendering",
    propose=proposals.oracle,
    kind="ceiling",
    needs="truth",
  ),
  "repeat": Row(
    meaning="the same rendering a second time: what the engine differs from itself",
    propose=lambda asked: asked.true,
    kind="ceiling",
    needs="truth",
  ),
}
"""The rows of every evaluation, in the order of tables; a new row is an entry here."""


def kind(name: str) -> Kind:
  """Returns what a row is in a table, by its name; other models have the names of their folders."""
  row = ROWS.get(_in_table(name))
  return row.kind if row else "model"


def _in_table(name: str) -> str:
  """Returns the name that a row has in `ROWS`, where a number of draws is left open."""
  return re.sub(r"(?<=_)\d+$", _NUMBER, name)


def choose(
  names: Sequence[str],
  *,
  others: Mapping[str, Row],
  lacking: Mapping[Need, str],
  draws: int = 0,
) -> dict[str, Row]:
  """Returns the rows of a table, in its order.

  Args:
    names: The names of the rows that are asked for; none for all rows that there are.
    others: Rows of this evaluation alone, which follow those of the model.
    lacking: What rows may need -> why it is not there; empty where it is.
    draws: The number of draws, which is in the names of the rows that draw.

  Raises:
    UserError: There is no such row.
  """
  table = {re.sub(f"(?<=_){_NUMBER}$", str(draws), name): row for name, row in ROWS.items()}
  own = {name: row for name, row in table.items() if row.kind == "model"}
  rows = own | dict(others) | table
  reasons = {name: row.lacks(lacking) for name, row in rows.items()}
  known = {name: row for name, row in rows.items() if not reasons[name]}
  for name in names:
    if name not in known:
      why = f" ({reasons[name]})" if name in reasons else ""
      raise UserError(f"there is no row {name!r} here{why}; known: {', '.join(known)}")
  return {name: row for name, row in known.items() if not names or name in names}


def of_models(workdirs: Sequence[Path], predictor: Predictor) -> dict[str, Row]:
  """Returns the rows of other models, which are named after their workdirs.

  Raises:
    UserError: A model cannot be loaded, knows other sounds, or has the name of another row.
  """
  others: dict[str, Row] = {}
  for workdir in workdirs:
    other, name = Predictor.load(workdir), workdir.resolve().name
    if other.recipe.digest() != predictor.recipe.digest():
      raise UserError(f"the model in {workdir} was trained on sounds of another recipe")
    if _in_table(name) in ROWS or name in others or name == TARGET:
      raise UserError(f"two rows would be called {name!r}: rename the folder {workdir}")
    others[name] = Row(
      meaning=f"the prediction of another model, {name}",
      propose=lambda asked, other=other: asked.answers(other),
      kind="model",
    )
  return others


def propose(rows: Mapping[str, Row], asked: Asked) -> dict[str, Proposal]:
  """Returns what every row proposes, in the order of rendering.

  The repetition comes first, so that it is rendered right after the target.
  """
  found: dict[str, Proposal] = {}
  for name in sorted(rows, key=lambda name: name != "repeat"):
    row, controls = rows[name], rows[name].propose(asked)
    controls = controls.reshape(len(controls), -1, controls.shape[-1])
    settle, meaning = row.settle, row.meaning
    if row.search:
      strategy = None if row.search == "rank" else row.search
      playing = asked.stand_in if row.sieved else None
      sieve = asked.proxy.sieve if playing else 1
      settle = searching.settling(strategy, renders=asked.renders, stand_in=playing, sieve=sieve)
      sifted = f", {sieve} heard for each by {playing.digest}" if playing else ""
      meaning = f"{meaning} ({asked.renders} renders{sifted}, revision {searching.REVISION})"
    found[name] = Proposal(controls=controls, settle=settle, meaning=meaning)
  return found
