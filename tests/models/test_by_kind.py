"""Losses and answers by scale, against optax, SciPy and the errors of a space."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.special
from flax import nnx

from synthmatch_jax import models
from synthmatch_jax.errors import UserError
from tests.spaces.test_space import MIXED

SIZES = {"num_frames": 3, "num_bins": 4, "num_controls": MIXED.width, "layout": MIXED.layout}
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def head():
  return models.create("mlp_tiny", **SIZES, head="by_kind", seed=0).head


@pytest.fixture(scope="module")
def tokens():
  return jnp.asarray(3 * RNG.standard_normal((8, 1, 64)), jnp.float32)


@pytest.fixture(scope="module")
def batch():
  drawn = [
    MIXED.place(dict(zip(MIXED.names, RNG.random(len(MIXED.names)), strict=True))) for _ in range(8)
  ]
  controls = np.stack(drawn)
  return {"controls": controls, "heard": MIXED.heard(controls)}


def test_the_loss_is_optaxs_for_each_kind_over_what_is_heard(head, tokens, batch):
  outputs = np.asarray(head(tokens))
  true, shape, foot = batch["controls"], slice(1, 4), slice(6, 9)
  near = np.exp(-2.0)
  soft = np.array([[1, near, near**4], [near, 1, near], [near**4, near, 1]])
  soft = np.float32(soft / soft.sum(1, keepdims=True))[true[:, foot].argmax(1)]
  columns = [
    optax.sigmoid_binary_cross_entropy(outputs[:, 0], true[:, 0]) / np.log(2) / 12,
    optax.softmax_cross_entropy(outputs[:, shape], true[:, shape]) / np.log(3) / 12,
    *np.square(outputs[:, 4:6] - true[:, 4:6]).T,
    optax.softmax_cross_entropy(outputs[:, foot], soft) / np.log(3) / 12,
  ]
  heard = batch["heard"]
  assert 0 < heard.mean() < 1
  expected = np.mean(np.stack(columns, axis=1), axis=1, where=heard)
  losses, _ = head.loss(tokens, batch, jax.random.key(0))
  np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_what_is_not_heard_moves_nothing(head, tokens, batch):
  graph, params = nnx.split(head)

  def mean_loss(params, batch):
    return nnx.merge(graph, params).loss(tokens, batch, jax.random.key(0))[0].mean()

  silent = batch["heard"] & (np.arange(5) != 1)  # The choice of a wave.
  gradient = jax.grad(mean_loss)(params, batch | {"heard": silent})["output"]["bias"][...]
  assert (np.asarray(gradient) != 0).tolist() == [True, *[False] * 3, *[True] * 5]
  nothing = np.zeros_like(silent)
  assert mean_loss(params, batch | {"heard": nothing}) == 0


def test_a_parameter_of_which_nothing_is_known_costs_a_twelfth_on_every_scale(head, tokens):
  graph, params = nnx.split(head)
  zero = nnx.merge(graph, jax.tree.map(jnp.zeros_like, params))
  for place in (0, 1, 4):
    heard = np.arange(5) == place
    batch = {"controls": MIXED.encode(MIXED.decode(np.ones(9)))[None], "heard": heard[None]}
    assert zero.loss(tokens[:1], batch, jax.random.key(0))[0] == pytest.approx(1 / 12)


def test_answers_are_numbers_and_probabilities(head, tokens):
  outputs, (found,) = (
    np.asarray(head(tokens)),
    np.asarray(head.answers(tokens, keys=jax.random.split(jax.random.key(0), 8), count=3)).swapaxes(
      0, 1
    ),
  )
  np.testing.assert_array_equal(found[:, 4:6], outputs[:, 4:6])
  np.testing.assert_allclose(found[:, 0], scipy.special.expit(outputs[:, 0]), atol=1e-6)
  for part in (slice(1, 4), slice(6, 9)):
    np.testing.assert_allclose(
      found[:, part], scipy.special.softmax(outputs[:, part], 1), atol=1e-6
    )


def test_the_report_has_the_errors_of_the_space(head, tokens, batch):
  answers = head.answers(tokens, keys=jax.random.split(jax.random.key(0), 8), count=1)[:, 0]
  expected = MIXED.errors(batch["controls"], np.clip(answers, 0, 1))
  expected[:, 3] = np.abs(np.clip(answers[:, 5], 0, 1) - batch["controls"][:, 5])  # Not rounded.
  expected[~batch["heard"]] = np.nan
  _, report = head.loss(tokens, batch, jax.random.key(0))
  np.testing.assert_allclose(report["error"], expected, atol=1e-6)
  rows = np.nansum(expected[:, 2:4], 1) / batch["heard"][:, 2:4].sum(1).clip(1)
  rows[~batch["heard"][:, 2:4].any(1)] = np.nan
  np.testing.assert_allclose(report["numerical_mae"], rows, atol=1e-6)
  np.testing.assert_array_equal(report["binary_accuracy"], expected[:, 0] == 0)
  hits = np.where(batch["heard"], expected == 0, np.nan)[:, [1, 4]]
  assert set(report) == {"error", "numerical_mae", "binary_accuracy", "categorical_accuracy"}
  np.testing.assert_allclose(report["categorical_accuracy"], np.nanmean(hits, axis=1))


def test_numbers_alone_have_the_papers_loss(tokens):
  size = {"num_frames": 3, "num_bins": 4, "num_controls": 4, "seed": 0}
  batch = {"controls": RNG.random((8, 4), np.float32)}
  heads = [models.create("mlp_tiny", **size, head=name).head for name in ("regression", "by_kind")]
  one, other = (head.loss(tokens, batch, jax.random.key(0))[0] for head in heads)
  np.testing.assert_allclose(one, other, rtol=1e-6)


def test_a_layout_of_other_controls_is_refused():
  with pytest.raises(UserError, match="cannot be built: the layout is not one of 5 controls"):
    models.create("mlp_tiny", **SIZES | {"num_controls": 5}, head="by_kind", seed=0)
