"""What training and inference rely on, for every model of the table."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from synthmatch_jax import models
from synthmatch_jax.errors import UserError

TINY = ["ast_tiny", "cnn_tiny", "resnet_tiny", "mlp_tiny"]
SIZE = {"num_frames": 40, "num_bins": 32, "num_controls": 16}

predict = nnx.jit(lambda model, mel: model(mel))


def mels(batch):
  rng = np.random.default_rng(0)
  shape = (batch, SIZE["num_frames"], SIZE["num_bins"])
  return jnp.asarray(rng.standard_normal(shape, np.float32))


def create(name, seed=0, **overrides):
  return models.create(name, **SIZE, seed=seed, **overrides)


def arrays(model):
  return jax.tree.leaves(nnx.state(model, (nnx.Param, nnx.BatchStat)))


@pytest.mark.parametrize("name", models.MODELS)
def test_every_model_maps_mels_to_controls(name):
  def run(mel):
    model = models.create(name, num_frames=87, num_bins=64, num_controls=23, seed=0)
    return model(mel)

  controls = nnx.eval_shape(run, jax.ShapeDtypeStruct((5, 87, 64), jnp.float32))
  assert (controls.shape, controls.dtype) == ((5, 23), jnp.float32)


@pytest.mark.parametrize("name", TINY)
def test_seed_decides_the_weights(name):
  one, same, other = arrays(create(name)), arrays(create(name)), arrays(create(name, seed=1))
  assert all((a == b).all() for a, b in zip(one, same, strict=True))
  assert any((a != b).any() for a, b in zip(one, other, strict=True))
  dropping = arrays(create(name, dropout=0.5))
  assert all((a == b).all() for a, b in zip(one, dropping, strict=True))


@pytest.mark.parametrize("name", TINY)
def test_sounds_do_not_see_each_other(name):
  model = create(name)
  model.eval()
  mel = mels(4)
  controls = predict(model, mel)
  np.testing.assert_allclose(predict(model, mel[::-1])[::-1], controls, atol=1e-5)
  np.testing.assert_allclose(predict(model, mel[2:3]), controls[2:3], atol=1e-5)
  assert controls.std(axis=0).min() > 1e-4


@pytest.mark.parametrize("name", TINY)
def test_dropout_works_in_training_only(name):
  model, mel = create(name, dropout=0.3), mels(4)
  assert jnp.abs(predict(model, mel) - predict(model, mel)).max() > 1e-3
  model.eval()
  assert (predict(model, mel) == predict(model, mel)).all()


@pytest.mark.parametrize("name", ["cnn_tiny", "resnet_tiny", "mlp_tiny"])
def test_batch_norm_learns_in_training_only(name):
  model, mel = create(name, dropout=0.0), mels(16)

  def statistics():
    return jax.tree.leaves(nnx.state(model, nnx.BatchStat))

  before = [np.array(s) for s in statistics()]
  model.eval()
  predict(model, mel)
  assert all((a == b).all() for a, b in zip(before, statistics(), strict=True))
  model.train()
  for _ in range(100):
    in_training = predict(model, mel)
  assert all((a != b).any() for a, b in zip(before, statistics(), strict=True))
  # After many looks at one batch, the running statistics are that batch's.
  model.eval()
  np.testing.assert_allclose(predict(model, mel), in_training, atol=1e-2)


@pytest.mark.parametrize("name", TINY)
def test_learns_eight_sounds_by_heart(name):
  model = create(name, dropout=0.0)
  mel = mels(8)
  controls = jnp.asarray(np.random.default_rng(1).random((8, 16), np.float32))
  optimizer = nnx.Optimizer(model, optax.adam(2e-3), wrt=nnx.Param)

  @nnx.jit
  def step(model, optimizer):
    loss, gradient = nnx.value_and_grad(lambda m: jnp.mean((m(mel) - controls) ** 2))(model)
    optimizer.update(model, gradient)
    return loss

  losses = [float(step(model, optimizer)) for _ in range(60)]
  assert controls.var() > 0.05
  assert losses[-1] < 3e-3, losses[::10]


def test_mel_of_another_shape_is_refused():
  for name in TINY:
    with pytest.raises(ValueError, match="40 frames, 32 bins"):
      create(name)(mels(2).swapaxes(1, 2))


def test_unknown_model_lists_the_known():
  with pytest.raises(UserError, match=r"no model 'ast_bass'; known: ast_base, .*mlp_tiny"):
    create("ast_bass")


def test_unknown_argument_lists_the_known():
  message = "model ast_tiny has no argument 'strid'; known: patch_size, stride, width"
  with pytest.raises(UserError, match=message):
    create("ast_tiny", strid=6)
  with pytest.raises(UserError, match="no argument 'rngs'"):
    create("ast_tiny", rngs=0)


def test_arguments_that_do_not_fit_are_the_users_mistake():
  with pytest.raises(UserError, match="ast_tiny cannot be built: patches of 64"):
    create("ast_tiny", patch_size=64)
  with pytest.raises(UserError, match="ast_tiny cannot be built"):
    create("ast_tiny", activation="relu")
  with pytest.raises(UserError, match="ast_tiny cannot be built"):
    create("ast_tiny", dtype="float")


def test_overrides_reach_the_model():
  assert create("ast_tiny", stride=4).encoder.grid == (7, 5)
