"""What is computed from everything that was read."""

import numpy as np
import pytest

from synthmatch_jax.generation.plan import Plan
from synthmatch_jax.inspection import dataset_report, inspect
from synthmatch_jax.inspection.check import Check, verdict
from synthmatch_jax.inspection.record_checks import read
from tests.inspection import edited


def test_the_distance_is_that_of_the_cumulative_distributions():
  data = np.linspace(0, 1, 5001)[:, None]
  # Of x and its square, both uniform in rank: max over x of sqrt(x) - x, at x = 1/4.
  assert inspect._distances(data, data**2)[0] == pytest.approx(0.25, abs=1e-3)
  assert inspect._distances(data, data)[0] == 0
  assert np.isnan(inspect._distances(data[:0], data)[0])


def test_every_record_that_can_be_read_has_one_place(tiny_dataset):
  dataset = tiny_dataset.open()
  records = list(dataset.sources["train"])
  records[30] = b"\xff"
  broken = edited.replace(dataset, train=records)
  plan = Plan(seed=0, num_examples=60, shard_size=24)
  shards = list(plan)
  places = list(inspect._places(broken, shards, read(broken, shards, seed=0), seed=1))
  assert len(places) == 59
  assert len(set(places)) == 59
  for place in places:
    stored = edited.record(broken, place.split, place.position, "index")
    assert stored["index"] == place.index == plan.indices(place.split)[place.position]
  assert [p.index for p in places] != sorted(p.index for p in places)


def test_damage_outweighs_what_could_not_be_looked_at():
  sound, damaged = Check(name="a", finding=""), Check(name="b", finding="", damages=("gone",))
  unknown = Check(name="c", finding="", done=False)
  assert verdict([sound, unknown, damaged]) == "damaged"
  assert verdict([sound, unknown]) == "sound"
  assert verdict([unknown]) == "unknown"


def test_many_draws_are_counted_together():
  rows = dataset_report._attempts(np.array([1, 1, 1, 2, 5, 6, 100]))
  assert rows == [("1", 3), ("2", 1), ("3", 0), ("4", 0), ("5", 1), ("6 or more", 2)]
