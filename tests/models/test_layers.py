"""Layers with gradients of their own against Flax's and JAX's."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from synthmatch_jax.models.layers import gelu_tanh, layer_norm, self_attention

SOUNDS, LENGTH, WIDTH = 3, 5, 12


def tokens(seed=0):
  rng = np.random.default_rng(seed)
  return jnp.asarray(2 * rng.standard_normal((SOUNDS * LENGTH, WIDTH), np.float32) + 1)


def assert_same(module, ours, flax):
  """Outputs, and gradients of weights and tokens."""

  def both(call):
    def value(module, x):
      return (call(module, x).reshape(x.shape) * tokens(seed=1)).sum()

    out = call(module, tokens()).reshape(tokens().shape)
    return [out, *jax.tree.leaves(nnx.grad(value, argnums=(0, 1))(module, tokens()))]

  for a, b in zip(both(ours), both(flax), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=5e-5)


def test_gelu_and_its_gradient():
  x = jnp.linspace(-12, 12, 2001)
  peer = jax.vmap(jax.value_and_grad(jax.nn.gelu))(x)
  np.testing.assert_allclose(jax.vmap(jax.value_and_grad(gelu_tanh))(x), peer, atol=1e-5)


def norm(dtype=None):
  return nnx.LayerNorm(WIDTH, epsilon=1e-6, dtype=dtype, rngs=nnx.Rngs(0))


def attention(dtype=None):
  return nnx.MultiHeadAttention(3, WIDTH, decode=False, dtype=dtype, rngs=nnx.Rngs(0))


def test_layer_norm(with_random_weights):
  assert_same(with_random_weights(norm), layer_norm, lambda module, x: module(x))


def test_self_attention(with_random_weights):
  assert_same(
    with_random_weights(attention),
    lambda module, x: self_attention(module, x, length=LENGTH),
    lambda module, x: module(x.reshape(SOUNDS, LENGTH, WIDTH)),
  )


@pytest.mark.parametrize("kind", ["gelu", "norm", "attention"])
def test_bfloat16_stays(kind, with_random_weights):
  if kind == "gelu":
    call = gelu_tanh
  elif kind == "norm":
    call = partial(layer_norm, with_random_weights(lambda: norm(jnp.bfloat16)))
  else:
    layer = with_random_weights(lambda: attention(jnp.bfloat16))
    call = partial(self_attention, layer, length=LENGTH)
  x = tokens()
  gradient = jax.grad(lambda x: call(x).astype(jnp.float32).sum())(x.astype(jnp.bfloat16))
  out = call(x.astype(jnp.bfloat16))
  assert out.dtype == gradient.dtype == jnp.bfloat16
  np.testing.assert_allclose(out.astype(jnp.float32), call(x), rtol=0.1, atol=0.1)
