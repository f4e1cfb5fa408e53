"""Multi-layer perceptrons whose outputs are the controls."""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from synthmatch_jax.models.base import require_positive, require_rate
from synthmatch_jax.models.layers import gelu_tanh

Activation = Literal["gelu_tanh", "gelu_exact"]
"""GELU by its tanh approximation (the original ViT code in JAX) or by erf (PyTorch, AST).

The tanh form is cheaper on a CPU.
"""

ComputeDtype = Literal["float32", "bfloat16"]
"""The dtype that layers compute in; weights are float32 in both cases."""


def gelu(x: Float[Array, "*shape"], activation: Activation) -> Float[Array, "*shape"]:
  """Applies the Gaussian error linear unit."""
  return gelu_tanh(x) if activation == "gelu_tanh" else jax.nn.gelu(x, approximate=False)


class MLPHead(nnx.Module):
  """The AST's head: `depth` layers (linear, GELU), then a linear output layer.

  Paper, section 2.2: "a small 3-layer MLP of width 768 between the output of the Transformer
  encoder and the output layer". The paper names no activation; we take the encoder's.

  Attributes:
    in_features: width of the encoder.
    out_features: number of controls.
    width: width of each hidden layer.
    depth: number of hidden layers; 0 for the output layer alone, as in the original AST.
    activation: form of the GELU after each hidden layer.
    dtype: compute dtype of the hidden layers; the output layer computes in float32.
  """

  def __init__(
    self,
    *,
    in_features: int,
    out_features: int,
    width: int = 768,
    depth: int = 3,
    activation: Activation = "gelu_tanh",
    dtype: ComputeDtype = "float32",
    rngs: nnx.Rngs,
  ):
    require_positive(in_features=in_features, out_features=out_features, width=width)
    if depth < 0:
      raise ValueError(f"depth must be at least 0, not {depth}")
    self.activation: Activation = activation
    sizes = [in_features] + [width] * depth
    self.layers = nnx.List(
      [nnx.Linear(n, width, dtype=jnp.dtype(dtype), rngs=rngs) for n in sizes[:-1]]
    )
    self.output = nnx.Linear(sizes[-1], out_features, rngs=rngs)

  def __call__(self, x: Float[Array, "b w"]) -> Float[Array, "b d"]:
    """Maps the encoder's output to controls, float32."""
    for layer in self.layers:
      x = gelu(layer(x), self.activation)
    return self.output(x.astype(jnp.float32))


class BatchNormMLP(nnx.Module):
  """The baselines' MLP: `depth` layers (linear, batch norm, ReLU, dropout), then a linear one.

  Paper, section 3.2.1: "5-layer MLP with width of 2048, including batch normalization and a
  dropout of p = 0.3, with ReLU activations". We read "5-layer" as five hidden layers of that
  width and an output layer after them, as the paper counts the layers of its AST head (the code of
  its reference [7], flow_synthesizer, counts the output layer as the fifth). The order within a
  layer is that of this code; so are the bias before the normalisation and the momentum, which are
  PyTorch's defaults.

  Where a run keeps an average of its weights, that is used with the running statistics of the
  weights that were averaged, here and in the ResNet; to compute them anew gained nothing that
  could be relied on.

  Attributes:
    in_features: length of the input vectors.
    out_features: number of controls.
    width: width of each hidden layer.
    depth: number of hidden layers.
    dropout: dropout rate, in [0, 1).
  """

  def __init__(
    self,
    *,
    in_features: int,
    out_features: int,
    width: int = 2048,
    depth: int = 5,
    dropout: float = 0.3,
    rngs: nnx.Rngs,
  ):
    require_positive(in_features=in_features, out_features=out_features, width=width, depth=depth)
    require_rate(dropout=dropout)
    sizes = [in_features] + [width] * depth
    self.layers = nnx.List([nnx.Linear(n, width, rngs=rngs) for n in sizes[:-1]])
    self.norms = nnx.List([nnx.BatchNorm(width, momentum=0.9, rngs=rngs) for _ in range(depth)])
    self.dropout = nnx.Dropout(dropout, rngs=rngs)
    self.output = nnx.Linear(width, out_features, rngs=rngs)

  def __call__(self, x: Float[Array, "b w"]) -> Float[Array, "b d"]:
    """Maps vectors to controls."""
    for layer, norm in zip(self.layers, self.norms, strict=True):
      x = self.dropout(jax.nn.relu(norm(layer(x))))
    return self.output(x)
