"""Plans which record goes where: into a split by seed and index, into a shard by split."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Int

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

# The paper's split is 80/10/10 (section 3.2.1); here it is exact in every ten records in a row.
_TEN: tuple[Split, ...] = ("train",) * 8 + ("validation", "test")

# Keeps the random numbers of splits and of patches apart.
_SPLIT_STREAM = 1


@dataclass(frozen=True, kw_only=True)
class Shard:
  """Records of one split that are rendered in a row and stored in one file.

  Attributes:
    split: The split that all of them belong to.
    number: The number of the shard within its split, from 0.
    indices: The indices of the records, ascending.
  """

  split: Split
  number: int
  indices: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
  """The shards of a data set; iterating gives them split by split.

  A record's split is a function of seed and index alone, so a data set can grow without moving a
  record to another split, and keeps every full shard.

  Attributes:
    seed: The seed of the splits.
    num_examples: The number of records in the three splits together.
    shard_size: The number of records in a shard; the last one of a split may have fewer.
  """

  seed: int
  num_examples: int
  shard_size: int

  def indices(self, split: Split, start: int = 0, stop: int | None = None) -> Int[np.ndarray, " i"]:
    """Returns the indices of a split's records from position `start` to `stop`, ascending."""
    positions = np.flatnonzero(np.array(_TEN) == split)
    tens = -(-self.num_examples // 10)
    last = tens if stop is None else min(tens, -(-stop // positions.size))
    first = min(last, start // positions.size)
    found = [
      10 * ten + np.sort(_permutation(self.seed, ten)[positions]) for ten in range(first, last)
    ]
    indices = np.concatenate([np.zeros(0, np.int64), *found])
    skipped = first * positions.size
    chosen = indices[start - skipped : None if stop is None else stop - skipped]
    return chosen[chosen < self.num_examples]

  def num_shards(self, split: Split) -> int:
    """Returns the number of shards of a split."""
    in_whole_tens = self.num_examples // 10 * _TEN.count(split)
    count = in_whole_tens + self.indices(split, start=in_whole_tens).size
    return -(-count // self.shard_size)

  def shard(self, split: Split, number: int) -> Shard:
    """Returns a shard without computing the others."""
    start = number * self.shard_size
    indices = self.indices(split, start, start + self.shard_size)
    return Shard(split=split, number=number, indices=tuple(indices.tolist()))

  def __iter__(self) -> Iterator[Shard]:
    for split in SPLITS:
      for number in range(self.num_shards(split)):
        yield self.shard(split, number)


def split_of(seed: int, index: int) -> Split:
  """Returns the split that a record belongs to."""
  ten, place = divmod(index, len(_TEN))
  return _TEN[int(np.flatnonzero(_permutation(seed, ten) == place)[0])]


def _permutation(seed: int, ten: int) -> np.ndarray:
  sequence = np.random.SeedSequence(seed, spawn_key=(_SPLIT_STREAM, ten))
  return np.random.default_rng(sequence).permutation(len(_TEN))
