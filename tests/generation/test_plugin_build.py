"""Data sets of a plugin that misbehaves: the same bytes, no record lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tensorflow_datasets.core.file_adapters import FileFormat

from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation import shards
from synthmatch_jax.generation.ledger import Ledger
from synthmatch_jax.generation.plan import Plan
from synthmatch_jax.generation.store import Store
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths import description
from synthmatch_jax.synths.description import Care
from synthmatch_jax.synths.play import fingerprint
from synthmatch_jax.synths.registry import Engine
from tests.synths.remote import CANARY, instrument

CARE = Care(render_seconds=8.0, load_seconds=20.0, canary_every=16, canary=CANARY, megabytes=200.0)


def build(root, testbed, *, workers, count=40):
  engine = Engine(name="testbed", plugin=instrument(care=CARE), path=str(testbed))
  recipe = Recipe(
    engine=engine.name,
    fingerprint=fingerprint(engine),
    space=engine.space,
    prior=prior.load("uniform", engine.space),
    seconds=0.5,
    shard_size=12,
    plugin=engine.plugin.essentials(),
  )
  store = Store(
    root=str(root), dataset="massive16", recipe=recipe, file_format=FileFormat.ARRAY_RECORD
  )
  planned = list(Plan(seed=0, num_examples=count, shard_size=12))
  with store.building():
    shards.render(planned, store, engine=engine, workers=workers)
  return planned, store


def contents(root):
  """The bytes of the shards, and what their ledgers say of rejected patches."""
  data = {p.name: p.read_bytes() for p in root.rglob("*.array_record")}
  ledgers = {p.name: Ledger.from_json(p.read_text()).rejections for p in root.rglob("*.json")}
  assert len(data) == len(ledgers)
  return data | ledgers


def brew(folder, **tokens):
  """Lays out the faults of a storm: the plugin takes them one by one."""
  folder.mkdir()
  for kind, count in tokens.items():
    for i in range(count):
      (folder / f"{kind}-{i}").touch()
  return f"storm:{folder}"


@pytest.fixture
def undisturbed(testbed, tmp_path, monkeypatch):
  monkeypatch.setenv("TESTBED", "")
  build(tmp_path / "one", testbed, workers=1)
  return contents(tmp_path / "one")


@pytest.mark.slow
def test_bytes_survive_a_storm_on_any_number_of_workers(
  undisturbed, testbed, tmp_path, monkeypatch, capsys
):
  storm = tmp_path / "storm"
  monkeypatch.setenv("TESTBED", brew(storm, crash=3, hang=1, nan=2, drift=1))
  for attempt in range(20):  # Notes take the faults at random, and may leave some.
    build(tmp_path / str(attempt), testbed, workers=3)
    assert contents(tmp_path / str(attempt)) == undisturbed
    if not list(storm.iterdir()):
      break
  assert not list(storm.iterdir()), "not every fault happened"
  told = capsys.readouterr().out
  # A few may have struck while the plugin was loaded.
  assert "a process was replaced: it crashed" in told
  assert "a process was replaced: it gave no answer for" in told


@pytest.mark.slow
def test_patches_that_always_fail_are_listed_and_drawn_again(testbed, tmp_path, monkeypatch):
  monkeypatch.setenv("TESTBED", "crash>osc1_position=0.9")
  planned, store = build(tmp_path / "odd", testbed, workers=2, count=20)
  failed = [r for r in shards.rejections(planned, store) if r.failed]
  assert failed
  assert all(r.reason == "crashed in a render (SIGSEGV)" for r in failed)
  assert len(contents(tmp_path / "odd")) == 2 * len(planned)


@pytest.mark.slow
def test_a_value_that_never_sticks_ends_the_build_with_its_name(testbed, tmp_path, monkeypatch):
  monkeypatch.setenv("TESTBED", "stuck")
  with pytest.raises(UserError, match=r"failed on 10 patches of 10, at last: osc2_pitch was set"):
    build(tmp_path / "stuck", testbed, workers=1, count=10)


def tfds_build(data_dir, testbed, *, workers, variant=""):
  """The command of the README, on the test instrument."""
  file = data_dir.parent / "testbed.json"
  description.write(instrument(care=CARE), file)
  config = {"name": "storm", "num_examples": 2000, "shard_size": 100, "seconds": 1.0}
  config |= {"engine": str(file), "plugin": str(testbed), "workers": workers}
  command = [Path(sys.executable).parent / "tfds", "build", "datasets/massive16"]
  done = subprocess.run(
    [*command, "--data_dir", data_dir, "--config", json.dumps(config)],
    env=os.environ | {"TESTBED": variant, "TF_CPP_MIN_LOG_LEVEL": "3"},
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stdout + done.stderr
  folder = next(data_dir.glob("massive16/storm/*"))
  return done.stdout, {p.name: p.read_bytes() for p in folder.glob("*.array_record*")}


@pytest.mark.slow
def test_two_thousand_records_at_any_number_of_workers_and_in_a_storm(testbed, tmp_path):
  _, one = tfds_build(tmp_path / "1", testbed, workers=1)
  assert sum(len(data) for data in one.values()) > 1e7
  for workers in (2, 4):
    assert tfds_build(tmp_path / str(workers), testbed, workers=workers)[1] == one
  storm = brew(tmp_path / "storm", crash=20, hang=5, nan=20, leak=1, drift=3)
  told, stormy = tfds_build(tmp_path / "stormy", testbed, workers=2, variant=storm)
  assert stormy == one, told
  assert not list((tmp_path / "storm").iterdir()), "not every fault happened"
  print(told)
