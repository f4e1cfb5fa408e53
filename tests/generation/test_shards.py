import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tensorflow_datasets.core.file_adapters import FileFormat

from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation import record, shards
from synthmatch_jax.generation.plan import Plan
from synthmatch_jax.generation.store import Store
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths import hosts
from synthmatch_jax.synths.play import play
from synthmatch_jax.synths.registry import Engine

COUNT, SIZE = 20, 4


def small_recipe(**changes):
  synth = Engine(name="vital").make()
  settings = {
    "engine": "vital",
    "fingerprint": synth.fingerprint(),
    "space": synth.space,
    "prior": prior.load("presets", synth.space),
    "seconds": 0.5,
    "shard_size": SIZE,
  }
  return Recipe(**settings | changes)


def small_store(root, recipe=None):
  return Store(
    root=str(root),
    dataset="massive16",
    recipe=recipe or small_recipe(),
    file_format=FileFormat.ARRAY_RECORD,
  )


def render(root, *, workers=2, count=COUNT):
  store = small_store(root)
  planned = list(Plan(seed=store.recipe.seed, num_examples=count, shard_size=SIZE))
  with store.building():
    shards.render(planned, store, engine=Engine(name="vital"), workers=workers)


def files(root):
  return sorted(root.rglob("*.array_record"))


def contents(root):
  return {p.name: p.read_bytes() for p in files(root)}


def times(root):
  """When the finished shards were written."""
  finished = [p for p in files(root) if p.with_name(f"{p.name}.json").exists()]
  return {p.name: p.stat().st_mtime_ns for p in finished}


def test_bytes_do_not_depend_on_the_number_of_workers(undisturbed, tmp_path):
  render(tmp_path, workers=3)
  assert contents(tmp_path) == contents(undisturbed)
  assert len(contents(undisturbed)) == 6  # 16 train, 2 validation and 2 test records in fours.


def start(cache, *, count=COUNT):
  """A build in a process of its own."""
  program = (
    f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    f"import pathlib, test_shards\n"
    f"test_shards.render(pathlib.Path({str(cache)!r}), workers=2, count={count})"
  )
  return subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)


def test_a_killed_build_goes_on_and_ends_with_the_same_bytes(undisturbed, tmp_path):
  child = start(tmp_path)
  deadline = time.monotonic() + 60
  while len(times(tmp_path)) < 2 and time.monotonic() < deadline and child.poll() is None:
    time.sleep(0.01)
  child.send_signal(signal.SIGKILL)
  child.wait()
  survivors = times(tmp_path)
  assert 2 <= len(survivors) < len(contents(undisturbed))
  render(tmp_path)
  assert contents(tmp_path) == contents(undisturbed)
  assert survivors.items() <= times(tmp_path).items()
  assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.slow
def test_a_build_killed_at_ten_random_moments_ends_with_the_same_bytes(tmp_path):
  rng, count, kills = np.random.default_rng(0), 400, 0
  killed = tmp_path / "killed"
  while (child := start(killed, count=count)).poll() is None and kills < 10:
    try:
      child.wait(timeout=rng.uniform(3, 8))
    except subprocess.TimeoutExpired:
      child.send_signal(signal.SIGKILL)
      child.wait()
      kills += 1
  child.wait()
  assert child.returncode == 0
  assert kills == 10
  render(tmp_path / "undisturbed", count=count, workers=1)
  assert contents(killed) == contents(tmp_path / "undisturbed")


def test_growing_renders_only_what_is_new(undisturbed, tmp_path):
  shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)
  before = times(tmp_path)
  render(tmp_path, count=COUNT + 20)
  assert before.items() <= times(tmp_path).items()
  assert len(times(tmp_path)) > len(before)


@pytest.mark.parametrize("part", ["shard", "ledger"])
def test_a_damaged_shard_is_rendered_again(undisturbed, tmp_path, capsys, part):
  shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)
  shard = files(tmp_path)[2]
  victim = shard if part == "shard" else shard.with_name(f"{shard.name}.json")
  data = bytearray(victim.read_bytes())
  data[len(data) // 2] ^= 1
  victim.write_bytes(data)
  before = times(tmp_path)
  render(tmp_path)
  assert contents(tmp_path) == contents(undisturbed)
  assert {name for name, _ in before.items() - times(tmp_path).items()} == {shard.name}
  assert f"{shard} is damaged" in capsys.readouterr().out


def test_a_second_build_in_one_folder_gets_a_sentence(tmp_path):
  with (
    small_store(tmp_path).building(),
    pytest.raises(UserError, match="another build is writing to"),
  ):
    render(tmp_path)
  with small_store(tmp_path, small_recipe(seed=1)).building():
    pass  # Another recipe has a folder of its own.


def test_a_folder_that_cannot_be_made_gets_a_sentence(tmp_path):
  (tmp_path / "file").touch()
  with pytest.raises(UserError, match="cannot write shards to"):
    render(tmp_path / "file" / "root")


def test_anything_that_shapes_a_record_has_a_cache_of_its_own(tmp_path):
  def folder(**changes):
    return small_store(tmp_path, small_recipe(**changes)).folder

  uniform = prior.load("uniform", Engine(name="vital").space)
  changed = [{"seed": 1}, {"seconds": 0.6}, {"prior": uniform}, {"fingerprint": "vital/9"}]
  changed += [{"threshold_db": -50.0}, {"shard_size": 5}]
  assert len({folder(), *(folder(**c) for c in changed)}) == len(changed) + 1
  assert folder() == folder()


def vital():
  return hosts.host(Engine(name="vital"))


def test_a_record_can_be_made_again_alone():
  recipe = small_recipe()
  one, _ = record.make_record(recipe, 7, vital())
  two, _ = record.make_record(recipe, 7, vital())
  np.testing.assert_array_equal(one["controls"], two["controls"])
  np.testing.assert_array_equal(one["controls"], record.draw(recipe, 7, one["attempts"]).controls)
  audio = play(Engine(name="vital").make(), recipe, record.draw(recipe, 7, one["attempts"]))
  np.testing.assert_array_equal(one["mel"], log_mel(audio, recipe.mel))
  assert one["level_db"] >= recipe.threshold_db
  np.testing.assert_allclose(one["read_back"], one["controls"], rtol=0, atol=1e-6)


def test_quiet_sounds_are_drawn_again():
  recipe = small_recipe(threshold_db=-30.0)
  host = vital()
  made = [record.make_record(recipe, i, host) for i in range(8)]
  assert all(r["level_db"] >= -30 for r, _ in made)
  again, rejected = next((r, why) for r, why in made if r["attempts"] > 1)
  assert [r.attempt for r in rejected] == list(range(1, again["attempts"]))
  assert all(r.reason.endswith("LUFS") and not r.failed for r in rejected)
  first = record.draw(recipe, again["index"], 1).controls
  assert not np.array_equal(first, again["controls"])


def test_a_prior_of_silence_is_an_error_not_a_hang():
  with pytest.raises(UserError, match="100 patches in a row"):
    record.make_record(small_recipe(threshold_db=20.0, seconds=0.1), 0, vital())
