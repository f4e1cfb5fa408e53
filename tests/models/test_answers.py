"""A model that draws its answers, through training and inference: neither knows how it answers."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from synthmatch_jax.data import pipeline, survey
from synthmatch_jax.data.statistics import TrainingData
from synthmatch_jax.exported import Exported
from synthmatch_jax.inference import Predictor
from synthmatch_jax.models.base import Estimator
from synthmatch_jax.training import state, validation
from synthmatch_jax.training.run import Run
from synthmatch_jax.training.step import make_train_step


class Normal(Estimator):
  """Answers with draws from one normal distribution, fitted by its likelihood."""

  def __init__(self, **sizes):
    super().__init__(**sizes)
    self.mean = nnx.Param(jnp.full(self.num_controls, 0.5))
    self.log_std = nnx.Param(jnp.full(self.num_controls, -1.0))

  def loss(self, batch, key):
    scaled = (batch["controls"] - self.mean[...]) * jnp.exp(-self.log_std[...])
    noise = jax.random.normal(key, scaled.shape)
    likelihood = (scaled**2 / 2 + self.log_std[...] + 1e-3 * noise).sum(-1)
    return likelihood, {"farthest": jnp.abs(scaled).max(-1)}

  def answers(self, mel, *, keys, count):
    draws = jax.vmap(lambda key: jax.random.normal(key, (count, self.num_controls)))(keys)
    return self.mean[...] + jnp.exp(self.log_std[...]) * draws


@pytest.fixture
def dataset(tiny_dataset):
  return tiny_dataset.open()


@pytest.fixture
def predictor(dataset):
  model = Normal(**dataset.recipe.sizes)
  data = TrainingData(dataset={}, recipe=dataset.recipe, statistics=survey.compute(dataset))
  return Predictor(Exported(model=model, arguments={}, data=data, step=0))


def test_it_learns_by_its_own_loss(dataset):
  graphdef, current = state.create(Normal(**dataset.recipe.sizes), tx := optax.adam(0.05))
  step = jax.jit(make_train_step(graphdef, tx, survey.compute(dataset)))
  for batch, _ in zip(
    pipeline.training_batches(dataset, batch_size=48, seed=0), range(150), strict=False
  ):
    current, _ = step(current, batch)
  _, controls = dataset.read("train")
  np.testing.assert_allclose(current.params["mean"][...], controls.mean(0), atol=0.02)
  np.testing.assert_allclose(np.exp(current.params["log_std"][...]), controls.std(0), atol=0.02)


def test_validation_reports_what_it_says(make_config, dataset, monkeypatch):
  run = Run.open(make_config("mlp_tiny"))
  monkeypatch.setattr(Run, "model", lambda self: Normal(**dataset.recipe.sizes))
  metrics = validation.evaluate(run.eval_step(survey.compute(dataset)), run.begin(), run)
  assert set(metrics) == {"validation/loss", "validation/farthest"}
  assert validation.table(metrics, {"osc1_amp": 0.1}) == ""


def test_answers_are_as_many_as_asked_for_and_a_function_of_the_sounds_seed(predictor):
  recipe = predictor.recipe
  mel = np.zeros((3, recipe.num_frames, recipe.mel.n_mels), np.float32)
  seeds = np.array([4, 5, 4], np.int32)
  found = predictor.answers(mel, count=6, seeds=seeds)
  assert found.shape == (3, 6, recipe.space.width)
  assert 0 <= found.min() < found.max() <= 1
  np.testing.assert_array_equal(found[0], found[2])
  assert (found[0] != found[1]).any()
  alone = predictor.answers(mel[:1], count=6, seeds=seeds[1:2])
  np.testing.assert_array_equal(alone[0], found[1])
  np.testing.assert_array_equal(predictor.predict(mel), predictor.answers(mel)[:, 0])


def test_a_regression_has_one_answer_however_many_are_asked_for(tiny_run):
  predictor = Predictor.load(tiny_run)
  mel = np.zeros((2, predictor.recipe.num_frames, predictor.recipe.mel.n_mels), np.float32)
  np.testing.assert_array_equal(predictor.answers(mel, count=9)[:, 0], predictor.predict(mel))
  assert predictor.answers(mel, count=9).shape[1] == 1
