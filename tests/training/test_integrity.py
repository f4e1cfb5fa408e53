"""Damaged checkpoints are found before they are used, and nothing else is taken for damage."""

import contextlib
import dataclasses
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from synthmatch_jax import checksums, models
from synthmatch_jax.errors import UserError
from synthmatch_jax.training import state
from synthmatch_jax.training.checkpoints import Checkpoints, best_step, restore_best


@pytest.fixture(scope="module")
def run():
  """State of a run at step 0."""
  model = models.create("mlp", num_frames=2, num_bins=3, num_controls=4, width=5, depth=1, seed=0)
  return state.create(model, optax.adam(1e-3))[1]


def at(run, step):
  """The state after some steps, told from others by its weights."""
  params = jax.tree.map(lambda leaf: jnp.full_like(leaf, step / 10), run.params)
  return state.TrainState(
    step=jnp.int32(step), params=params, variables=run.variables, optimizer=run.optimizer
  )


@pytest.fixture(scope="module")
def whole(run, tmp_path_factory):
  """Checkpoints of steps 1, 2 and 3; the first is the best."""
  folder = tmp_path_factory.mktemp("whole") / "checkpoints"
  with Checkpoints(folder) as checkpoints:
    for step, loss in ((1, 0.1), (2, 0.3), (3, 0.2)):
      checkpoints.save(at(run, step), {"validation/loss": loss})
  return folder


@pytest.fixture
def folder(whole, tmp_path):
  return shutil.copytree(whole, tmp_path / "checkpoints")


def restored_step(run, folder):
  with Checkpoints(folder) as checkpoints:
    return int(checkpoints.restore(jax.eval_shape(lambda: run)).state.step)


def weights_of_the_best(run, folder):
  step, params, _ = restore_best(folder, params=run.params, variables=run.variables)
  (weight,) = {float(x) for leaf in jax.tree.leaves(params) for x in np.ravel(leaf)}
  return step, weight


def flip(path, rng):
  """Turns around one bit of a file."""
  data = bytearray(path.read_bytes())
  data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
  path.write_bytes(data)


def test_each_of_100_flipped_bits_in_the_best_checkpoint_is_found(run, folder):
  """Whoever uses it finds them: `match`, `eval`, `export` read nothing else of a run's weights."""
  rng = np.random.default_rng(0)
  paths = sorted(path for path in (folder / "1").rglob("*") if path.is_file())
  for _ in range(100):
    path = paths[rng.integers(len(paths))]
    before = path.read_bytes()
    flip(path, rng)
    assert checksums.damages(folder / "1"), path
    path.write_bytes(before)
  assert weights_of_the_best(run, folder) == (1, pytest.approx(0.1))


@pytest.mark.parametrize("name", ["model/_METADATA", "metrics/metrics", "SHA256SUMS"])
def test_a_flipped_bit_is_refused_by_readers_and_put_aside_by_the_training(
  run, folder, name, capsys
):
  flip(folder / "1" / name, np.random.default_rng(1))
  with pytest.raises(UserError, match=r"checkpoints/1 is damaged \(.+\)"):
    restore_best(folder, params=run.params, variables=run.variables)
  assert restored_step(run, folder) == 3
  assert "the checkpoint of step 1" in capsys.readouterr().err
  assert {path.name for path in folder.iterdir()} == {"damaged-1", "2", "3"}
  assert weights_of_the_best(run, folder) == (3, pytest.approx(0.3))


@pytest.mark.parametrize("step", [2, 3])
def test_the_best_is_not_told_by_damaged_metrics_of_another(run, folder, step):
  metrics = folder / str(step) / "metrics" / "metrics"
  metrics.write_text('{"validation/loss": 0.05}')
  with pytest.raises(UserError, match=rf"checkpoints/{step} is damaged \(metrics/metrics"):
    best_step(folder)


@pytest.mark.parametrize(
  ("harm", "said"),
  [
    (lambda path: path.unlink(), "is missing"),
    (lambda path: path.write_bytes(path.read_bytes()[:-1]), "is not what was written"),
    (lambda path: path.write_bytes(b""), "is not what was written"),
    (lambda path: path.with_name("more").touch(), "is not in SHA256SUMS"),
  ],
)
def test_files_that_are_gone_cut_or_added(run, folder, harm, said, capsys):
  harm(folder / "3" / "optimizer" / "_METADATA")
  assert restored_step(run, folder) == 2
  assert said in capsys.readouterr().err
  assert (folder / "damaged-3").is_dir()


def test_the_checksums_are_those_of_sha256sum(folder):
  if not shutil.which("sha256sum"):
    pytest.skip("there is no sha256sum")
  done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder / "2", capture_output=True)
  assert done.returncode == 0
  assert done.stdout.count(b": OK") == sum(p.is_file() for p in (folder / "2").rglob("*")) - 1


@contextlib.contextmanager
def few_files(spare):
  """Hardly a file can be opened: an error that passes, as those of network drives do."""
  free = os.dup(0)
  os.close(free)
  soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
  resource.setrlimit(resource.RLIMIT_NOFILE, (free + spare, hard))
  try:
    yield
  finally:
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def contents(folder):
  return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


SPARES = (0, 1, 2, 8, 64)


def in_need(folder):
  """Uses checkpoints while few files can be opened: prints what came of it, a line each time.

  In a process of its own: what Orbax leaves of its event loops is not for others to find.
  """
  model = models.create("mlp", num_frames=2, num_bins=3, num_controls=4, width=5, depth=1, seed=0)
  created = state.create(model, optax.adam(1e-3))[1]
  for use in (restored_step, weights_of_the_best):
    for spare in SPARES:
      try:
        with few_files(spare):
          print(use(created, folder))
      except UserError as error:
        print(error)


@pytest.mark.parametrize("sealed", [True, False])
def test_a_passing_error_removes_nothing_and_the_next_start_goes_on_from_the_newest(
  run, folder, sealed
):
  for sums in () if sealed else folder.rglob(checksums.FILE):
    sums.unlink()  # As in an earlier version.
  before = contents(folder)
  program = (
    f"import pathlib, sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import"
    f" test_integrity; test_integrity.in_need(pathlib.Path({str(folder)!r}))"
  )
  done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
  said = done.stdout.splitlines()
  assert len(said) == 2 * len(SPARES), done.stderr
  refused = ["cannot be read now" in line for line in said]
  assert refused[0] and refused[len(SPARES)]  # Where no file can be opened at all.
  assert not refused[len(SPARES) - 1] and not refused[-1]  # Where there are enough.
  for line, was_refused in zip(said, refused, strict=True):
    assert was_refused or line in ("3", "(1, 0.10000000149011612)")
  assert contents(folder) == before
  assert restored_step(run, folder) == 3


@pytest.fixture
def older(folder):
  """Checkpoints as an earlier version has written them."""
  for sums in folder.rglob(checksums.FILE):
    sums.unlink()
  return folder


def test_checkpoints_of_earlier_versions_load_and_it_is_said(run, older, capsys):
  assert weights_of_the_best(run, older) == (1, pytest.approx(0.1))
  assert f"the checkpoint in {older / '1'} is of a version without" in capsys.readouterr().err
  assert restored_step(run, older) == 3
  assert f"the checkpoint in {older / '3'} is of a version without" in capsys.readouterr().err


def test_what_shows_of_damage_in_those_of_earlier_versions_is_put_aside(run, older, capsys):
  (older / "3" / "model" / "_METADATA").write_text("{")
  (older / "1" / "metrics" / "metrics").write_text("{")
  assert restored_step(run, older) == 2
  assert {path.name for path in older.iterdir()} == {"damaged-1", "2", "damaged-3"}
  assert capsys.readouterr().err.count("is damaged and left out") == 2


@pytest.mark.parametrize("part", ["params", "optimizer"])
def test_numbers_that_are_not_finite_are_not_saved(run, tmp_path, part):
  broken = jax.tree.map(
    lambda leaf: leaf * jnp.inf if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf,
    {"params": run.params, "optimizer": run.optimizer},
  )
  with Checkpoints(tmp_path) as checkpoints:
    with pytest.raises(UserError, match="no finite numbers any more after step 1"):
      checkpoints.save(
        dataclasses.replace(at(run, 1), **{part: broken[part]}), {"validation/loss": 0.1}
      )
    assert not list(tmp_path.glob("*"))


def test_numbers_that_are_not_finite_are_not_used(run, folder, monkeypatch, capsys):
  """An earlier version has saved them: it did not look."""
  broken = at(run, 4)
  broken = dataclasses.replace(broken, params=jax.tree.map(lambda x: x * jnp.nan, broken.params))
  monkeypatch.setattr("synthmatch_jax.training.integrity.is_finite", lambda tree: True)
  with Checkpoints(folder) as checkpoints:
    checkpoints.restore(jax.eval_shape(lambda: run))
    checkpoints.save(broken, {"validation/loss": 0.01})
  monkeypatch.undo()
  with pytest.raises(UserError, match=r"damaged \(a number in it is not finite"):
    restore_best(folder, params=run.params, variables=run.variables)
  assert restored_step(run, folder) == 3
  assert "a number in it is not finite" in capsys.readouterr().err
  assert json.loads((folder / "damaged-4" / "metrics" / "metrics").read_text())


@pytest.mark.parametrize("place", ["3/desktop.ini", "3/_x (copy)", "Thumbs.db", "\u00b2/x"])
def test_files_of_file_managers_are_no_damage(run, folder, place, capsys):
  (folder / place).parent.mkdir(exist_ok=True)
  (folder / place).write_text("[.ShellClassInfo]")
  assert restored_step(run, folder) == 3
  assert weights_of_the_best(run, folder) == (1, pytest.approx(0.1))
  assert "damaged" not in capsys.readouterr().err
  assert (folder / place).exists()


def test_a_checkpoint_under_the_name_of_another_step_is_damaged(run, folder, capsys):
  shutil.rmtree(folder / "1")
  (folder / "3").rename(folder / "4")
  with pytest.raises(UserError, match=r"checkpoints/4 is damaged \(it holds step 3\)"):
    restore_best(folder, params=run.params, variables=run.variables)
  assert restored_step(run, folder) == 2


def test_a_pipe_in_a_checkpoint_is_damage_and_not_waited_for(run, folder):
  path = folder / "3" / "optimizer" / "_METADATA"
  path.unlink()
  os.mkfifo(path)
  assert restored_step(run, folder) == 2
