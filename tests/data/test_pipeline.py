import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow_datasets as tfds

from synthmatch_jax.data import fit_statistics, pipeline, statistics
from synthmatch_jax.data.batch import pad
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation.plan import SPLITS, Plan


@pytest.fixture(scope="module")
def dataset(tiny_dataset):
  return tiny_dataset.open()


@pytest.fixture(scope="module")
def records(tiny_dataset):
  """The same records as TFDS itself reads them."""
  folder = tiny_dataset.dir / "massive16" / "tiny" / "2.0.0"
  source = tfds.builder_from_directory(folder).as_data_source("train")
  return [source[i] for i in range(len(source))]


def key(controls):
  return np.asarray(controls, np.float32).tobytes()


def test_it_reads_what_tfds_reads(dataset, records):
  assert (dataset.name, dataset.version) == ("massive16/tiny", "2.0.0")
  assert dataset.num_examples("train") == 48
  keys = ("mel", "controls", "index", "attempts", "level_db", "read_back")
  batches = list(pipeline.ordered_batches(dataset, "train", batch_size=20, keys=keys))
  assert [len(b["mel"]) for b in batches] == [20, 20, 8]
  for name in keys:
    expected = np.array([r[name] for r in records])
    np.testing.assert_array_equal(np.concatenate([b[name] for b in batches]), expected)
  assert batches[0]["mel"].dtype == batches[0]["controls"].dtype == np.float32
  assert batches[0]["mel"].shape[1:] == (dataset.recipe.num_frames, dataset.recipe.mel.n_mels)


def test_splits_hold_the_records_of_the_plan(dataset):
  for split in SPLITS:
    (batch,) = pipeline.ordered_batches(dataset, split, batch_size=48, keys=("index",))
    expected = Plan(seed=dataset.recipe.seed, num_examples=60, shard_size=24).indices(split)
    np.testing.assert_array_equal(batch["index"], expected)


def test_every_record_comes_once_an_epoch_in_another_order(dataset, records):
  batches = pipeline.training_batches(dataset, batch_size=16, seed=3)
  epochs = [[key(c) for _ in range(3) for c in next(batches)["controls"]] for _ in range(3)]
  everything = Counter(key(r["controls"]) for r in records)
  assert all(Counter(epoch) == everything for epoch in epochs)
  assert epochs[0] != epochs[1] != epochs[2]


def test_batches_go_over_the_end_of_an_epoch(dataset, records):
  batches = pipeline.training_batches(dataset, batch_size=20, seed=0)
  seen = Counter(key(c) for _ in range(12) for c in next(batches)["controls"])
  assert set(seen.values()) == {5}  # 240 = 5 x 48
  assert len(seen) == len(records)


def test_mel_and_controls_stay_together(dataset, records):
  mels = {key(r["controls"]): r["mel"] for r in records}
  batch = next(pipeline.training_batches(dataset, batch_size=16, seed=1))
  for mel, controls in zip(batch["mel"], batch["controls"], strict=True):
    np.testing.assert_array_equal(mel, mels[key(controls)])


def test_the_order_follows_the_seed(dataset):
  one, same, other = (
    next(pipeline.training_batches(dataset, batch_size=16, seed=seed))["controls"]
    for seed in (0, 0, 1)
  )
  np.testing.assert_array_equal(one, same)
  assert not np.array_equal(one, other)


def test_it_begins_with_any_batch_in_the_middle_of_an_epoch_too(dataset):
  batches = pipeline.training_batches(dataset, batch_size=20, seed=0)
  for _ in range(4):
    next(batches)
  later = pipeline.training_batches(dataset, batch_size=20, seed=0, start=4)
  for _ in range(5):
    jax.tree.map(np.testing.assert_array_equal, next(later), next(batches))


def test_parts_of_processes_are_the_batches_of_one(dataset):
  whole = pipeline.training_batches(dataset, batch_size=12, seed=0, start=3)
  parts = [
    pipeline.training_batches(dataset, batch_size=12, seed=0, start=3, part=(i, 3))
    for i in range(3)
  ]
  for _ in range(6):
    together = [np.concatenate(p) for p in zip(*[next(q).values() for q in parts], strict=True)]
    jax.tree.map(np.testing.assert_array_equal, together, list(next(whole).values()))


def test_the_first_records_alone(dataset):
  first = dataset.with_first(20)
  assert (first.num_examples("train"), first.num_examples("test")) == (20, 6)
  (batch,) = pipeline.ordered_batches(first, "train", batch_size=48)
  (whole,) = pipeline.ordered_batches(dataset, "train", batch_size=48)
  np.testing.assert_array_equal(batch["controls"], whole["controls"][:20])
  shuffled = next(pipeline.training_batches(first, batch_size=20, seed=0))["controls"]
  assert {key(c) for c in shuffled} == {key(c) for c in batch["controls"]}
  with pytest.raises(UserError, match=r"has 48 training sounds, not 49; lower data\.train"):
    dataset.with_first(49)


@pytest.mark.slow
def test_processes_that_read_change_no_batch(tiny_dataset, tmp_path):
  program = tmp_path / "program.py"
  program.write_text(f"""
import jax, numpy
from absl import app
from synthmatch_jax.data import pipeline

def main(_):
  dataset = pipeline.open_dataset({tiny_dataset.name!r}, dir={str(tiny_dataset.dir)!r})
  one, two = (
    pipeline.training_batches(dataset, batch_size=20, seed=0, start=3, workers=w) for w in (0, 2)
  )
  for _ in range(10):
    jax.tree.map(numpy.testing.assert_array_equal, next(two), next(one))

if __name__ == "__main__":
  app.run(main)
""")
  subprocess.run([sys.executable, str(program)], check=True, cwd=Path(__file__).parents[2])


def test_a_split_is_read_in_order(dataset, records):
  mel, controls = dataset.read("train")
  np.testing.assert_array_equal(mel, [r["mel"] for r in records])
  assert len(dataset.read("test", limit=4)[0]) == 4
  assert len(dataset.read("test", limit=1000)[0]) == 6
  batches = list(pipeline.ordered_batches(dataset, "train", batch_size=30))
  assert [len(b["mel"]) for b in batches] == [30, 18]
  np.testing.assert_array_equal(np.concatenate([b["controls"] for b in batches]), controls)


def test_padding_is_masked():
  batch = {"mel": np.ones((3, 2, 2), np.float32), "controls": np.ones((3, 4), np.float32)}
  padded, mask = pad(batch, 5)
  assert padded["mel"].shape == (5, 2, 2)
  assert mask.tolist() == [True] * 3 + [False] * 2
  assert padded["controls"].sum() == 12


def test_statistics_equal_numpy_over_the_split(dataset, records):
  mel = np.array([r["mel"] for r in records], np.float64)
  found = fit_statistics.compute(dataset)
  assert found.mel_mean == pytest.approx(mel.mean(), rel=1e-9)
  assert found.mel_std == pytest.approx(mel.std(), rel=1e-9)
  np.testing.assert_allclose(
    found.controls_mean, np.mean([r["controls"] for r in records], axis=0), rtol=1e-6
  )
  assert found.level_db == pytest.approx(np.median([r["level_db"] for r in records]))
  assert found.num_examples == 48
  normal = np.asarray(found.normalise(jnp.asarray(mel, jnp.float32)))
  assert normal.mean() == pytest.approx(0, abs=1e-5)
  assert normal.std() == pytest.approx(1, abs=1e-5)
  again = statistics.Statistics.from_dict(json.loads(json.dumps(found.to_dict())))
  assert again.to_dict() == found.to_dict()


def test_statistics_of_a_large_split_come_from_a_sample(dataset):
  one, same, other = (
    fit_statistics.compute(dataset, max_examples=20, seed=seed) for seed in (0, 0, 1)
  )
  assert one.num_examples == 20
  assert one.to_dict() == same.to_dict() != other.to_dict()


def test_a_missing_data_set_is_named_with_what_is_there(tiny_dataset, tmp_path):
  with pytest.raises(
    UserError, match=r"massive16/nope in .*massive16/tiny/2\.0\.0.*synthmatch build"
  ):
    pipeline.open_dataset("massive16/nope", dir=tiny_dataset.dir)
  with pytest.raises(UserError, match=r"massive16/tiny/9\.0\.0"):
    pipeline.open_dataset("massive16/tiny/9.0.0", dir=tiny_dataset.dir)
  with pytest.raises(UserError, match="none at all"):
    pipeline.open_dataset("massive16/tiny", dir=tmp_path)
  with pytest.raises(UserError, match="form massive16/NAME"):
    pipeline.open_dataset("tiny", dir=tiny_dataset.dir)


def test_the_newest_whole_version_is_taken(tiny_dataset, tmp_path):
  folder = tmp_path / "massive16" / "tiny"
  for version in ("1.9.0", "1.10.0"):
    shutil.copytree(tiny_dataset.dir / "massive16" / "tiny" / "2.0.0", folder / version)
  (folder / "2.0.0").mkdir()  # A build that has not ended.
  assert pipeline.open_dataset("massive16/tiny", dir=tmp_path).version == "1.10.0"
  assert pipeline.open_dataset("massive16/tiny/1.9.0", dir=tmp_path).version == "1.9.0"


def test_a_data_set_of_others_is_refused(tiny_dataset, tmp_path):
  folder = tmp_path / "massive16" / "tiny" / "2.0.0"
  shutil.copytree(tiny_dataset.dir / "massive16" / "tiny" / "2.0.0", folder)
  (folder / "metadata.json").unlink()
  (folder / "SHA256SUMS").unlink()
  with pytest.raises(UserError, match="no recipe"):
    pipeline.open_dataset("massive16/tiny", dir=tmp_path)


def test_no_code_of_a_data_set_runs(tiny_dataset, tmp_path, monkeypatch):
  """TFDS would import it: the folder is where a program begins to look for modules."""
  folder = tmp_path / "massive16" / "tiny" / "2.0.0"
  shutil.copytree(tiny_dataset.dir / "massive16" / "tiny" / "2.0.0", folder)
  (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
  path = folder / "features.json"
  path.write_text(
    path.read_text().replace("tensorflow_datasets.core.features.tensor_feature.Tensor", "evil.X", 1)
  )
  assert "evil.X" in path.read_text()
  monkeypatch.syspath_prepend(tmp_path)
  with pytest.raises(UserError, match=r"asks for the class evil\.X in features\.json"):
    pipeline.open_dataset("massive16/tiny", dir=tmp_path)
  assert not (tmp_path / "ran").exists()


@pytest.fixture
def copied(tiny_dataset, tmp_path):
  """The folder of a copy of the tiny data set."""
  folder = tmp_path / "massive16" / "tiny" / "2.0.0"
  return shutil.copytree(tiny_dataset.dir / "massive16" / "tiny" / "2.0.0", folder)


def change(path, old, new):
  text = path.read_text()
  assert old in text
  path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
  ("name", "old", "new"),
  [
    ("metadata.json", '"pitch": 60', '"pitch": 61'),
    ("features.json", "float32", "int32"),
    ("dataset_info.json", "massive16", "massive17"),
  ],
)
def test_a_changed_description_is_seen(copied, tmp_path, name, old, new):
  change(copied / name, old, new)
  with pytest.raises(UserError, match=rf"{name} is not what was written; the `tfds build` command"):
    pipeline.open_dataset("massive16/tiny", dir=tmp_path)


@pytest.mark.parametrize(
  ("name", "old", "new", "said"),
  [
    ("features.json", "float32", "int32", "agree with its recipe: .* the type float32"),
    ("metadata.json", '"n_mels": 64', '"n_mels": 65', "agree with its recipe: mel must be of the"),
    ("dataset_info.json", '"validation"', '"dev"', "no validation split"),
  ],
)
def test_parts_that_do_not_agree_are_refused(copied, tmp_path, name, old, new, said):
  (copied / "SHA256SUMS").unlink()  # As of an earlier version, or of a stranger.
  change(copied / name, old, new)
  for path in copied.glob("*-validation.*") if new == '"dev"' else ():
    path.rename(path.with_name(path.name.replace("-validation.", "-dev.")))
  with pytest.raises(UserError, match=said):
    pipeline.open_dataset("massive16/tiny", dir=tmp_path)


@pytest.mark.parametrize("name", ["metadata.json", "dataset_info.json", "features.json", "shard"])
def test_a_pipe_is_not_waited_for(copied, tmp_path, name):
  path = next(copied.glob("*-test.*")) if name == "shard" else copied / name
  path.unlink()
  os.mkfifo(path)
  with pytest.raises(UserError, match=f"{path.name} is (no regular file|missing or is no file)"):
    pipeline.open_dataset("massive16/tiny", dir=tmp_path)
