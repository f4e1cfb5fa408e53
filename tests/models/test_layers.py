"""Layers with gradients of their own against Flax's and JAX's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from synthmatch_jax.models.layers import LayerNorm, SelfAttention, gelu_tanh

SOUNDS, LENGTH, WIDTH = 3, 5, 12


def tokens(seed=0):
  rng = np.random.default_rng(seed)
  return jnp.asarray(2 * rng.standard_normal((SOUNDS * LENGTH, WIDTH), np.float32) + 1)


def assert_same(ours, flax, call_ours, call_flax):
  """Outputs and all gradients, of the same weights."""
  graphdef, _ = nnx.split(ours)
  _, state = nnx.split(flax)
  ours = nnx.merge(graphdef, state)

  def value(module, call, x):
    return (call(module, x).reshape(x.shape) * tokens(seed=1)).sum()

  def both(module, call):
    gradients = nnx.grad(value, argnums=(0, 2))(module, call, tokens())
    return [call(module, tokens()).reshape(SOUNDS * LENGTH, WIDTH), *jax.tree.leaves(gradients)]

  pairs = zip(both(ours, call_ours), both(flax, call_flax), strict=True)
  for a, b in pairs:
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5)


def test_gelu_and_its_gradient():
  x = jnp.linspace(-12, 12, 2001)
  peer = jax.vmap(jax.value_and_grad(jax.nn.gelu))(x)
  np.testing.assert_allclose(jax.vmap(jax.value_and_grad(gelu_tanh))(x), peer, atol=1e-5)


def test_layer_norm(with_random_weights):
  def build(kind):
    return with_random_weights(lambda: kind(WIDTH, epsilon=1e-6, rngs=nnx.Rngs(0)))

  def call(module, x):
    return module(x)

  assert_same(build(LayerNorm), build(nnx.LayerNorm), call, call)


def test_self_attention(with_random_weights):
  def build(kind):
    return with_random_weights(lambda: kind(3, WIDTH, decode=False, rngs=nnx.Rngs(0)))

  assert_same(
    build(SelfAttention),
    build(nnx.MultiHeadAttention),
    lambda module, x: module(x, length=LENGTH),
    lambda module, x: module(x.reshape(SOUNDS, LENGTH, WIDTH)),
  )


@pytest.mark.parametrize("kind", ["norm", "attention", "gelu"])
def test_bfloat16_stays(kind, with_random_weights):
  x = tokens().astype(jnp.bfloat16)
  if kind == "gelu":
    call = gelu_tanh
  elif kind == "norm":
    call = with_random_weights(lambda: LayerNorm(WIDTH, dtype=jnp.bfloat16, rngs=nnx.Rngs(0)))
  else:
    attention = with_random_weights(
      lambda: SelfAttention(3, WIDTH, decode=False, dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    )

    def call(x):
      return attention(x, length=LENGTH)

  out, gradient = jax.value_and_grad(lambda x: call(x).astype(jnp.float32).sum())(x)
  assert call(x).dtype == gradient.dtype == jnp.bfloat16
  assert jnp.isfinite(out)
