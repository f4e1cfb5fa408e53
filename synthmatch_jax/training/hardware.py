"""Peak speed of the devices, to compute how much of it a run uses."""

import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

# Dense bfloat16 operations per second of one device, by the beginning of the name of its kind, from
# NVIDIA's data sheets (SXM where there are several) and Google Cloud's TPU pages.
PEAKS = {
  "NVIDIA H100": 989e12,
  "NVIDIA H200": 989e12,
  "NVIDIA A100": 312e12,
  "NVIDIA L40S": 362e12,
  "NVIDIA L4": 121e12,
  "NVIDIA V100": 125e12,
  "TPU v6": 918e12,
  "TPU v5 lite": 197e12,
  "TPU v5e": 197e12,
  "TPU v5": 459e12,  # v5p reports this name, too.
  "TPU v4": 275e12,
  "TPU v3": 61.5e12,  # Of one core.
}

_SIDE = 2048
_ROUNDS = 3


def peak_flops(devices: Sequence[Any]) -> float | None:
  """Returns the floating-point operations per second of all devices; None where not known.

  For accelerators this is the makers' figure for bfloat16, whatever dtype a model computes in, so
  that utilisations of different runs can be compared. For a CPU it is measured, by multiplying
  matrices in float32, once for all its devices, which share one machine.
  """
  if devices[0].platform == "cpu":
    return _measured() * jax.process_count()
  for name, peak in PEAKS.items():
    if devices[0].device_kind.startswith(name):
      return peak * len(devices)
  return None


def _measured() -> float:
  matrix = jax.device_put(jnp.ones((_SIDE, _SIDE)), jax.local_devices()[0])
  multiply = jax.jit(jnp.matmul)
  seconds = []
  for _ in range(_ROUNDS + 1):  # The first one compiles.
    started = time.perf_counter()
    multiply(matrix, matrix).block_until_ready()
    seconds.append(time.perf_counter() - started)
  return 2 * _SIDE**3 / min(seconds)
