import jax
import numpy as np
import optax
import pytest
from flax import nnx

from synthmatch_jax.data import pipeline
from synthmatch_jax.models.mlp import MLP
from synthmatch_jax.training import state
from synthmatch_jax.training.checkpoints import Checkpoints, restore_best


@pytest.fixture
def run(tiny_dataset):
  """State of a run at step 0, and its records."""
  model = MLP(num_frames=2, num_bins=3, num_controls=4, width=5, depth=1, rngs=nnx.Rngs(0))
  _, created = state.create(model, optax.adam(1e-3))
  return created, pipeline.training_batches(tiny_dataset.open(), batch_size=8, seed=0)


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


def save(checkpoints, current, batches, losses):
  """Saves one step for every loss; returns the state and, step by step, what was in it."""
  saved = {}
  for loss in losses:
    current = advance(current)
    next(batches)
    saved[int(current.step)] = numbers(current), numbers((current.params, current.variables))
    checkpoints.save(current, batches, {"validation/loss": loss, "train/loss": 0.0})
  return current, saved


def kept(folder):
  return {int(path.name) for path in folder.iterdir()}


def test_the_best_and_the_last_two_are_kept_over_restarts(run, tmp_path):
  current, batches = run
  wanted = jax.eval_shape(lambda: (current.params, current.variables))
  with Checkpoints(tmp_path) as checkpoints:
    current, _ = save(checkpoints, current, batches, [0.5, 0.1, 0.4, 0.2, 0.3])
  assert kept(tmp_path) == {2, 4, 5}
  with Checkpoints(tmp_path) as checkpoints:
    assert checkpoints.best() == (2, 0.1)
    current, _ = save(checkpoints, current, batches, [0.7, 0.6])
    assert checkpoints.best() == (2, 0.1)
  assert kept(tmp_path) == {2, 6, 7}
  with Checkpoints(tmp_path) as checkpoints:
    current, saved = save(checkpoints, current, batches, [0.05, 0.6, 0.7])
  assert kept(tmp_path) == {8, 9, 10}

  step, params, variables = restore_best(tmp_path, params=wanted[0], variables=wanted[1])
  assert step == 8
  for got, expected in zip(numbers((params, variables)), saved[8][1], strict=True):
    np.testing.assert_array_equal(got, expected)
  assert kept(tmp_path) == {8, 9, 10}


def test_what_is_restored_was_saved_whatever_happened_after(run, tmp_path):
  """Saving goes on in the background while the next step takes the memory of the last."""
  current, batches = run
  wanted = jax.eval_shape(lambda: current)
  with Checkpoints(tmp_path) as checkpoints:
    current, saved = save(checkpoints, current, batches, [0.5])
    expected_batch = next(batches)["controls"]
    for _ in range(50):
      current = advance(current)
  (tmp_path / "9.orbax-checkpoint-tmp").mkdir()  # What a kill leaves of a save.
  with Checkpoints(tmp_path) as checkpoints:
    restored = checkpoints.restore(wanted, batches)
  assert kept(tmp_path) == {1}
  assert int(restored.step) == 1
  for got, expected in zip(numbers(restored), saved[1][0], strict=True):
    np.testing.assert_array_equal(got, expected)
  np.testing.assert_array_equal(next(batches)["controls"], expected_batch)


def test_without_checkpoint_a_run_begins(run, tmp_path):
  fresh, batches = run
  with Checkpoints(tmp_path) as checkpoints:
    assert checkpoints.restore(fresh, batches) is fresh
