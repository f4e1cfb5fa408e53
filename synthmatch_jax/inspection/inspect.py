"""Inspects a data set: runs all checks, in order, and collects what they find."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from jaxtyping import Float
from scipy import stats

from synthmatch_jax import cores
from synthmatch_jax.data.pipeline import Dataset
from synthmatch_jax.generation.plan import SPLITS, Plan, Shard
from synthmatch_jax.inspection import file_checks, record_checks, replay
from synthmatch_jax.inspection.check import Check, Status, verdict
from synthmatch_jax.inspection.file_checks import History
from synthmatch_jax.inspection.record_checks import RecordFindings
from synthmatch_jax.inspection.replay import Place, Replay
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths.registry import Engine

_PRIOR_DRAWS = 10_000
# One in twenty pairs of samples of the same distribution is further apart (Smirnov 1948).
_CHANCE = 1.358


@dataclass(frozen=True, kw_only=True, eq=False)
class Inspection:
  """All that is found out about a data set.

  Attributes:
    dataset: The data set that was inspected.
    megabytes: The size on disk.
    files: The number of files in its folder.
    records: The findings of its records.
    history: The summary of its ledger; None if it has none.
    prior: The controls drawn from the recipe's prior, for comparison.
    distances: Kolmogorov-Smirnov distance between data and prior for each control: the largest
      difference of the two cumulative distributions.
    chance: The value that one distance in twenty exceeds by chance if the two distributions are
      equal.
    replays: The records that were rendered again.
    checks: All checks.
  """

  dataset: Dataset
  megabytes: float
  files: int
  records: RecordFindings
  history: History | None
  prior: Float[np.ndarray, "m d"]
  distances: Float[np.ndarray, " d"]
  chance: float
  replays: Sequence[Replay]
  checks: Sequence[Check]

  @property
  def verdict(self) -> Status:
    """Whether the data set is sound."""
    return verdict(self.checks)

  @property
  def caveat(self) -> str:
    """Words to append to the verdict where some check was not possible."""
    done = all(check.done for check in self.checks)
    return "" if done or self.damages else ", as far as could be checked"

  @property
  def damages(self) -> list[str]:
    """Place and kind of each damage."""
    return [damage for check in self.checks for damage in check.damages]


def inspect(
  dataset: Dataset, *, engine: Engine | None, sample: int, examples: int, seed: int = 0
) -> Inspection:
  """Reads all of a data set, and renders some of it again.

  Args:
    dataset: The data set to inspect.
    engine: The engine that it was rendered with; None renders nothing.
    sample: The number of random records to render again and compare.
    examples: The number of these whose sound is kept; at least as many are rendered.
    seed: The seed of the random choices.
  """
  recipe = dataset.recipe
  total = sum(map(len, dataset.sources.values()))
  shards = list(Plan(seed=recipe.seed, num_examples=total, shard_size=recipe.shard_size))
  found = record_checks.read(dataset, shards, seed=seed)
  ledgers, ledger = file_checks.read(dataset)
  files = file_checks.check_files(dataset, shards, ledgers, redrawn=found.redrawn)
  places = list(islice(_places(dataset, shards, found, seed), max(sample, examples)))
  replays: list[Replay] = []
  if engine is not None:
    workers = cores.available()
    replays = replay.replay(dataset, places, keep=examples, engine=engine, workers=workers)
  drawn = prior.draws(recipe.prior, recipe.space, count=_PRIOR_DRAWS, split=SPLITS[0])
  sizes = [path.stat().st_size for path in dataset.path.iterdir()]
  return Inspection(
    dataset=dataset,
    megabytes=sum(sizes) / 1e6,
    files=len(sizes),
    records=found,
    history=None if ledgers is None else file_checks.summarise(ledgers),
    prior=drawn,
    distances=_distances(found.controls, drawn),
    chance=_CHANCE * float(np.sqrt(1 / max(1, len(found.controls)) + 1 / len(drawn))),
    replays=replays,
    checks=(ledger, files, *found.checks, replay.check(replays, engine)),
  )


def _places(
  dataset: Dataset, shards: Sequence[Shard], found: RecordFindings, seed: int
) -> Iterator[Place]:
  """Yields the places of the readable records, in random order."""
  ends = np.cumsum([len(shard.indices) for shard in shards])
  for flat in np.random.default_rng(seed).permutation(ends[-1]):
    number = int(np.searchsorted(ends, flat, side="right"))
    shard = shards[number]
    offset = int(flat - ends[number]) + len(shard.indices)
    position = shard.number * dataset.recipe.shard_size + offset
    if (shard.split, position) not in found.unreadable:
      yield Place(split=shard.split, position=position, index=shard.indices[offset])


def _distances(
  data: Float[np.ndarray, "k d"], drawn: Float[np.ndarray, "m d"]
) -> Float[np.ndarray, " d"]:
  if not len(data):
    return np.full(drawn.shape[1], np.nan)
  pairs = zip(data.T, drawn.T, strict=True)
  return np.array([stats.ks_2samp(*pair, method="asymp")[0] for pair in pairs])
