import numpy as np
import pytest

from synthmatch_jax.metrics.parameters import squared_errors


def test_squared_errors_have_their_closed_form():
  target, estimate = np.array([0.0, 0.5, 1.0]), np.array([1.0, 0.5, 0.9])
  np.testing.assert_allclose(squared_errors(target, estimate), [1.0, 0.0, 0.01])


def test_a_constant_at_the_mean_scores_a_twelfth_on_uniform_controls():
  target = np.random.default_rng(0).random(100_000)
  errors = squared_errors(target, np.full_like(target, 0.5))
  assert errors.mean() == pytest.approx(1 / 12, rel=0.01)
