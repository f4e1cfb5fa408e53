"""How fast the devices could be, to tell how much of them a run uses."""

import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

# Dense bfloat16 operations a second of one device, by the beginning of its kind's name: NVIDIA's
# data sheets (SXM where there are several) and Google Cloud's TPU pages.
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
  "TPU v5": 459e12,  # v5p, which also calls itself so.
  "TPU v4": 275e12,
  "TPU v3": 61.5e12,  # A core.
}

_SIDE = 2048
_ROUNDS = 3


def peak_flops(devices: Sequence[Any]) -> float | None:
  """Floating-point operations a second of devices together; None where it is not known.

  Of accelerators as their makers state it, for bfloat16, whatever a model computes in: a share
  of it means the same for every run. Of a CPU as measured here, by multiplying matrices in
  float32; its devices share one machine.
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
