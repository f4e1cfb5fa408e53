"""Which record goes where: splits by seed and index, shards by split."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Int

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

# 80/10/10, the paper's split (section 3.2.1), exact in every ten records in a row.
_TEN: tuple[Split, ...] = ("train",) * 8 + ("validation", "test")

# Keeps the random numbers of splits and of patches apart.
_SPLIT_STREAM = 1


@dataclass(frozen=True, kw_only=True)
class Shard:
  """Records of one split that are rendered in a row and stored in one file.

  Attributes:
    split: the split that all of them belong to.
    number: of the shard within its split, from 0.
    indices: of the records, ascending.
  """

  split: Split
  number: int
  indices: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
  """Every shard of a data set; iterates over them, split by split.

  A record's split is a function of seed and index alone, so growing a data set moves none, and
  keeps every full shard.

  Attributes:
    seed: of the splits.
    num_examples: in the three splits together.
    shard_size: records in a shard; the last one of a split may have less.
  """

  seed: int
  num_examples: int
  shard_size: int

  def indices(self, split: Split, start: int = 0, stop: int | None = None) -> Int[np.ndarray, " i"]:
    """Indices of a split's records, ascending: all, or those from position `start` to `stop`."""
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
    """Shards of a split."""
    in_whole_tens = self.num_examples // 10 * _TEN.count(split)
    count = in_whole_tens + self.indices(split, start=in_whole_tens).size
    return -(-count // self.shard_size)

  def shard(self, split: Split, number: int) -> Shard:
    """A shard, without a look at the others."""
    start = number * self.shard_size
    indices = self.indices(split, start, start + self.shard_size)
    return Shard(split=split, number=number, indices=tuple(indices.tolist()))

  def __iter__(self) -> Iterator[Shard]:
    for split in SPLITS:
      for number in range(self.num_shards(split)):
        yield self.shard(split, number)


def _permutation(seed: int, ten: int) -> np.ndarray:
  sequence = np.random.SeedSequence(seed, spawn_key=(_SPLIT_STREAM, ten))
  return np.random.default_rng(sequence).permutation(len(_TEN))
