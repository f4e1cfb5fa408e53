"""A finished data set that was damaged: found by the same build, and by whoever reads it."""

import shutil

import numpy as np
import pytest
from massive16 import massive16_dataset_builder as massive16

from synthmatch_jax import checksums
from synthmatch_jax.data import fit_statistics, pipeline
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation import ledger
from tests.inspection import edited

OPTIONS = {"name": "tiny", "num_examples": 20, "seconds": 0.3, "shard_size": 8, "n_mels": 16}


def build(data_dir):
  massive16.Builder(
    data_dir=data_dir, config=massive16.Massive16Config(**OPTIONS)
  ).download_and_prepare()
  return data_dir / "massive16" / "tiny" / "2.0.0"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
  data_dir = tmp_path_factory.mktemp("original")
  build(data_dir)
  return data_dir


@pytest.fixture
def data_dir(original, tmp_path):
  """A copy, whose shards are one file each with those of its store, as they were."""
  shutil.copytree(original, tmp_path / "data")
  folder = tmp_path / "data" / "massive16" / "tiny" / "2.0.0"
  sums = {checksums.sha256(p): p for p in (tmp_path / "data" / ".shards").rglob("*record")}
  for path in folder.glob("*record*"):
    twin = sums[checksums.sha256(path)]
    path.unlink()
    path.hardlink_to(twin)
  return tmp_path / "data"


def contents(folder):
  """Reads all files but the ledger, which has times, and the checksums, which have its."""
  names = (ledger.FILE, checksums.FILE)
  return {p.name: p.read_bytes() for p in folder.iterdir() if p.name not in names}


def shard(folder, split, number=0):
  (path,) = folder.glob(f"*-{split}.*-0000{number}-of-*")
  return path


def flip(folder):
  edited.flip(shard(folder, "train", 1), 0.5)


def swap(folder):
  one, other = shard(folder, "train", 0), shard(folder, "train", 1)
  one.rename(folder / "x")
  other.rename(one)
  (folder / "x").rename(other)


def truncate(folder):
  path = shard(folder, "test")
  data = path.read_bytes()
  path.unlink()  # Not the store's.
  path.write_bytes(data[: len(data) // 2])


HARMS = {
  "a flipped bit": flip,
  "a missing shard": lambda folder: shard(folder, "validation").unlink(),
  "an empty shard": lambda folder: shard(folder, "test").write_bytes(b""),
  "a truncated shard": truncate,
  "swapped shards": swap,
  "cut dataset_info.json": lambda folder: (folder / "dataset_info.json").write_text('{"name":'),
  "other dataset_info.json": lambda folder: (folder / "dataset_info.json").write_text(
    (folder / "dataset_info.json").read_text().replace('"8"', '"9"')
  ),
  "empty features.json": lambda folder: (folder / "features.json").write_text(""),
  "missing features.json": lambda folder: (folder / "features.json").unlink(),
  "cut metadata.json": lambda folder: (folder / "metadata.json").write_text("{"),
  "a damaged ledger": lambda folder: (folder / ledger.FILE).write_text("x"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_the_same_build_mends_it(original, data_dir, harm, capsys):
  folder = data_dir / "massive16" / "tiny" / "2.0.0"
  HARMS[harm](folder)
  if harm in ("swapped shards", "cut metadata.json", "a damaged ledger"):  # The store is gone, too.
    shutil.rmtree(data_dir / ".shards")
  build(data_dir)
  assert "the data set is put together anew" in capsys.readouterr().out
  assert contents(folder) == contents(original / "massive16" / "tiny" / "2.0.0")
  assert not checksums.damages(folder)
  build(data_dir)
  assert "anew" not in capsys.readouterr().out


def test_sound_shards_are_not_rendered_again_though_the_store_is_gone(data_dir, capsys):
  folder = data_dir / "massive16" / "tiny" / "2.0.0"
  shutil.rmtree(data_dir / ".shards")
  flip(folder)
  build(data_dir)
  assert "12 sounds are there already" in capsys.readouterr().out  # 20 less the damaged 8.


def test_one_of_an_earlier_version_is_sealed_and_mended_by_its_ledger(original, data_dir):
  folder = data_dir / "massive16" / "tiny" / "2.0.0"
  (folder / checksums.FILE).unlink()
  build(data_dir)
  assert not checksums.damages(folder)
  (folder / checksums.FILE).unlink()
  HARMS["a flipped bit"](folder)
  build(data_dir)
  assert contents(folder) == contents(original / "massive16" / "tiny" / "2.0.0")


def read_all(data_dir):
  """As training, validation and evaluation do."""
  dataset = pipeline.open_dataset("massive16/tiny", dir=data_dir)
  fit_statistics.compute(dataset)
  for split in dataset.sources:
    dataset.read(split)


@pytest.mark.parametrize(
  "harm", [h for h in HARMS if h not in ("swapped shards", "a damaged ledger")]
)
def test_whoever_reads_it_gets_a_sentence_with_the_cure(data_dir, harm):
  HARMS[harm](data_dir / "massive16" / "tiny" / "2.0.0")
  with pytest.raises(UserError, match=r"massive16/tiny/2\.0\.0.*tfds build.*given again, mends"):
    read_all(data_dir)


def test_the_sentence_names_record_and_file(data_dir):
  flip(data_dir / "massive16" / "tiny" / "2.0.0")
  dataset = pipeline.open_dataset("massive16/tiny", dir=data_dir)
  said = r"record (8|9|1\d) of the train split, in massive16-train\.array_record-00001-of-00002"
  with pytest.raises(UserError, match=said):
    list(pipeline.ordered_batches(dataset, "train", batch_size=4))
  batches = pipeline.training_batches(dataset, batch_size=4, seed=0)
  with pytest.raises(UserError, match=said):
    for _ in range(8):
      next(batches)


@pytest.mark.parametrize("key", ["mel", "controls"])
def test_numbers_that_are_not_finite_are_refused(data_dir, key):
  dataset = pipeline.open_dataset("massive16/tiny", dir=data_dir)
  value = edited.record(dataset, "train", 5, key)[key].copy()
  value.flat[3] = np.inf
  broken = edited.edit(dataset, "train", 5, **{key: value})
  said = rf"record 5 of the train split, in massive16-train\S+ .*its {key} is not finite"
  with pytest.raises(UserError, match=said):
    fit_statistics.compute(broken)
  batches = pipeline.training_batches(broken, batch_size=4, seed=0)
  with pytest.raises(UserError, match=said):
    for _ in range(8):
      next(batches)


def test_files_of_others_are_no_damage_and_outlive_a_mending(data_dir, capsys):
  folder = data_dir / "massive16" / "tiny" / "2.0.0"
  (folder / "notes.txt").write_text("mine")
  (folder / "plots").mkdir()
  (folder / "plots" / "a.png").write_text("mine, too")
  build(data_dir)
  assert "anew" not in capsys.readouterr().out
  flip(folder)
  build(data_dir)
  assert (folder / "notes.txt").read_text() == "mine"
  assert (folder / "plots" / "a.png").read_text() == "mine, too"
  assert [path.name for path in folder.parent.iterdir()] == ["2.0.0"]


def test_shards_of_unknown_options_are_not_taken_for_those_of_others(data_dir, tmp_path):
  folder = data_dir / "massive16" / "tiny" / "2.0.0"
  (folder / "metadata.json").write_text("{")
  other = massive16.Massive16Config(**OPTIONS | {"seed": 7})
  massive16.Builder(data_dir=data_dir, config=other).download_and_prepare()
  massive16.Builder(data_dir=tmp_path / "fresh", config=other).download_and_prepare()
  assert contents(folder) == contents(tmp_path / "fresh" / "massive16" / "tiny" / "2.0.0")
  assert (folder.parent / "damaged-2.0.0" / shard(folder, "test").name).exists()


def test_without_ledger_and_store_the_checksums_are_trusted(data_dir, capsys):
  folder = data_dir / "massive16" / "tiny" / "2.0.0"
  shutil.rmtree(data_dir / ".shards")
  HARMS["a damaged ledger"](folder)
  build(data_dir)
  assert "20 sounds are there already" in capsys.readouterr().out


def test_what_a_killed_build_has_put_aside_goes_and_what_is_of_others_stays(data_dir):
  folder = data_dir / "massive16" / "tiny" / "2.0.0"
  shutil.copytree(folder, folder.with_name("damaged-2.0.0-2"))
  unknown = folder.with_name("damaged-2.0.0")
  unknown.mkdir()
  (unknown / "metadata.json").write_text("{")
  flip(folder)
  build(data_dir)
  assert {path.name for path in folder.parent.iterdir()} == {"2.0.0", "damaged-2.0.0"}
