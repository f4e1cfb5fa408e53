from collections import Counter

import numpy as np
import pytest

from synthmatch_jax.generation.plan import SPLITS, Plan, split_of


def plan(num_examples):
  return Plan(seed=0, num_examples=num_examples, shard_size=64)


def test_splits_are_80_10_10_and_hold_every_record_once():
  parts = {s: Plan(seed=3, num_examples=1000, shard_size=64).indices(s) for s in SPLITS}
  assert {s: len(p) for s, p in parts.items()} == {"train": 800, "validation": 100, "test": 100}
  assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(1000))


def test_growing_moves_no_record_to_another_split():
  for split in SPLITS:
    small = plan(123).indices(split)
    large = plan(4567).indices(split)
    assert np.array_equal(large[: len(small)], small)


def test_seeds_split_differently():
  one, two = (Plan(seed=s, num_examples=1000, shard_size=64).indices("test") for s in (0, 1))
  assert not np.array_equal(one, two)


def test_shards_cut_each_split_in_order():
  planned = list(plan(1000))
  assert Counter(s.split for s in planned) == {"train": 13, "validation": 2, "test": 2}
  for split in SPLITS:
    own = [s for s in planned if s.split == split]
    assert [s.number for s in own] == list(range(len(own)))
    assert all(len(s.indices) == 64 for s in own[:-1])
    joined = np.concatenate([s.indices for s in own])
    assert np.array_equal(joined, plan(1000).indices(split))


def test_growing_keeps_every_full_shard():
  small = set(plan(1000))
  large = set(plan(3000))
  assert all(s in large for s in small if len(s.indices) == 64)


@pytest.mark.parametrize("num_examples", [1, 9, 10, 64, 1234, 5120])
def test_a_shard_is_found_without_the_others(num_examples):
  shards = list(plan(num_examples))
  assert sorted(i for shard in shards for i in shard.indices) == list(range(num_examples))
  for shard in shards:
    assert plan(num_examples).shard(shard.split, shard.number) == shard
    assert len(shard.indices) > 0


def test_the_split_of_a_record_is_known_without_the_plan():
  for split in SPLITS:
    indices = Plan(seed=3, num_examples=200, shard_size=64).indices(split)
    assert {split_of(3, int(index)) for index in indices} == {split}
