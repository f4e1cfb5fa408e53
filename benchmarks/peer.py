"""Compares our AST with `transformers`' ASTModel in PyTorch, in training and inference.

    python -m benchmarks.peer [--rounds=15] [--seconds=1] [--dropout=0] [--quick]

This needs `pip install -e ".[peer]"`. Two tasks are measured for AST-Base (117 patches) and the
small AST (at the stride of `configs/ast.py:runlocal`, and at its own), with the same initial
weights:

* training: forward, backward and Adam on one batch that is already in memory. Ours is the step that
  `train` compiles; theirs has PyTorch's fused Adam and its fused attention kernel;
* inference: from one sound in NumPy to its controls in NumPy.

Controls and the losses of the first steps are checked to be the same. Both sides have a head of
three hidden layers, and two class tokens, which is the number that ASTModel has. Rounds of both
alternate; all numbers are medians over rounds, and a ratio is the median of ratios of neighbouring
rounds. The peak is that of a matrix product in float32, 2048 x 2048, by the faster of JAX and
PyTorch, in its best round. A training step counts as three forward passes.

The comparison is fair on a quiet machine only: PyTorch's threads wait for each other after every
operation, and lose far more than ours when one of them is delayed. The share of the cores that
other processes took is printed; above a few percent, the ratios are biased in our favour.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import psutil
import torch
from flax import nnx
from rich.console import Console
from rich.table import Table

from benchmarks.task import CONTROLS, MEL, SIZES, STATISTICS
from benchmarks.torch_ast import TorchAST
from synthmatch_jax import cores, models
from synthmatch_jax.models import flops
from synthmatch_jax.training import optimizer as optimizers
from synthmatch_jax.training import state as states
from synthmatch_jax.training.step import make_train_step

CASES = (("ast_base", 6, 8), ("ast_small", 16, 32), ("ast_small", 10, 32))
"""Model, stride and batch size."""
LEARNING_RATE = 5e-5
PEAK_SIZE = 2048

Work = Callable[[], Any]


@dataclass(frozen=True)
class Seconds:
  """Seconds of a call on each side, round by round."""

  ours: list[float]
  theirs: list[float]

  @property
  def ratio(self) -> float:
    """How many times as fast ours is."""
    return statistics.median(b / a for a, b in zip(self.ours, self.theirs, strict=True))


class OtherWork:
  """Measures the share of the cores that other processes take, from its creation on."""

  def __init__(self):
    self._start = self._times()

  @staticmethod
  def _times() -> np.ndarray:
    """Returns core seconds: busy ones, those of this process, and all that have passed."""
    machine, own = psutil.cpu_times(), psutil.Process().cpu_times()
    busy = sum(machine) - machine.idle - getattr(machine, "iowait", 0.0)
    # Linux counts guests within user time as well.
    busy -= getattr(machine, "guest", 0.0) + getattr(machine, "guest_nice", 0.0)
    return np.array([busy, own.user + own.system, time.monotonic() * (os.cpu_count() or 1)])

  def share(self) -> float:
    """Returns the share of all cores since creation."""
    busy, own, all_cores = self._times() - self._start
    return max(0.0, (busy - own) / all_cores)


def side_by_side(ours: Work, theirs: Work, *, rounds: int, seconds: float) -> Seconds:
  """Calls both in turns, each for about `seconds` per round; the one to begin alternates."""
  taken: dict[Work, list[float]] = {ours: [], theirs: []}
  calls = dict.fromkeys(taken, 1)
  for work in taken:
    work()  # Compiles.
    start = time.perf_counter()
    work()
    calls[work] = max(1, round(seconds / (time.perf_counter() - start)))
  for i in range(rounds):
    for work in (ours, theirs) if i % 2 == 0 else (theirs, ours):
      start = time.perf_counter()
      for _ in range(calls[work]):
        work()
      taken[work].append((time.perf_counter() - start) / calls[work])
  return Seconds(taken[ours], taken[theirs])


def peaks(*, rounds: int, seconds: float) -> tuple[float, float]:
  """Measures the FLOP/s of a matrix product in float32, by JAX and by PyTorch."""
  matrix = np.random.default_rng(0).standard_normal((PEAK_SIZE, PEAK_SIZE), np.float32)
  in_jax, in_torch = jnp.asarray(matrix), torch.from_numpy(matrix)
  product = jax.jit(lambda a, b: a @ b)
  measured = side_by_side(
    lambda: product(in_jax, in_jax).block_until_ready(),
    lambda: in_torch @ in_torch,
    rounds=rounds,
    seconds=seconds,
  )
  operations = 2 * PEAK_SIZE**3
  return operations / min(measured.ours), operations / min(measured.theirs)


def trainings(model: Any, peer: TorchAST, *, batch_size: int) -> tuple[Work, Work]:
  """Returns a training step of each, on the same batch; both return their loss as a float."""
  rng = np.random.default_rng(0)
  mel = rng.standard_normal((batch_size, *MEL), np.float32)
  controls = rng.random((batch_size, CONTROLS), np.float32)
  batch = {"mel": jnp.asarray(mel), "controls": jnp.asarray(controls)}
  optimizer = optimizers.create("adam", learning_rate=LEARNING_RATE)
  graphdef, state = states.create(model, optimizer)
  # The step donates its state, and the model is used for a second state.
  state = jax.tree.map(jnp.copy, state)
  step = jax.jit(make_train_step(graphdef, optimizer, STATISTICS), donate_argnums=0)

  def ours() -> float:
    nonlocal state
    state, loss = step(state, batch)
    return float(loss)

  peer.train()
  adam = torch.optim.Adam(peer.parameters(), lr=LEARNING_RATE, fused=True)
  inputs, targets = torch.from_numpy(mel), torch.from_numpy(controls)

  def theirs() -> float:
    adam.zero_grad()
    loss = torch.nn.functional.mse_loss(peer(inputs), targets)
    loss.backward()
    adam.step()
    return loss.item()

  return ours, theirs


def inferences(model: Any, peer: TorchAST) -> tuple[Work, Work]:
  """Returns a function for each that computes the controls of one sound."""
  mel = np.random.default_rng(1).standard_normal((1, *MEL), np.float32)
  model.eval()
  peer.eval()
  graphdef, state = nnx.split(model)
  predict = jax.jit(lambda state, mel: nnx.merge(graphdef, state)(mel))

  @torch.inference_mode()
  def theirs() -> np.ndarray:
    return peer(torch.from_numpy(mel)).numpy()

  return lambda: np.asarray(predict(state, mel)), theirs


def compare(
  name: str, stride: int, batch_size: int, *, dropout: float, rounds: int, seconds: float
) -> tuple[Seconds, Seconds, int]:
  """Measures training and inference; also returns the operations of a training step."""
  build = {"stride": stride, "class_tokens": 2, "dropout": dropout}
  model: Any = models.create(name, **SIZES, seed=0, **build)
  peer = TorchAST(model, dropout=dropout)
  infer = inferences(model, peer)
  np.testing.assert_allclose(infer[0](), infer[1](), rtol=0, atol=1e-4)
  inference = side_by_side(*infer, rounds=rounds, seconds=seconds / 2)
  model.train()
  train = trainings(model, peer, batch_size=batch_size)
  losses = np.array([[work() for work in train] for _ in range(3)])
  if not dropout:
    np.testing.assert_allclose(losses[:, 0], losses[:, 1], rtol=1e-3)
  training = side_by_side(*train, rounds=rounds, seconds=seconds)
  return training, inference, batch_size * flops.training_flops(model)


def main() -> None:
  """Measures and prints the table."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--rounds", type=int, default=15, help="number of rounds of each side")
  parser.add_argument("--seconds", type=float, default=1.0, help="approximate length of a round")
  parser.add_argument("--dropout", type=float, default=0.0, help="the rate; the config has none")
  parser.add_argument("--quick", action="store_true", help="run one step each, as a test")
  options = parser.parse_args()
  length = {"rounds": options.rounds, "seconds": options.seconds}
  if options.quick:
    length = {"rounds": 1, "seconds": 0.0}
  torch.set_num_threads(cores.available())

  others = OtherWork()
  in_jax, in_torch = peaks(**length)
  top = max(in_jax, in_torch)
  products = f"matrix products: JAX {in_jax / 1e9:.0f}, PyTorch {in_torch / 1e9:.0f} GFLOP/s"
  table = Table(title=f"{platform.machine()}, {cores.available()} cores; {products}")
  columns = ("model", "", "ours", "PyTorch", "ours is faster", "of peak: ours", "PyTorch")
  for column in columns:
    table.add_column(column, justify="left" if column in ("model", "") else "right")
  for name, stride, batch_size in CASES:
    training, inference, count = compare(
      name, stride, batch_size, dropout=options.dropout, **length
    )
    ours, theirs = (statistics.median(s) for s in (training.ours, training.theirs))
    table.add_row(
      f"{name}, stride {stride}",
      f"training, batch {batch_size}",
      *(f"{batch_size / s:.1f}/s" for s in (ours, theirs)),
      f"{training.ratio:.2f} x",
      *(f"{count / s / top:.0%}" for s in (ours, theirs)),
    )
    ours, theirs = (statistics.median(s) for s in (inference.ours, inference.theirs))
    latency = (f"{s * 1e3:.1f} ms" for s in (ours, theirs))
    table.add_row("", "one sound", *latency, f"{inference.ratio:.2f} x", "", "", end_section=True)
  table.caption = f"other processes took {others.share():.0%} of the cores meanwhile"
  Console(width=100).print(table)


if __name__ == "__main__":
  main()
