"""What is read from all records, and what is found wrong with them."""

import sys

import numpy as np
import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.generation import ledger
from synthmatch_jax.generation.plan import Plan
from synthmatch_jax.inspection import record_checks
from tests.inspection import edited


@pytest.fixture(scope="module")
def dataset(tiny_dataset):
  return tiny_dataset.open()


def read(dataset):
  recipe = dataset.recipe
  return record_checks.read(
    dataset, list(Plan(seed=recipe.seed, num_examples=60, shard_size=24)), seed=0
  )


def damages(dataset):
  return [damage for check in read(dataset).checks for damage in check.damages]


def test_it_tells_what_the_records_hold(dataset):
  found = read(dataset)
  records = [
    dataset.decode(record, ("controls", "read_back", "level_db", "attempts"))
    for split in ("train", "validation", "test")
    for record in dataset.sources[split]
  ]
  columns = {key: np.stack([r[key] for r in records]) for key in records[0]}
  np.testing.assert_array_equal(found.controls, columns["controls"])
  np.testing.assert_array_equal(found.level_db, columns["level_db"])
  np.testing.assert_array_equal(found.attempts, columns["attempts"])
  deviation = np.abs(columns["controls"] - columns["read_back"]).max(0)
  np.testing.assert_array_equal(found.deviation, deviation)
  assert not found.unreadable
  assert [check.status for check in found.checks] == ["sound", "sound"]


def test_draws_agree_with_the_ledger(dataset):
  known = {(s.split, s.number): len(s.rejections) for s in ledger.read_all(dataset.path)}
  assert len(known) == 4
  assert read(dataset).redrawn == known


def test_of_many_records_a_sample_of_controls_is_kept(dataset, monkeypatch):
  monkeypatch.setattr(record_checks, "MAX_CONTROLS", 10)
  one, two = read(dataset), read(dataset)
  assert one.controls.shape == (10, 16)
  assert one.level_db.size == 60
  np.testing.assert_array_equal(one.controls, two.controls)


@pytest.mark.parametrize(
  ("changes", "says"),
  [
    (
      {"controls": np.full(16, 0.5)},
      "controls or notes other than those that seed, index and draw give",
    ),
    ({"controls": np.full(16, np.nan)}, "controls outside of 0 to 1"),
    ({"attempts": 7}, "controls or notes other than those that seed, index and draw give"),
    ({"attempts": -1}, "an impossible number of draws"),
    ({"level_db": -61.0}, "below the loudness threshold"),
    ({"level_db": np.nan}, "below the loudness threshold"),
    ({"mel": np.full((22, 64), np.inf)}, "spectrograms with NaN or infinity"),
    ({"mel": np.zeros((21, 64))}, "cannot be read"),
  ],
  ids=lambda value: next(iter(value)) if isinstance(value, dict) else value.split()[-1],
)
def test_a_wrong_value_is_found(dataset, changes, says):
  damage, *consequences = damages(edited.edit(dataset, "train", 30, **changes))
  index = int(edited.record(dataset, "train", 30, "index")["index"])
  assert damage.startswith("train shard 1: 1 of 24 records")
  assert says in damage
  assert damage.endswith(f"first record {index}")
  missing = [f"1 of 60 indices are missing, first {index}"]
  assert consequences == (missing if says == "cannot be read" else [])


def test_a_record_twice_is_found(dataset):
  train = list(dataset.sources["train"])
  index = [int(dataset.decode(train[i], ("index",))["index"]) for i in (3, 4)]
  twice = edited.replace(dataset, train=[*train[:4], train[3], *train[5:]])
  first, *others = damages(twice)
  assert (
    first
    == f"train shard 0: 1 of 24 records are not the ones that belong there, first record {index[1]}"
  )
  assert others[0] == f"1 of 60 indices are missing, first {index[1]}"
  assert others[1] == f"1 of 60 indices are there more than once, first {index[0]}"


def test_records_in_another_split_are_found(dataset):
  swapped = edited.replace(
    dataset, validation=dataset.sources["test"], test=dataset.sources["validation"]
  )
  found = damages(swapped)
  assert [d.split(":")[0] for d in found[:2]] == ["validation shard 0", "test shard 0"]
  assert all("6 of 6 records are not the ones that belong there" in d for d in found[:2])


def test_nothing_that_can_be_read_is_no_crash(dataset):
  none = edited.replace(
    dataset, **{split: [b"\xff"] * len(s) for split, s in dataset.sources.items()}
  )
  found = read(none)
  assert len(found.unreadable) == 60
  assert found.level_db.size == 0
  assert found.redrawn == {}


@pytest.mark.skipif(sys.platform == "win32", reason="knows no such limit")
def test_too_many_files_are_no_damage(tiny_dataset):
  import resource

  limits = resource.getrlimit(resource.RLIMIT_NOFILE)
  fresh = tiny_dataset.open()  # None of its files is open yet.
  resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
  try:
    with pytest.raises(UserError, match="more files than may be open"):
      read(fresh)
  finally:
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
