import pytest

from synthmatch_jax.config import base_config


@pytest.fixture
def make_config(tiny_dataset):
  """Makes configs of runs on the tiny data set: `make_config("mlp_tiny", steps=10, ...)`."""

  def make(model, *, learning_rate=1e-3, seed=0, overrides=None, **train):
    config = base_config()
    config.seed = seed
    config.data.name, config.data.dir = tiny_dataset.name, str(tiny_dataset.dir)
    config.model.update({"name": model} | (overrides or {}))
    config.optimizer.learning_rate = learning_rate
    config.train.update({"batch_size": 8} | train)
    return config

  return make
