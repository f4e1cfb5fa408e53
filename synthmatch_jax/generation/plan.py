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


def split_indices(split: Split, *, seed: int, num_examples: int) -> Int[np.ndarray, " i"]:
  """Indices of the records of a split, ascending.

  A record's split is a function of seed and index alone: growing a data set moves none.
  """
  positions = np.flatnonzero(np.array(_TEN) == split)
  blocks = [
    10 * block + np.sort(_permutation(seed, block)[positions])
    for block in range(-(-num_examples // 10))
  ]
  indices = np.concatenate(blocks) if blocks else np.zeros(0, np.int64)
  return indices[indices < num_examples]


def shards(*, seed: int, num_examples: int, shard_size: int) -> Iterator[Shard]:
  """Every shard of a data set, split by split; all but a split's last are full."""
  for split in SPLITS:
    indices = split_indices(split, seed=seed, num_examples=num_examples).tolist()
    for number, start in enumerate(range(0, len(indices), shard_size)):
      chosen = tuple(indices[start : start + shard_size])
      yield Shard(split=split, number=number, indices=chosen)


def _permutation(seed: int, block: int) -> np.ndarray:
  sequence = np.random.SeedSequence(seed, spawn_key=(_SPLIT_STREAM, block))
  return np.random.default_rng(sequence).permutation(len(_TEN))
