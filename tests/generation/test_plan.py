from collections import Counter

import numpy as np

from synthmatch_jax.generation.plan import SPLITS, shards, split_indices


def test_splits_are_80_10_10_and_hold_every_record_once():
  parts = {s: split_indices(s, seed=3, num_examples=1000) for s in SPLITS}
  assert {s: len(p) for s, p in parts.items()} == {"train": 800, "validation": 100, "test": 100}
  assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(1000))


def test_growing_moves_no_record_to_another_split():
  for split in SPLITS:
    small = split_indices(split, seed=0, num_examples=123)
    large = split_indices(split, seed=0, num_examples=4567)
    assert np.array_equal(large[: len(small)], small)


def test_seeds_split_differently():
  one, two = (split_indices("test", seed=s, num_examples=1000) for s in (0, 1))
  assert not np.array_equal(one, two)


def test_shards_cut_each_split_in_order():
  planned = list(shards(seed=0, num_examples=1000, shard_size=64))
  assert Counter(s.split for s in planned) == {"train": 13, "validation": 2, "test": 2}
  for split in SPLITS:
    own = [s for s in planned if s.split == split]
    assert [s.number for s in own] == list(range(len(own)))
    assert all(len(s.indices) == 64 for s in own[:-1])
    joined = np.concatenate([s.indices for s in own])
    assert np.array_equal(joined, split_indices(split, seed=0, num_examples=1000))


def test_growing_keeps_every_full_shard():
  small = set(shards(seed=0, num_examples=1000, shard_size=64))
  large = set(shards(seed=0, num_examples=3000, shard_size=64))
  assert all(s in large for s in small if len(s.indices) == 64)
