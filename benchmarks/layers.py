"""Compares our layers with Flax's own in a training step: what they gain on this machine.

    python -m benchmarks.layers [--rounds=9]

`models/layers.py` and `CNN._convolve` compute what layers of Flax compute, with less work for a
CPU. Each case is a step of forward and backward pass on one batch that is already in memory; both
ways alternate in one process, and a ratio is the median of ratios of neighbouring rounds.
"""

import argparse
import contextlib
import statistics
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from benchmarks.task import CONTROLS, MEL, SIZES
from synthmatch_jax import models
from synthmatch_jax.models import ast, cnn, regression, transformer

CASES: dict[str, tuple[str, dict[str, Any]]] = {
  "small AST, stride 16": ("ast_small", {"stride": 16}),
  "small AST, stride 10": ("ast_small", {"stride": 10}),
  "CNN of 32 channels": ("cnn", {"channels": 32, "width": 512}),
  "the paper's CNN": ("cnn", {}),
}
BATCH_SIZE = 32


def flax_gelu(x: jax.Array, activation: str) -> jax.Array:
  """Stands for `layers.gelu`."""
  return jax.nn.gelu(x, approximate=activation == "gelu_tanh")


def flax_layer_norm(norm: nnx.LayerNorm, x: jax.Array) -> jax.Array:
  """Stands for `layers.layer_norm`."""
  return norm(x)


def flax_attention(attention: nnx.MultiHeadAttention, x: jax.Array, *, length: int) -> jax.Array:
  """Stands for `layers.self_attention`."""
  return attention(x.reshape(-1, length, x.shape[-1]), decode=False).reshape(x.shape)


def flax_convolution(self: cnn.CNN, conv: nnx.Conv, x: jax.Array) -> jax.Array:
  """Stands for `CNN._convolve`."""
  del self
  return conv(x)


FLAX = (
  (transformer, "gelu", flax_gelu),
  (regression, "gelu", flax_gelu),
  (transformer, "layer_norm", flax_layer_norm),
  (ast, "layer_norm", flax_layer_norm),
  (transformer, "self_attention", flax_attention),
  (cnn.CNN, "_convolve", flax_convolution),
)
"""The owner and the name of each function of ours, with what takes its place."""


def compiled_step(name: str, arguments: dict[str, Any]) -> Callable[[], Any]:
  """Compiles the loss and its gradients with the layers of the moment; returns a call of it."""
  graphdef, state = nnx.split(models.create(name, **SIZES, seed=0, **arguments))
  rng = np.random.default_rng(0)
  batch: Any = {
    "mel": jnp.asarray(rng.standard_normal((BATCH_SIZE, *MEL), np.float32)),
    "controls": jnp.asarray(rng.random((BATCH_SIZE, CONTROLS), np.float32)),
  }

  def loss(state: nnx.State) -> jax.Array:
    model = nnx.merge(graphdef, state)
    model.train()
    return model.loss(batch, jax.random.key(0))[0].mean()

  step = jax.jit(jax.value_and_grad(loss, allow_int=True))
  jax.block_until_ready(step(state))
  return lambda: jax.block_until_ready(step(state))


def seconds(call: Callable[[], Any], *, least: float = 0.3) -> float:
  """Measures the mean time of a call over as many as take `least` seconds."""
  count, start = 0, time.perf_counter()
  while count == 0 or time.perf_counter() < start + least:
    call()
    count += 1
  return (time.perf_counter() - start) / count


def main() -> None:
  """Measures and prints the table."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--rounds", type=int, default=9, help="number of rounds of each way")
  options = parser.parse_args()
  print("| model | ours, ms | Flax's, ms | Flax's / ours |")
  print("|---|---:|---:|---:|")
  for title, (name, arguments) in CASES.items():
    ours = compiled_step(name, arguments)
    with contextlib.ExitStack() as stack:
      for owner, function, plain in FLAX:
        stack.enter_context(mock.patch.object(owner, function, plain))
      flax = compiled_step(name, arguments)
    rounds = [(seconds(ours), seconds(flax)) for _ in range(options.rounds)]
    one, other = (1e3 * statistics.median(way) for way in zip(*rounds, strict=True))
    ratios = [b / a for a, b in rounds]
    shown = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    print(f"| {title} | {one:.0f} | {other:.0f} | {shown} |", flush=True)


if __name__ == "__main__":
  main()
