"""The part of `benchmarks.accelerator` that runs in JAX: peaks, correctness, speed, memory.

python -m benchmarks.on_jax --out=FILE.json [--rehearse]
"""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from benchmarks.measuring import Notes, seconds_of
from benchmarks.task import CONTROLS, MEL, SIZES, STATISTICS
from synthmatch_jax import models
from synthmatch_jax.models import flops
from synthmatch_jax.training import optimizer as optimizers
from synthmatch_jax.training import state as states
from synthmatch_jax.training.step import make_train_step

PRECISIONS = {"float32": "float32", "TF32": "tensorfloat32", "bfloat16": "bfloat16"}
"""Name in the tables -> the precision of JAX's products of float32 matrices."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sizes:
  """What is measured, and how long.

  Attributes:
    models: Name in the tables -> the name of a model, and its arguments.
    batches: The batch sizes of training steps, the most important one first.
    seconds: The length of a measurement.
    side: The side of the square matrices whose product is the peak.
    checked: The number of sounds on which results are compared.
    answered: The numbers of sounds whose answers are timed.
  """

  models: dict[str, tuple[str, dict[str, Any]]]
  batches: tuple[int, ...]
  seconds: float
  side: int
  checked: int
  answered: tuple[int, ...] = (1, 256)


# ASTModel has two class tokens; with two of ours, the same weights are those of both.
_TWO = {"class_tokens": 2}
FULL = Sizes(
  models={
    "AST-Base": ("ast_base", {"stride": 6, **_TWO}),
    "small AST": ("ast_small", {"stride": 10, **_TWO}),
  },
  batches=(256, 64, 1024),
  seconds=2.0,
  side=8192,
  checked=8,
)
REHEARSAL = Sizes(
  models={"AST-Base": ("ast_tiny", {"depth": 1, **_TWO})},
  batches=(4,),
  seconds=0.0,
  side=256,
  checked=2,
  answered=(1, 4),
)


def batch_of(size: int) -> dict[str, np.ndarray]:
  """Returns random mels and controls of the paper's sizes."""
  rng = np.random.default_rng(0)
  mel = rng.standard_normal((size, *MEL), np.float32)
  return {"mel": mel, "controls": rng.random((size, CONTROLS), np.float32)}


def create(name: str, arguments: dict[str, Any], precision: str) -> Any:
  """Builds a model that computes in a precision; all have the same weights."""
  dtype = "bfloat16" if precision == "bfloat16" else "float32"
  return models.create(name, **SIZES, seed=0, dtype=dtype, **arguments)


def peak(precision: str, sizes: Sizes) -> float:
  """Measures the operations per second of a product of random matrices."""
  dtype = jnp.bfloat16 if precision == "bfloat16" else jnp.float32
  rng = np.random.default_rng(0)
  a, b = (jnp.asarray(rng.standard_normal((sizes.side,) * 2, np.float32), dtype) for _ in range(2))
  product = jax.jit(jnp.matmul)
  with jax.default_matmul_precision(PRECISIONS[precision]):
    taken = seconds_of(lambda: product(a, b).block_until_ready(), seconds=sizes.seconds)
  return 2 * sizes.side**3 / taken


def compare(notes: Notes, sizes: Sizes) -> None:
  """Compares answers, loss and gradients with those of a CPU in float32."""
  label, (name, arguments) = next(iter(sizes.models.items()))
  batch: Any = batch_of(sizes.checked)

  def outcome(precision: str, device: Any) -> tuple[np.ndarray, float, np.ndarray]:
    with jax.default_device(device), jax.default_matmul_precision(PRECISIONS[precision]):
      graphdef, params, rest = nnx.split(create(name, arguments, precision), nnx.Param, ...)

      def loss(params, batch):
        model: Any = nnx.merge(graphdef, params, rest)
        return model.loss(batch, jax.random.key(0))[0].mean(), model(batch["mel"])

      (value, answers), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(params, batch)
      flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(jax.device_get(gradient))])
      return np.asarray(answers), float(value), flat

  answers, loss, gradient = outcome("float32", jax.devices("cpu")[0])
  for precision in PRECISIONS:
    with notes.measuring("correctness", model=label, precision=precision) as row:
      found = outcome(precision, jax.devices()[0])
      row["answers"] = _distance(found[0], answers)
      row["loss"] = abs(found[1] - loss) / loss
      row["gradient"] = _distance(found[2], gradient)


def _distance(found: np.ndarray, expected: np.ndarray) -> float:
  """Returns the norm of the difference over that of what is expected."""
  wide = expected.astype(np.float64)
  return float(np.linalg.norm(found - wide) / np.linalg.norm(wide))


def train(notes: Notes, sizes: Sizes, batches: tuple[int, ...], peaks: dict[str, float]) -> None:
  """Times training steps on a batch that is on the device, as `train` compiles them."""
  cases = [(m, p, b) for b in batches for m in sizes.models for p in reversed(PRECISIONS)]
  for label, precision, size in cases:
    name, arguments = sizes.models[label]
    about = {"model": label, "precision": precision, "batch": size}
    with (
      notes.measuring("training", **about) as row,
      jax.default_matmul_precision(PRECISIONS[precision]),
    ):
      optimizer = optimizers.create("adam", learning_rate=5e-5)
      model = create(name, arguments, precision)
      graphdef, state = states.create(model, optimizer)
      batch: Any = jax.device_put(batch_of(size))
      step = jax.jit(make_train_step(graphdef, optimizer, STATISTICS), donate_argnums=0)
      compiled = step.lower(state, batch).compile()
      state, loss = compiled(state, batch)
      row["first_loss"] = float(loss)
      kept = {"state": state}

      def run(kept=kept, compiled=compiled, batch=batch) -> None:
        kept["state"], loss = compiled(kept["state"], batch)
        loss.block_until_ready()

      taken = seconds_of(run, seconds=sizes.seconds)
      operations = flops.TRAINING * size * (flops.forward_flops(model) or 0)
      row["examples_per_second"] = size / taken
      row["share_of_peak"] = operations / taken / peaks[precision]
      planned = compiled.memory_analysis()
      row["state_bytes"] = planned.argument_size_in_bytes
      row["rest_bytes"] = planned.temp_size_in_bytes


def answer(notes: Notes, sizes: Sizes) -> None:
  """Times answers, from mels in NumPy to controls in NumPy."""
  label, (name, arguments) = next(iter(sizes.models.items()))
  for precision in ("TF32", "bfloat16"):
    model = create(name, arguments, precision)
    model.eval()
    graphdef, state = nnx.split(model)
    predict = jax.jit(lambda state, mel, graphdef=graphdef: nnx.merge(graphdef, state)(mel))
    for count in sizes.answered:
      mel = batch_of(count)["mel"]
      with (
        notes.measuring("answers", model=label, precision=precision, sounds=count) as row,
        jax.default_matmul_precision(PRECISIONS[precision]),
      ):

        def call(state=state, mel=mel, predict=predict) -> np.ndarray:
          return np.asarray(predict(state, mel))

        row["milliseconds"] = 1e3 * seconds_of(call, seconds=sizes.seconds)


def main() -> None:
  """Measures everything, the most important first: the time may be over before the end."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--out", type=Path, required=True, help="file of the results, JSON")
  parser.add_argument("--rehearse", action="store_true", help="the same at the smallest sizes")
  options = parser.parse_args()
  sizes = REHEARSAL if options.rehearse else FULL
  notes = Notes(options.out)
  device = jax.devices()[0]
  about = {"device": device.device_kind, "platform": device.platform, "devices": jax.device_count()}
  notes.add("device", about | {"jax": jax.__version__})
  peaks = {precision: peak(precision, sizes) for precision in PRECISIONS}
  for precision, rate in peaks.items():
    notes.add("peaks", {"precision": precision, "side": sizes.side, "flops_per_second": rate})
  compare(notes, sizes)
  train(notes, sizes, sizes.batches[:1], peaks)
  answer(notes, sizes)
  train(notes, sizes, sizes.batches[1:], peaks)
  used = device.memory_stats() or {}  # A CPU has none.
  notes.add("memory", {k: used.get(k) for k in ("peak_bytes_in_use", "bytes_limit")})


if __name__ == "__main__":
  main()
