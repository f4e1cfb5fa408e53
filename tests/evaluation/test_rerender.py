import numpy as np
import pytest

from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import rerender
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths.vital import Vital


@pytest.fixture(scope="module")
def recipe():
  synth = Vital()
  return Recipe(
    engine="vital",
    fingerprint=synth.fingerprint(),
    space=synth.space,
    prior=prior.load("presets", synth.space),
    seconds=1.0,
  )


@pytest.fixture(scope="module")
def targets(recipe):
  rng = np.random.default_rng(3)
  return np.stack([prior.sample(recipe.prior, recipe.space, rng) for _ in range(20)])


def test_the_oracle_is_at_the_floor_and_one_wrong_control_is_not(recipe, targets):
  wrong = targets.copy()
  wrong[:, recipe.space.names.index("osc1_amp")] *= 0.5
  rows = {"oracle": targets, "wrong": wrong, "mean": targets.mean(0, keepdims=True)}
  scores = rerender.score(targets, rows, recipe, workers=2)
  convergence = {row: metrics["spectral_convergence"] for row, metrics in scores.items()}
  assert all(values.shape == (20,) for values in convergence.values())
  # The engine repeats itself to -68 dB; twice the largest amplitude error is 1e-3.
  assert convergence["oracle"].max() < 1e-3
  assert np.median(convergence["wrong"]) > 0.05
  assert np.median(convergence["mean"]) > np.median(convergence["wrong"])


def test_results_do_not_depend_on_the_number_of_workers(recipe, targets):
  rows = {"reversed": targets[::-1]}
  one, three = (rerender.score(targets, rows, recipe, workers=w) for w in (1, 3))
  np.testing.assert_array_equal(
    one["reversed"]["spectral_convergence"], three["reversed"]["spectral_convergence"]
  )


def test_another_engine_than_the_data_sets_is_refused(recipe, targets):
  other = Recipe(**{**vars(recipe), "fingerprint": "vital/0 vita/0.0.1 base/0"})
  with pytest.raises(UserError, match=r"rendered by vital/0 .* the engine here is vital/2"):
    rerender.score(targets, {"oracle": targets}, other, workers=1)
