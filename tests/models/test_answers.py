"""A head that draws its answers, through training and inference: neither knows how it answers."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from synthmatch_jax import exported, models
from synthmatch_jax.data import fit_statistics, pipeline
from synthmatch_jax.inference import Predictor
from synthmatch_jax.models.head import Head
from synthmatch_jax.training import loop, run_log, state, trained, validation
from synthmatch_jax.training.run import Run
from synthmatch_jax.training.step import make_train_step


class Normal(Head):
  """Answers with draws from a normal distribution, fitted by its likelihood.

  Its mean is a constant, to which `share` of a linear function of the tokens is added.
  """

  def __init__(self, encoder, *, num_controls, share: float = 0.0, rngs):
    self.share = share
    self.mean = nnx.Param(jnp.full(num_controls, 0.5))
    self.log_std = nnx.Param(jnp.full(num_controls, -1.0))
    self.linear = nnx.Linear(encoder.token_width, num_controls, rngs=rngs)

  def means(self, tokens):
    return self.mean[...] + self.share * self.linear(tokens.mean(axis=1))

  def loss(self, tokens, batch, key):
    scaled = (batch["controls"] - self.means(tokens)) * jnp.exp(-self.log_std[...])
    noise = jax.random.normal(key, scaled.shape)
    likelihood = (scaled**2 / 2 + self.log_std[...] + 1e-3 * noise).sum(-1)
    return likelihood, {"farthest": jnp.abs(scaled).max(-1)}

  def answers(self, tokens, *, keys, count):
    shape = (count, *self.mean.shape)
    draws = jax.vmap(lambda key: jax.random.normal(key, shape))(keys)
    return self.means(tokens)[:, None] + jnp.exp(self.log_std[...]) * draws


@pytest.fixture(autouse=True)
def registered(monkeypatch):
  monkeypatch.setitem(models.HEADS, "normal", Normal)


@pytest.fixture
def dataset(tiny_dataset):
  return tiny_dataset.open()


def trained_run(make_config, folder, name="mlp_tiny", **overrides):
  config = make_config(name, overrides={"head": "normal", **overrides}, steps=2)
  assert loop.train_and_evaluate(config, folder)
  return folder


@pytest.fixture
def predictor(make_config, tmp_path):
  return Predictor.load(trained_run(make_config, tmp_path))


@pytest.mark.parametrize(
  "name",
  [
    "ast_tiny",
    "mlp_tiny",
    pytest.param("cnn_tiny", marks=pytest.mark.slow),
    pytest.param("resnet_tiny", marks=pytest.mark.slow),
  ],
)
def test_a_head_works_with_every_encoder_from_the_config_to_the_export(
  name, make_config, tiny_dataset, tmp_path
):
  run = trained_run(make_config, tmp_path / "run", name, share=0.5)
  metrics = [line for line in run_log.read(run) if "validation/loss" in line]
  assert set(metrics[-1]) > {"train/loss", "validation/loss", "validation/farthest"}
  found = trained.load(run)
  assert found.arguments == {"name": name, "head": "normal", "share": 0.5}
  assert (found.model.head.share, type(found.model.encoder)) == (0.5, models.MODELS[name][0])
  exported.write(tmp_path / "exported", found, card="")
  mel, _ = tiny_dataset.open().read("test")
  one, two = (Predictor.load(tmp_path / folder) for folder in ("run", "exported"))
  answers = one.answers(mel, count=5)
  assert answers.shape == (len(mel), 5, 16)
  assert answers.std(axis=1).mean() > 0.01
  np.testing.assert_array_equal(two.answers(mel, count=5), answers)


def test_it_learns_by_its_own_loss(dataset):
  model = models.create("mlp_tiny", **dataset.recipe.sizes, head="normal", seed=0)
  graphdef, current = state.create(model, tx := optax.adam(0.05))
  step = jax.jit(make_train_step(graphdef, tx, fit_statistics.compute(dataset)))
  for batch, _ in zip(
    pipeline.training_batches(dataset, batch_size=48, seed=0), range(150), strict=False
  ):
    current, _ = step(current, batch)
  _, controls = dataset.read("train")
  found = current.params["head"]
  np.testing.assert_allclose(found["mean"][...], controls.mean(0), atol=0.02)
  np.testing.assert_allclose(np.exp(found["log_std"][...]), controls.std(0), atol=0.02)


def test_validation_reports_what_it_says(make_config, dataset):
  run = Run.open(make_config("mlp_tiny", overrides={"head": "normal"}))
  metrics = validation.evaluate(run.eval_step(fit_statistics.compute(dataset)), run.begin(), run)
  assert set(metrics) == {"validation/loss", "validation/farthest"}
  assert validation.table(metrics, {"mse/osc1_amp": 0.1}) == ""


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
