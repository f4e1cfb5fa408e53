"""Sounds that are rendered while a model is trained on them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from synthmatch_jax.data import growing, pipeline
from synthmatch_jax.data.growing import Passes
from synthmatch_jax.errors import UserError

SHARD = 24  # Of the tiny data set, whose 48 training sounds are two shards.


@pytest.fixture(scope="module")
def dataset(tiny_dataset):
  return tiny_dataset.open()


@pytest.fixture
def store(tiny_dataset, dataset, tmp_path):
  """The folder of a build that has finished one of two shards, and a way to finish the other."""
  whole = growing.folder(tiny_dataset.dir / growing.SHARDS, "massive16", dataset.recipe)
  root = tmp_path / "shards"
  there = growing.folder(root, "massive16", dataset.recipe)
  there.mkdir(parents=True)

  def finish(number):
    for path in whole.glob(f"train-{number:06d}-*"):
      shutil.copy(path, there)

  finish(0)
  return root, finish


@pytest.fixture
def grown(monkeypatch, store):
  """Shards are looked for at every question."""
  monkeypatch.setattr(growing, "_LOOK_SECONDS", 0.0)
  return store


def read(passes, batches):
  return np.concatenate([passes[batch] for batch in batches]).tolist()


def test_a_build_that_is_finished_gives_the_batches_of_its_data_set(
  tiny_dataset, dataset, tmp_path
):
  source = growing.rendered(dataset, tiny_dataset.dir / growing.SHARDS)
  assert len(source) == dataset.num_examples("train") == 2 * SHARD
  passes = Passes(source, tmp_path / growing.FILE, seed=3, batch_size=20)
  live = pipeline.training_batches(
    dataset.with_training(source), batch_size=20, seed=3, start=2, passes=passes
  )
  finished = pipeline.training_batches(dataset, batch_size=20, seed=3, start=2)
  for _ in range(6):
    jax.tree.map(np.testing.assert_array_equal, next(live), next(finished))


def test_each_pass_goes_once_over_what_is_finished_when_it_begins(dataset, grown, tmp_path):
  root, finish = grown
  source = growing.rendered(dataset, root)
  passes, looking_on = (
    Passes(source, tmp_path / growing.FILE, seed=0, batch_size=8) for _ in range(2)
  )
  first = read(passes, range(2))
  finish(1)
  first += read(passes, range(2, 3))  # The pass under way stays as it was.
  assert sorted(first) == list(range(SHARD))
  assert sorted(read(passes, range(3, 9))) == list(range(2 * SHARD))
  assert (
    passes.report(3)
    == looking_on.report(3)
    == {
      "live/rendered": 2 * SHARD,
      "live/sounds": SHARD,
      "live/times_heard": 1.0,
    }
  )
  assert passes.report(6)["live/times_heard"] == 1.0  # Of these, half were heard twice by the end.
  lines = (tmp_path / growing.FILE).read_text().splitlines()
  assert [json.loads(line)["sounds"] for line in lines] == [SHARD, 2 * SHARD]


def test_a_resumed_run_reads_the_same_sounds_whatever_was_rendered_meanwhile(
  dataset, grown, tmp_path
):
  root, finish = grown
  file = tmp_path / growing.FILE
  source = growing.rendered(dataset, root)
  before = read(Passes(source, file, seed=0, batch_size=10), range(7))
  finish(1)
  with file.open("a") as torn:
    torn.write('{"sou')  # A kill has torn it.
  again = Passes(source, file, seed=0, batch_size=10, start=3)
  assert read(again, range(3, 7)) == before[30:]
  more = read(again, range(7, 12))
  assert max(more) >= SHARD  # The next pass is over both shards,
  assert read(Passes(source, file, seed=0, batch_size=10), range(12)) == before + more


def test_what_cannot_be_made_again_is_told(dataset, grown, tmp_path):
  root, finish = grown
  file = tmp_path / growing.FILE
  finish(1)
  source = growing.rendered(dataset, root)
  read(Passes(source, file, seed=0, batch_size=8), range(2))
  with pytest.raises(UserError, match="does not say which sounds the first 20 steps have read"):
    Passes(source, file, seed=0, batch_size=8, start=20)
  ledger = next(source.folder.glob("train-000001-*.json"))
  ledger.unlink()
  with pytest.raises(UserError, match="has a pass of 48 sounds, and only 24 are finished in"):
    Passes(growing.rendered(dataset, root), file, seed=0, batch_size=8)
  file.write_text('{"sounds": "many"}\n')
  with pytest.raises(UserError, match="is damaged"):
    Passes(source, file, seed=0, batch_size=8)
  shutil.rmtree(source.folder)
  with pytest.raises(UserError, match="no shard of 24 training sounds is finished in"):
    growing.rendered(dataset, root)


@pytest.mark.slow
def test_processes_that_read_make_the_same_passes(tiny_dataset, tmp_path):
  program = tmp_path / "program.py"
  program.write_text(f"""
import jax, numpy
from absl import app
from pathlib import Path
from synthmatch_jax.data import growing, pipeline

def main(_):
  dataset = pipeline.open_dataset({tiny_dataset.name!r}, dir={str(tiny_dataset.dir)!r})
  source = growing.rendered(dataset, Path({str(tiny_dataset.dir / growing.SHARDS)!r}))
  live = dataset.with_training(source)
  one, two = (
    pipeline.training_batches(live, batch_size=20, seed=0, workers=w, passes=growing.Passes(
      source, Path({str(tmp_path / growing.FILE)!r}), seed=0, batch_size=20))
    for w in (0, 2)
  )
  for _ in range(10):
    jax.tree.map(numpy.testing.assert_array_equal, next(two), next(one))

if __name__ == "__main__":
  app.run(main)
""")
  subprocess.run([sys.executable, str(program)], check=True, cwd=Path(__file__).parents[2])
