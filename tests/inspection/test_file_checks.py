"""Files and ledgers: what they tell, and what is found wrong with them."""

import dataclasses

import numpy as np
import pytest

from synthmatch_jax.generation import ledger
from synthmatch_jax.generation.plan import Plan
from synthmatch_jax.generation.record import Rejection
from synthmatch_jax.inspection import file_checks
from tests.inspection import edited


@pytest.fixture
def dataset(tiny_dataset, tmp_path):
  return edited.copy(tiny_dataset, tmp_path)


def check(dataset, ledgers="own", redrawn=None):
  known = file_checks.read(dataset)[0] if ledgers == "own" else ledgers
  plan = list(Plan(seed=dataset.recipe.seed, num_examples=60, shard_size=24))
  return file_checks.check_files(dataset, plan, known, redrawn=redrawn or {})


def file(dataset, split, number):
  (path,) = dataset.path.glob(f"*-{split}.*-{number:05d}-of-*")
  return path


def test_a_data_set_as_it_was_built_is_sound(dataset):
  known, read = file_checks.read(dataset)
  assert len(known) == 4
  assert read.status == check(dataset).status == "sound"
  assert "4 of 4" in check(dataset).finding


@pytest.mark.parametrize("place", [0.0, 0.5, 0.999])
def test_one_byte_is_enough(dataset, place):
  edited.flip(file(dataset, "train", 1), place)
  (damage,) = check(dataset).damages
  assert damage.startswith("train shard 1: the checksum of massive16-train.array_record-00001-of-")


def test_a_missing_file_and_a_strange_one_are_named(dataset):
  path = file(dataset, "test", 0)
  path.rename(path.with_name("massive16-test.array_record-00007-of-00008"))
  assert check(dataset).damages == (
    "massive16-test.array_record-00007-of-00008 belongs to no shard",
    "test shard 0: the file is missing",
  )


def test_without_a_ledger_checksums_are_unknown_and_files_are_still_missed(dataset):
  (dataset.path / ledger.FILE).unlink()
  known, read = file_checks.read(dataset)
  assert known is None
  assert read.status == "unknown"
  assert check(dataset).status == "unknown"
  file(dataset, "validation", 0).unlink()
  assert check(dataset).damages == ("validation shard 0: the file is missing",)


def test_a_damaged_ledger_is_damage(dataset):
  path = dataset.path / ledger.FILE
  path.write_text(path.read_text()[:-40])
  known, read = file_checks.read(dataset)
  assert known is None
  assert read.status == "damaged"
  assert ledger.FILE in read.damages[0]


def test_ledgers_of_other_records_are_found(dataset):
  known, _ = file_checks.read(dataset)
  (damage,) = check(dataset, known[1:]).damages
  assert damage == "train shard 0: the ledger does not know it"
  (damage,) = check(dataset, known, redrawn={("test", 0): 99}).damages
  assert damage == (
    f"test shard 0: 99 patches were drawn again, the ledger has {len(known[-1].rejections)}"
  )


def test_ledgers_are_summed_up():
  quiet = Rejection(index=1, attempt=1, reason="-71.3 LUFS", failed=False)
  failed = Rejection(index=2, attempt=1, reason="the sound is not finite", failed=True)
  common = {"split": "train", "sha256": ""}
  ledgers = [
    ledger.Ledger(number=0, records=10, seconds=20.0, rejections=(quiet, failed), **common),
    ledger.Ledger(number=1, records=5, seconds=16.0, rejections=(quiet,), **common),
  ]
  ledgers.append(dataclasses.replace(ledgers[1], number=2, seconds=None, rejections=()))
  found = file_checks.summarise(ledgers)
  assert found.rejected == {"too quiet": 2, "the sound is not finite": 1}
  np.testing.assert_allclose(found.seconds, [2.0, 3.2])
  assert found.hours == pytest.approx(0.01)
  assert found.unmeasured == 1
