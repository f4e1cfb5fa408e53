import dataclasses

import jax
import numpy as np
import optax
import pytest

from synthmatch_jax import models
from synthmatch_jax.errors import UserError
from synthmatch_jax.training import state
from synthmatch_jax.training.checkpoints import Checkpoints, restore_best


@pytest.fixture
def run():
  """State of a run at step 0."""
  model = models.create("mlp", num_frames=2, num_bins=3, num_controls=4, width=5, depth=1, seed=0)
  _, created = state.create(model, optax.adam(1e-3))
  return created


def is_number(leaf):
  """Whether a leaf is not the key of random numbers; those do not change here."""
  return not jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def numbers(tree):
  """Copies of the arrays of a state."""
  return [np.array(leaf) for leaf in jax.tree.leaves(tree) if is_number(leaf)]


def add_one(tree):
  return jax.tree.map(lambda leaf: leaf + 1 if is_number(leaf) else leaf, tree)


# As a training step does, it changes every number and takes the memory of the state before.
advance = jax.jit(add_one, donate_argnums=0)


def save(checkpoints, current, losses):
  """Saves one step for every loss; returns the state and, step by step, what was in it."""
  saved = {}
  for loss in losses:
    current = advance(current)
    saved[int(current.step)] = numbers(current), numbers((current.params, current.variables))
    checkpoints.save(current, {"validation/loss": loss, "train/loss": 0.0})
  return current, saved


def kept(folder):
  return {int(path.name) for path in folder.iterdir() if path.name.isdigit()}


def test_the_best_and_the_last_two_are_kept_over_restarts(run, tmp_path):
  current = run
  wanted = jax.eval_shape(lambda: (current.params, current.variables))
  with Checkpoints(tmp_path) as checkpoints:
    current, _ = save(checkpoints, current, [0.5, 0.1, 0.4, 0.2, 0.3])
  assert kept(tmp_path) == {2, 4, 5}
  with Checkpoints(tmp_path) as checkpoints:
    assert checkpoints.best() == (2, 0.1)
    current, _ = save(checkpoints, current, [0.7, 0.6])
    assert checkpoints.best() == (2, 0.1)
  assert kept(tmp_path) == {2, 6, 7}
  with Checkpoints(tmp_path) as checkpoints:
    current, saved = save(checkpoints, current, [0.05, 0.6, 0.7])
  assert kept(tmp_path) == {8, 9, 10}

  step, params, variables = restore_best(tmp_path, params=wanted[0], variables=wanted[1])
  assert step == 8
  for got, expected in zip(numbers((params, variables)), saved[8][1], strict=True):
    np.testing.assert_array_equal(got, expected)
  assert kept(tmp_path) == {8, 9, 10}


def test_what_is_restored_was_saved_whatever_happened_after(run, tmp_path):
  """Saving goes on in the background while the next step takes the memory of the last."""
  current = run
  wanted = jax.eval_shape(lambda: current)
  with Checkpoints(tmp_path) as checkpoints:
    current, saved = save(checkpoints, current, [0.5])
    for _ in range(50):
      current = advance(current)
  (tmp_path / "9.orbax-checkpoint-tmp").mkdir()  # What a kill leaves of a save.
  with Checkpoints(tmp_path) as checkpoints:
    restored = checkpoints.restore(wanted).state
  assert kept(tmp_path) == {1}
  assert int(restored.step) == 1
  for got, expected in zip(numbers(restored), saved[1][0], strict=True):
    np.testing.assert_array_equal(got, expected)


def test_without_checkpoint_there_is_nothing_to_go_on_from(run, tmp_path):
  with Checkpoints(tmp_path) as checkpoints:
    assert checkpoints.restore(run) is None
    assert checkpoints.best() is None


def test_a_checkpoint_between_validations_keeps_the_losses_and_is_never_the_best(run, tmp_path):
  with Checkpoints(tmp_path) as checkpoints:
    current, _ = save(checkpoints, run, [0.5, 0.6])
    for _ in range(3):
      current = advance(current)
      checkpoints.save(current, losses=[0.25, 1 / 3])
    wanted = jax.eval_shape(lambda: current)
  assert kept(tmp_path) == {1, 4, 5}
  with Checkpoints(tmp_path) as checkpoints:
    restored = checkpoints.restore(wanted)
    assert (int(restored.state.step), list(restored.losses)) == (5, [0.25, 1 / 3])
    assert checkpoints.best() == (1, 0.5)


def test_the_weights_to_use_are_the_average_where_there_is_one(run, tmp_path):
  averaged = dataclasses.replace(run, average=add_one(run.params), step=run.step + 1)
  wanted = jax.eval_shape(lambda: averaged)
  expected = numbers(averaged.params), numbers(averaged.average)
  with Checkpoints(tmp_path) as checkpoints:
    checkpoints.save(averaged, {"validation/loss": 0.5})
  with Checkpoints(tmp_path) as checkpoints:
    state = checkpoints.restore(wanted).state
  for got, was in zip((numbers(state.params), numbers(state.average)), expected, strict=True):
    jax.tree.map(np.testing.assert_array_equal, got, was)
  _, params, _ = restore_best(tmp_path, params=wanted.params, variables=wanted.variables)
  jax.tree.map(np.testing.assert_array_equal, numbers(params), expected[1])


def damage(folder):
  """Turns around a byte in the middle of every file of a checkpoint's item."""
  for path in folder.rglob("*"):
    if path.is_file() and path.stat().st_size:
      data = bytearray(path.read_bytes())
      data[len(data) // 2] ^= 0xFF
      path.write_bytes(data)


@pytest.mark.parametrize("item", ["model", "optimizer", "log"])
def test_a_damaged_checkpoint_is_left_out_with_a_warning(run, tmp_path, item, capfd):
  wanted = jax.eval_shape(lambda: run)
  with Checkpoints(tmp_path) as checkpoints:
    _, saved = save(checkpoints, run, [0.5, 0.4])
  damage(tmp_path / "2" / item)
  with Checkpoints(tmp_path) as checkpoints:
    state = checkpoints.restore(wanted).state
    warned = capfd.readouterr().err
    assert f"warning: the checkpoint of step 2 in {tmp_path} is damaged" in warned
    assert kept(tmp_path) == {1}
    for got, expected in zip(numbers(state), saved[1][0], strict=True):
      np.testing.assert_array_equal(got, expected)
    save(checkpoints, state, [0.3])  # The step that was lost is saved again.
  assert kept(tmp_path) == {1, 2}


def test_nothing_but_damaged_checkpoints(run, tmp_path):
  wanted = jax.eval_shape(lambda: run)
  with Checkpoints(tmp_path) as checkpoints:
    save(checkpoints, run, [0.5])
  damage(tmp_path / "1" / "optimizer")
  with Checkpoints(tmp_path) as checkpoints, pytest.raises(UserError, match="every checkpoint in"):
    checkpoints.restore(wanted)
