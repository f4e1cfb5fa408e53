"""Losses, steps and validation against closed forms and numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from synthmatch_jax import models
from synthmatch_jax.data import fit_statistics, pipeline
from synthmatch_jax.training import optimizer as optimizers
from synthmatch_jax.training import state, step, validation
from synthmatch_jax.training.run import Run
from synthmatch_jax.training.step import make_eval_step, make_train_step


@pytest.fixture(scope="module")
def dataset(tiny_dataset):
  return tiny_dataset.open()


def create(dataset, name):
  recipe = dataset.recipe
  return models.create(
    name,
    num_frames=recipe.num_frames,
    num_bins=recipe.mel.n_mels,
    num_controls=recipe.space.width,
    seed=0,
  )


def test_sums_are_those_of_numpy_over_the_records_that_count(dataset):
  found, model = fit_statistics.compute(dataset), create(dataset, "mlp_tiny")
  batch = next(pipeline.training_batches(dataset, batch_size=5, seed=0))
  mask = np.array([True, False, True, True, False])
  graphdef, current = state.create(model, optax.adam(1e-3))
  sums = jax.jit(make_eval_step(graphdef, found))(current, batch, mask)
  model.eval()
  estimate = np.asarray(model(found.normalise(jnp.asarray(batch["mel"]))), np.float64)
  squares = ((estimate - batch["controls"]) ** 2)[mask]
  np.testing.assert_allclose(sums["mse"][0], squares.sum(0), rtol=1e-4)
  np.testing.assert_allclose(sums["loss"][0], squares.mean(1).sum(), rtol=1e-4)
  assert set(sums) == {"loss", "mse"}
  assert (sums["mse"][1] == 3).all() and sums["loss"][1] == 3


def test_a_record_without_a_value_is_left_out_of_a_mean_and_one_without_a_loss_is_not():
  values = jnp.array([[1.0, jnp.nan], [2.0, jnp.nan], [4.0, 8.0]])
  mask = jnp.array([True, True, False])
  total, count = step._sum(values, mask, strict=False)
  assert (total.tolist(), count.tolist()) == ([3.0, 0.0], [2, 0])
  total, count = step._sum(values[:, 1], mask, strict=True)
  assert jnp.isnan(total) and count == 2


def test_the_first_step_of_adam_follows_the_sign_of_the_gradient(dataset):
  """Closed form (Kingma and Ba 2015): m / sqrt(v) of step 1 is g / |g|."""
  found, model, rate = fit_statistics.compute(dataset), create(dataset, "ast_tiny"), 1e-3
  graphdef, before = state.create(model, optimizer := optax.adam(rate, eps=0))
  batch = next(pipeline.training_batches(dataset, batch_size=8, seed=0))
  mel = (batch["mel"] - found.mel_mean) / found.mel_std
  bias = np.asarray(model.head.output.bias[...])
  residuals = np.asarray(nnx.jit(type(model).__call__)(model, mel)) - batch["controls"]

  after, loss = jax.jit(make_train_step(graphdef, optimizer, found))(before, batch)
  assert loss == pytest.approx(np.mean(residuals**2), rel=1e-5)
  assert int(after.step) == 1
  # The gradient of the output's bias is the mean residual, whatever lies before it.
  moved = np.asarray(after.params["head"]["output"]["bias"][...]) - bias
  np.testing.assert_allclose(moved, -rate * np.sign(residuals.mean(axis=0)), rtol=1e-4)


def test_a_step_moves_running_statistics_and_the_state_of_dropout(dataset):
  graphdef, before = state.create(create(dataset, "mlp_tiny"), optimizer := optax.adam(1e-3))
  step = jax.jit(make_train_step(graphdef, optimizer, fit_statistics.compute(dataset)))
  batch = next(pipeline.training_batches(dataset, batch_size=8, seed=0))
  after, loss = step(before, batch)
  changed = [
    not np.array_equal(a, b)
    for a, b in zip(
      jax.tree.leaves(before.variables), jax.tree.leaves(after.variables), strict=True
    )
    if not jnp.issubdtype(a.dtype, jax.dtypes.prng_key)
  ]
  assert all(changed)
  assert step(before, batch)[1] == loss  # Pure.
  assert step(after, batch)[1] != loss


@pytest.mark.parametrize("batch_size", [1, 4, 6, 64])
def test_validation_counts_every_record_once_whatever_the_batch(dataset, make_config, batch_size):
  found = fit_statistics.compute(dataset)
  run = Run.open(make_config("mlp_tiny", batch_size=batch_size))
  model = run.model()
  metrics = validation.evaluate(run.eval_step(found), run.begin(), run)
  mel, controls = dataset.read("validation")
  model.eval()
  squares = (np.asarray(model(found.normalise(jnp.asarray(mel)))) - controls) ** 2
  assert metrics["validation/loss"] == pytest.approx(squares.mean(), rel=1e-5)
  for name, expected in zip(dataset.recipe.space.names, squares.mean(0), strict=True):
    assert metrics[f"validation/mse/{name}"] == pytest.approx(expected, rel=1e-5)


def test_a_step_of_muon_turns_without_stretching():
  """Its step of a kernel has equal singular values, and as large elements as one of Adam."""
  rngs = np.random.default_rng(0)
  shapes = {"hidden": (12, 8), "attention": (8, 2, 4)}
  weights = {name: {"kernel": jnp.ones(shape)} for name, shape in shapes.items()}
  weights["head"] = {"output": {"kernel": jnp.ones((8, 3))}}
  gradients = jax.tree.map(lambda w: jnp.asarray(rngs.normal(size=w.shape)), weights)
  optimizer = optimizers.create("muon", learning_rate=1e-2)
  moves, _ = optimizer.update(gradients, optimizer.init(weights), weights)
  for move in (moves["hidden"]["kernel"], *moves["attention"]["kernel"].swapaxes(0, 1)):
    values = np.linalg.svd(move, compute_uv=False)
    wanted = 1e-2 * 0.2 * max(move.shape) ** 0.5
    np.testing.assert_allclose(values, wanted, rtol=0.4)  # Four iterations come so near.
  of_output = moves["head"]["output"]["kernel"]
  signs = np.sign(gradients["head"]["output"]["kernel"])
  # Adam with Nesterov's momentum: (b1 (1 - b1) / (1 - b1^2) + (1 - b1) / (1 - b1)) g / |g|.
  np.testing.assert_allclose(of_output, -1e-2 * (0.9 / 1.9 + 1) * signs, rtol=1e-4)
