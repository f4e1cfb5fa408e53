"""Counted operations against a count by hand, and against XLA's."""

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from synthmatch_jax import models
from synthmatch_jax.models import flops
from synthmatch_jax.models.encoder import Encoder
from synthmatch_jax.models.estimator import Estimator
from synthmatch_jax.models.regression import Regression


def abstract(name, **overrides):
  sizes = {"num_frames": 87, "num_bins": 64, "num_controls": 16}
  return nnx.eval_shape(lambda: models.create(name, **sizes, seed=0, **overrides))


def matmul(rows, inner, columns):
  return 2 * rows * inner * columns


def by_hand(*, patches, width, depth):
  tokens = patches + 1
  projections = 4 * matmul(tokens, width, width)  # query, key, value, output
  attention = 2 * matmul(tokens, width, tokens)  # scores and their use, over all heads
  mlp = 2 * matmul(tokens, width, 4 * width)
  head = 3 * matmul(1, width, width) + matmul(1, width, 16)
  return matmul(patches, 16 * 16, width) + depth * (projections + attention + mlp) + head


def test_ast_base():
  expected = by_hand(patches=13 * 9, width=768, depth=12)
  assert 20e9 < expected < 21e9  # about 2 x 85 M weights x 118 tokens
  assert flops.forward_flops(abstract("ast_base")) == expected


@pytest.mark.parametrize(("stride", "patches"), [(6, 13 * 9), (10, 9 * 6), (16, 6 * 4)])
def test_ast_small(stride, patches):
  model = abstract("ast_small", stride=stride)
  assert flops.forward_flops(model) == by_hand(patches=patches, width=192, depth=6)


def test_mlp():
  expected = matmul(1, 87 * 64, 2048) + 4 * matmul(1, 2048, 2048) + matmul(1, 2048, 16)
  assert flops.forward_flops(abstract("mlp")) == expected


@pytest.mark.parametrize("name", ["ast_small", "ast_base", "cnn_tiny", "mlp"])
def test_xla_counts_about_the_same(name):
  model = abstract(name)
  graphdef, state = nnx.split(model)

  def run(state, mel):
    model = nnx.merge(graphdef, state)
    model.eval()
    return model(mel)

  mel = jax.ShapeDtypeStruct((1, 87, 64), jnp.float32)
  counted = jax.jit(run).lower(state, mel).cost_analysis()["flops"]
  # XLA adds what is no product of matrices, and leaves out products with a convolution's padding.
  tolerance = 0.2 if name == "cnn_tiny" else 0.05
  assert flops.forward_flops(model) == pytest.approx(counted, rel=tolerance)


def test_a_concrete_model_counts_as_an_abstract_one():
  model = models.create("ast_tiny", num_frames=87, num_bins=64, num_controls=16, seed=0)
  assert flops.forward_flops(model) == flops.forward_flops(abstract("ast_tiny"))
  assert model.encoder.blocks[0].dropout.deterministic is False  # still in training mode


def test_a_loop_of_known_length_counts_by_its_rounds_and_one_of_unknown_length_not_at_all():
  class Looping(Encoder):
    def __init__(self, loop):
      super().__init__(num_frames=4, num_bins=3, token_width=3)
      self.weight = nnx.Param(jnp.ones((3, 3)))
      self.loop = loop

    def encode(self, mel):
      return self.loop(lambda x: x @ self.weight[...], mel.mean(axis=1))[:, None]

  def count(loop):
    head = Regression(encoder := Looping(loop), num_controls=2, rngs=nnx.Rngs(0))
    return flops.forward_flops(Estimator(encoder, head))

  def five_times(step, x):
    return jax.lax.scan(lambda x, _: (step(x), None), x, length=5)[0]

  def until_it_is_small(step, x):
    return jax.lax.while_loop(lambda x: x.sum() > 1, step, x)

  assert count(five_times) == 5 * matmul(1, 3, 3) + matmul(1, 3, 2)
  assert count(until_it_is_small) is None


def test_a_step_takes_the_velocity_of_a_flow_once_for_each_draw():
  def count(of, **arguments):
    return of(abstract("mlp_tiny", head="flow", **arguments))

  steps = [count(flops.training_flops, flow_steps=steps, flow_draws=4) for steps in (2, 8)]
  assert steps == [3 * count(flops.forward_flops, flow_steps=4)] * 2
  assert flops.training_flops(abstract("mlp")) == 3 * flops.forward_flops(abstract("mlp"))
