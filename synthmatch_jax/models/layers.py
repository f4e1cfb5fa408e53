"""Functions of the transformer's layers, with gradients that cost a CPU less than Flax's.

The layers themselves, and so the weights, are Flax's. The gain is measured in docs/benchmarks.md.
Like all functions with a custom gradient, these do not support forward-mode differentiation.
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

Activation = Literal["gelu_tanh", "gelu_exact"]
"""GELU by its tanh approximation (the original ViT code in JAX) or by erf (PyTorch, AST).

The tanh form is cheaper on a CPU.
"""

ComputeDtype = Literal["float32", "bfloat16"]
"""The dtype that layers compute in; weights are float32 in both cases."""


def gelu(x: Float[Array, "*shape"], activation: Activation) -> Float[Array, "*shape"]:
  """Applies the Gaussian error linear unit."""
  return gelu_tanh(x) if activation == "gelu_tanh" else jax.nn.gelu(x, approximate=False)


@jax.custom_vjp
def gelu_tanh(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
  """Applies the GELU by its tanh approximation; keeps only `x` and the tanh for its gradient."""
  return _gelu_forward(x)[0]


def _gelu_forward(x):
  tanh = jnp.tanh((2 / jnp.pi) ** 0.5 * (x + 0.044715 * x * x * x))
  return 0.5 * x * (1 + tanh), (x, tanh)


def _gelu_backward(saved, gradient):
  x, tanh = saved
  inner = (2 / jnp.pi) ** 0.5 * (1 + 3 * 0.044715 * x * x)
  return (gradient * 0.5 * (1 + tanh + x * (1 - tanh * tanh) * inner),)


gelu_tanh.defvjp(_gelu_forward, _gelu_backward)


def layer_norm(norm: nnx.LayerNorm, x: Float[Array, "n w"]) -> Float[Array, "n w"]:
  """Normalises over the last axis in float32; the gradient is computed in closed form."""
  out = _layer_norm(x, _value(norm.scale), _value(norm.bias), norm.epsilon)
  return out.astype(norm.dtype or x.dtype)


@jax.custom_vjp
def _layer_norm(x, scale, bias, epsilon):
  return _layer_norm_forward(x, scale, bias, epsilon)[0]


def _layer_norm_forward(x, scale, bias, epsilon):
  wide = x.astype(jnp.float32)
  centred = wide - wide.mean(-1, keepdims=True)
  inverse = jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + epsilon)
  normal = centred * inverse
  return normal * scale + bias, (normal.astype(x.dtype), inverse, scale)


def _layer_norm_backward(saved, gradient):
  normal, inverse, scale = saved
  inner = gradient * scale
  along = (inner * normal).mean(-1, keepdims=True)
  of_x = inverse * (inner - inner.mean(-1, keepdims=True) - normal * along)
  return of_x.astype(normal.dtype), (gradient * normal).sum(0), gradient.sum(0), None


_layer_norm.defvjp(_layer_norm_forward, _layer_norm_backward)


def self_attention(
  attention: nnx.MultiHeadAttention, x: Float[Array, "n w"], *, length: int
) -> Float[Array, "n w"]:
  """Self-attention that computes query, key and value in one matrix product.

  Args:
    attention: The layer, without dropout.
    x: Tokens of all sounds, one sound after the other.
    length: Number of tokens of a sound.
  """
  width, heads = x.shape[-1], attention.num_heads
  parts = (attention.query, attention.key, attention.value)
  kernel = jnp.concatenate([_value(p.kernel).reshape(width, -1) for p in parts], axis=1)
  bias = jnp.concatenate([_value(p.bias).reshape(-1) for p in parts])
  packed = x @ kernel.astype(x.dtype) + bias.astype(x.dtype)
  packed = packed.reshape(-1, length, 3, heads, width // heads)
  query, key, value = packed.transpose(2, 0, 3, 1, 4)
  query = query * query.shape[-1] ** -0.5
  scores = jnp.einsum("bhld,bhmd->bhlm", query, key, preferred_element_type=jnp.float32)
  gathered = jax.nn.softmax(scores, axis=-1).astype(x.dtype) @ value
  gathered = gathered.transpose(0, 2, 1, 3).reshape(x.shape)
  kernel, bias = _value(attention.out.kernel), _value(attention.out.bias)
  return gathered @ kernel.reshape(width, width).astype(x.dtype) + bias.astype(x.dtype)


def _value(weight: Any) -> Array:
  """Returns the array of a weight, which Flax types as optional; these layers have them all."""
  return weight[...]
