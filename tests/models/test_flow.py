"""A head that draws its answers: they lie where the patches are, and not between them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from synthmatch_jax import models
from synthmatch_jax.errors import UserError
from synthmatch_jax.models.flow import Flow

SIZES = {"num_frames": 4, "num_bins": 4}
SMALL = {"width": 32, "depth": 1, "head": "flow", "flow_width": 32, "flow_depth": 2}


def create(num_controls=2, **arguments):
  return models.create("mlp", **SIZES, num_controls=num_controls, seed=0, **SMALL | arguments)


def learned(model, sample, *, steps=300):
  """Trains a model on batches that `sample` draws: mel and controls."""
  model.eval()
  graphdef, params, rest = nnx.split(model, nnx.Param, ...)
  optimizer = optax.adam(3e-3)

  @jax.jit
  def step(params, state, key):
    def loss(params):
      return nnx.merge(graphdef, params, rest, copy=True).loss(sample(key), key)[0].mean()

    updates, state = optimizer.update(jax.grad(loss)(params), state)
    return optax.apply_updates(params, updates), state

  state = optimizer.init(params)
  for key in jax.random.split(jax.random.key(0), steps):
    params, state = step(params, state, key)
  return nnx.merge(graphdef, params, rest)


def answers(model, mel, keys, count):
  return jax.jit(lambda mel, keys: model.answers(mel, keys=keys, count=count))(mel, keys)


def keys(count):
  return jax.random.split(jax.random.key(1), count)


def two_peaks(key):
  """Sounds of two kinds; each is made by two patches, of which one has both controls turned."""
  kind, patch = (jax.random.bernoulli(k, shape=(128, 1)) for k in jax.random.split(key))
  mel = jnp.where(kind, 1.0, -1.0)[..., None] * jnp.ones((128, 4, 4))
  one = jnp.where(patch, 0.8, 0.2)
  return {"mel": mel, "controls": jnp.hstack([one, jnp.where(kind, one, 1 - one)])}


@pytest.fixture(scope="module")
def drawn():
  """(2, 200, 2): draws for a sound of each kind."""
  model = learned(create(unconditional=0.0), two_peaks)
  mel = jnp.stack([jnp.ones((4, 4)), -jnp.ones((4, 4))])
  return np.asarray(answers(model, mel, keys(2), 200))


def test_draws_lie_on_the_peaks_and_as_often_as_patches_do(drawn):
  distance = np.minimum(abs(drawn - 0.2), abs(drawn - 0.8))
  assert np.quantile(distance, 0.9) < 0.1
  share = (drawn[..., 0] > 0.5).mean(axis=1)
  np.testing.assert_allclose(share, 0.5, atol=0.15)


def test_draws_know_the_sound_and_how_controls_go_together(drawn):
  alike = ((drawn[..., 0] > 0.5) == (drawn[..., 1] > 0.5)).mean(axis=1)
  assert alike[0] > 0.9
  assert alike[1] < 0.1


@pytest.mark.slow
def test_a_choice_is_drawn_as_often_as_it_comes():
  layout = (("numerical", 1), ("categorical", 3))

  def sample(key):
    option = jax.random.categorical(key, jnp.log(jnp.array([0.6, 0.3, 0.1])), shape=(128,))
    number = jnp.where(option == 0, 0.9, 0.1)[:, None]
    return {
      "mel": jnp.zeros((128, 4, 4)),
      "controls": jnp.hstack([number, jax.nn.one_hot(option, 3)]),
    }

  model = create(4)
  model.head = Flow(
    model.encoder, num_controls=4, layout=layout, flow_width=32, flow_depth=2, rngs=nnx.Rngs(0)
  )
  found = answers(learned(model, sample), jnp.zeros((1, 4, 4)), keys(1), 400)[0]
  option = np.asarray(found[:, 1:]).argmax(axis=1)
  np.testing.assert_allclose(np.bincount(option, minlength=3) / 400, [0.6, 0.3, 0.1], atol=0.1)
  assert ((found[:, 0] > 0.5) == (option == 0)).mean() > 0.9


def test_answers_are_a_function_of_the_sounds_key_and_the_first_ones_of_a_lower_count():
  model = create(guidance=1.5)
  model.eval()
  mel = jax.random.normal(jax.random.key(2), (3, 4, 4))
  found = answers(model, mel, keys(3), 4)
  assert found.shape == (3, 4, 2)
  assert ((found >= 0) & (found <= 1)).all()
  np.testing.assert_allclose(answers(model, mel, keys(3), 2), found[:, :2], atol=1e-6)
  alone = answers(model, mel[1:2], keys(3)[1:2], 4)
  np.testing.assert_allclose(alone[0], found[1], atol=1e-5)


def test_what_cannot_be_heard_does_not_count():
  model = create()
  model.eval()
  loss = jax.jit(lambda batch: model.loss(batch, jax.random.key(0))[0])
  controls = jnp.array([[0.1, 0.2], [0.1, 0.9]])
  batch = {"mel": jnp.zeros((2, 4, 4)), "controls": controls}
  heard = {"heard": jnp.array([[True, False], [True, False]])}
  other = {"controls": controls.at[:, 1].set(0.5)}
  # A velocity is 0 at first: each control has a loss of its own.
  np.testing.assert_allclose(loss(batch | heard | other), loss(batch | heard), rtol=1e-5)
  assert (np.abs(loss(batch | other) - loss(batch)) > 1e-3).all()


@pytest.mark.parametrize(
  ("wrong", "said"),
  [
    ({"flow_heads": 5}, "flow_heads must divide flow_width"),
    ({"flow_steps": 0}, "flow_steps must be at least 1"),
    ({"guidance": 2.0, "unconditional": 0.0}, "guidance needs sounds that training has hidden"),
    ({"unconditional": 1.0}, "unconditional is a share below 1"),
  ],
)
def test_arguments_that_cannot_be_are_told(wrong, said):
  with pytest.raises(UserError, match=said):
    create(**wrong)
