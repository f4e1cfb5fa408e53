"""Estimates what the full-size run would take on an accelerator (computed, not measured).

    python -m benchmarks.estimate --utilisation=0.4

The estimate uses the model's floating-point operations (`models.flops`), the peaks that makers
state (`training.hardware`), and the memory that XLA plans for the training step, here on a CPU.
"""

import argparse

import jax
import jax.numpy as jnp
from flax import nnx

from benchmarks.task import CONTROLS, MEL, SIZES, STATISTICS
from configs import ast
from synthmatch_jax import config as configs
from synthmatch_jax import models
from synthmatch_jax.models import flops
from synthmatch_jax.training import hardware, state
from synthmatch_jax.training import optimizer as optimizers
from synthmatch_jax.training.step import make_train_step

_SOUNDS = 800_000  # The training split of a million.
_MACHINES = {"1 x NVIDIA A100": 1, "1 x NVIDIA H100": 1, "8 x TPU v5 lite": 8}


def memory(dtype: str, batch_size: int) -> tuple[float, float]:
  """Returns the bytes of the run's state, and of the rest of a training step, as XLA plans it."""
  config = ast.get_config()
  arguments = configs.arguments(config.model) | {"dtype": dtype}
  optimizer = optimizers.create(**configs.arguments(config.optimizer))

  def begin():
    return state.create(models.create(**arguments, **SIZES, seed=0), optimizer)

  graphdef, shapes = nnx.eval_shape(begin)
  batch = {
    "mel": jax.ShapeDtypeStruct((batch_size, *MEL), jnp.float32),
    "controls": jax.ShapeDtypeStruct((batch_size, CONTROLS), jnp.float32),
  }
  step = jax.jit(make_train_step(graphdef, optimizer, STATISTICS), donate_argnums=0)
  planned = step.lower(shapes, batch).compile().memory_analysis()
  return planned.argument_size_in_bytes, planned.temp_size_in_bytes


def main() -> None:
  """Prints the tables."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--utilisation", type=float, default=0.4, help="fraction of the stated peak")
  parser.add_argument("--batch_sizes", type=int, nargs="+", default=[64, 256])
  options = parser.parse_args()
  config = ast.get_config()
  arguments = configs.arguments(config.model)
  model = nnx.eval_shape(lambda: models.create(**arguments, **SIZES, seed=0))
  example = flops.training_flops(model)
  epochs = config.train.epochs
  print(f"{models.num_params(model):,} weights; {example / 1e9:.1f} GFLOP a sound and step;")
  print(f"{example * _SOUNDS * epochs:.2e} FLOP for {epochs} epochs of {_SOUNDS:,} sounds\n")
  print(f"| machine | peak, bf16 | sounds/s at {options.utilisation:.0%} | hours |")
  print("|---|---:|---:|---:|")
  for name, count in _MACHINES.items():
    kind = name.split(" x ")[1]
    peak = count * next(p for n, p in hardware.PEAKS.items() if kind.startswith(n))
    rate = options.utilisation * peak / example
    hours = _SOUNDS * epochs / rate / 3600
    print(f"| {name} | {peak / 1e12:.0f} TFLOP/s | {rate:,.0f} | {hours:.1f} |")
  print("\n| compute | batch | state | the rest of a step |")
  print("|---|---:|---:|---:|")
  for dtype in ("float32", "bfloat16"):
    for size in options.batch_sizes:
      kept, rest = memory(dtype, size)
      print(f"| {dtype} | {size} | {kept / 1e9:.1f} GB | {rest / 1e9:.1f} GB |")


if __name__ == "__main__":
  main()
