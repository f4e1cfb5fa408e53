"""The stock tfds command on our builder."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from synthmatch_jax.data import pipeline
from synthmatch_jax.generation import record
from synthmatch_jax.generation.ledger import read_all
from synthmatch_jax.spaces import prior

DATASET = Path(__file__).parents[2] / "datasets" / "massive16"
TFDS = Path(sys.executable).parent / "tfds"


def command(data_dir, **config):
  return [TFDS, "build", DATASET, f"--data_dir={data_dir}", f"--config={json.dumps(config)}"]


def build(data_dir, **config):
  return subprocess.run(command(data_dir, **config), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
  data_dir = tmp_path_factory.mktemp("data")
  options = {"num_examples": 30, "seconds": 0.5, "seed": 5, "pitch": 48, "prior": "uniform"}
  options |= {"n_mels": 32}
  done = build(data_dir, name="mine", workers=2, shard_size=8, **options)
  assert done.returncode == 0, done.stderr
  return done, pipeline.open_dataset("massive16/mine", dir=data_dir)


def test_options_are_followed_and_recorded(built):
  _, dataset = built
  assert dataset.version == "2.0.0"
  assert [dataset.num_examples(s) for s in ("train", "validation", "test")] == [24, 3, 3]
  assert dataset.recipe.prior == prior.load("uniform", dataset.recipe.space)
  assert dataset.recipe.note.pitch == 48
  assert dataset.recipe.engine == "vital"
  assert (dataset.recipe.seed, dataset.recipe.shard_size) == (5, 8)


def test_records_are_what_their_index_says(built):
  _, dataset = built
  seen = set()
  keys = ("controls", "index", "attempts", "level_db", "read_back", "mel")
  for source in dataset.sources.values():
    for i in range(len(source)):
      one = dataset.decode(source[i], keys)
      drawn = record.draw(dataset.recipe, int(one["index"]), int(one["attempts"])).controls
      np.testing.assert_array_equal(one["controls"], drawn)
      assert one["level_db"] >= -60
      np.testing.assert_allclose(one["read_back"], one["controls"], rtol=0, atol=1e-6)
      assert one["mel"].shape == (11, 32)
      seen.add(int(one["index"]))
  assert seen == set(range(30))


def test_progress_shows_rate_and_remaining_time(built):
  done, _ = built
  assert "30/30" in done.stderr
  assert "sound/s" in done.stderr


@pytest.mark.parametrize(
  ("options", "says"),
  [
    ({"num_exampels": 20}, "unknown option num_exampels"),
    ({"engine": "vitl"}, "unknown engine 'vitl'; known: dexed, massive, vital"),
    ({"prior": "factory"}, "known: uniform, presets"),
    ({"pitch": 200}, "pitch in --config is a whole number from 0 to 127, not 200"),
    ({"num_examples": 3}, "num_examples in --config is a whole number from 10 to"),
    ({"num_examples": "1000"}, "num_examples in --config is a whole number .* not '1000'"),
    ({"seed": -1}, "seed in --config is a whole number from 0 to"),
    ({"seconds": 0}, "seconds in --config is a number from 0.1 to 60"),
    ({"seconds": float("nan")}, "seconds in --config is a number from 0.1 to 60"),
    ({"note_seconds": float("inf")}, "note_seconds in --config is a number from 1e-06 to 60"),
    ({"seed": True}, "seed in --config is a whole number from 0 to"),
    ({"threshold_db": "loud"}, "threshold_db in --config is a number"),
    ({"engine": 3}, "engine must be a text"),
    ({"name": "a/b"}, "name must be letters, digits"),
    ({"name": ""}, "name must be letters, digits"),
  ],
)
def test_a_mistake_gets_one_sentence(options, says, tmp_path):
  from massive16 import massive16_dataset_builder as massive16

  from synthmatch_jax.errors import UserError

  with pytest.raises(UserError, match=says):
    massive16.Massive16Config(**{"name": "x"} | options).recipe.digest()


def test_a_name_stands_for_its_options(built):
  from massive16 import massive16_dataset_builder as massive16

  from synthmatch_jax.errors import UserError

  _, dataset = built
  data_dir = dataset.path.parents[2]
  config = massive16.Massive16Config(name="mine", num_examples=30, seconds=0.5)
  with pytest.raises(UserError, match="built with other options; take another name"):
    massive16.Builder(data_dir=data_dir, config=config).download_and_prepare()


def test_data_sets_grow_and_live_side_by_side(built):
  from massive16 import massive16_dataset_builder as massive16

  _, small = built
  data_dir = small.path.parents[2]

  def make(name, **options):
    same = {"seconds": 0.5, "seed": 5, "shard_size": 8, "n_mels": 32}
    config = massive16.Massive16Config(name=name, **same, **options)
    massive16.Builder(data_dir=data_dir, config=config).download_and_prepare()
    return pipeline.open_dataset(f"massive16/{name}", dir=data_dir)

  grown = make("grown", num_examples=60, pitch=48, prior="uniform")
  (folder,) = (data_dir / ".shards" / "massive16").iterdir()
  linked = [p for p in folder.glob("*.array_record") if p.stat().st_nlink == 3]
  assert len(linked) == 3  # Whole shards of "train" are in both data sets.
  for split in small.sources:
    found = list(small.sources[split])
    assert list(grown.sources[split])[: len(found)] == found
  other = make("other", num_examples=20, pitch=60, prior="presets")
  assert len(list(folder.parent.iterdir())) == 2
  assert other.recipe.note.pitch == 60
  assert other.sources["test"][0] != small.sources["test"][0]


def test_the_ledger_of_a_data_set_tells_of_all_its_shards(built):
  _, dataset = built
  ledgers = read_all(dataset.path)
  assert [(one.split, one.records) for one in ledgers] == [
    *[("train", 8)] * 3,
    ("validation", 3),
    ("test", 3),
  ]
  attempts = [
    int(dataset.decode(record, ("attempts",))["attempts"])
    for source in dataset.sources.values()
    for record in source
  ]
  assert sum(attempts) == 30 + sum(len(one.rejections) for one in ledgers)
  for one in ledgers:
    assert one.seconds is not None and one.seconds > 0


def test_a_name_is_asked_for():
  from massive16 import massive16_dataset_builder as massive16

  from synthmatch_jax.errors import UserError

  with pytest.raises(UserError, match='needs a "name"'):
    massive16.Massive16Config(num_examples=30)


def test_the_command_says_it_without_a_traceback(tmp_path):
  done = build(tmp_path, name="x", num_exampels=20)
  assert done.returncode == 1
  assert "tfds build: error: unknown option num_exampels" in done.stderr
  assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
  ("text", "says"),
  [
    ('{"name": "a", ', "an option is no JSON (Expecting property name"),
    pytest.param('{"name": "a"} x', "an option is no JSON (Extra data at", marks=pytest.mark.slow),
    pytest.param("mine", "--config takes options as JSON, e.g. '{", marks=pytest.mark.slow),
  ],
)
def test_options_that_are_no_json_get_one_sentence(tmp_path, text, says):
  done = subprocess.run(
    [TFDS, "build", DATASET, f"--data_dir={tmp_path}", f"--config={text}"],
    capture_output=True,
    text=True,
  )
  assert done.returncode == 1
  assert f"tfds build: error: {says}" in done.stderr
  assert "Traceback" not in done.stderr
