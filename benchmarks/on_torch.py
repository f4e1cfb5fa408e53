"""The part of `benchmarks.accelerator` that runs in PyTorch: our AST by `transformers`' ASTModel.

    python -m benchmarks.on_torch --out=FILE.json [--rehearse]

It has our weights, PyTorch's scaled dot-product attention, its fused Adam, and is compiled by
`torch.compile`. JAX only makes the weights, on the CPU (JAX_PLATFORMS=cpu).
"""

import argparse
import contextlib
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring import Notes, seconds_of
from benchmarks.on_jax import FULL, REHEARSAL, Sizes, batch_of, create


def peak(precision: str, device: str, sizes: Sizes) -> float:
  """Measures the operations per second of a product of random matrices."""
  import torch

  dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
  a, b = (torch.randn((sizes.side,) * 2, device=device).to(dtype) for _ in range(2))

  def product() -> None:
    a @ b
    _wait(device)

  return 2 * sizes.side**3 / seconds_of(product, seconds=sizes.seconds)


def train(notes: Notes, sizes: Sizes, batches: tuple[int, ...], device: str) -> None:
  """Times training steps on a batch that is on the device."""
  import torch

  from benchmarks.torch_ast import TorchAST
  from synthmatch_jax.models import flops

  # Compilation takes long: the fastest way and the largest model come first.
  cases = [
    (m, p, b) for b in batches for m in sizes.models for p in ("bfloat16", "TF32", "float32")
  ]
  peaks: dict[str, float] = {}
  for label, precision, size in cases:
    about = {"model": label, "precision": precision, "batch": size}
    with notes.measuring("training", **about) as row:
      torch.set_float32_matmul_precision("highest" if precision == "float32" else "high")
      peaks[precision] = peaks.get(precision) or peak(precision, device, sizes)
      name, arguments = sizes.models[label]
      ours = create(name, arguments, "float32")
      model = TorchAST(ours).to(device).train()
      adam = torch.optim.Adam(model.parameters(), lr=5e-5, fused=True)
      batch = {key: torch.from_numpy(value).to(device) for key, value in batch_of(size).items()}
      torch.compiler.reset()  # After some compilations of one function it would give up.
      compiled: Any = torch.compile(model)
      in_bfloat16 = precision == "bfloat16"

      def step(batch=batch, adam=adam, compiled=compiled, in_bfloat16=in_bfloat16) -> float:
        adam.zero_grad()
        with torch.autocast(device, torch.bfloat16) if in_bfloat16 else contextlib.nullcontext():
          answers = compiled(batch["mel"])
        loss = torch.nn.functional.mse_loss(answers.float(), batch["controls"])
        loss.backward()
        adam.step()
        _wait(device)
        return loss.item()

      row["first_loss"] = step()
      row["examples_per_second"] = size / (taken := seconds_of(step, seconds=sizes.seconds))
      operations = flops.TRAINING * size * (flops.forward_flops(ours) or 0)
      row["share_of_peak"] = operations / taken / peaks[precision]


def answer(notes: Notes, sizes: Sizes, device: str) -> None:
  """Times answers, from mels in NumPy to controls in NumPy, not compiled."""
  import torch

  from benchmarks.torch_ast import TorchAST

  label, (name, arguments) = next(iter(sizes.models.items()))
  model = TorchAST(create(name, arguments, "float32")).to(device).eval()
  torch.set_float32_matmul_precision("high")
  for count in sizes.answered:
    mel = torch.from_numpy(batch_of(count)["mel"])
    with notes.measuring("answers", model=label, precision="TF32", sounds=count) as row:

      @torch.inference_mode()
      def call(mel=mel) -> np.ndarray:
        return model(mel.to(device)).cpu().numpy()

      row["milliseconds"] = 1e3 * seconds_of(call, seconds=sizes.seconds)


def _wait(device: str) -> None:
  import torch

  if device == "cuda":
    torch.cuda.synchronize()


def main() -> None:
  """Measures everything, or says what is missing."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--out", type=Path, required=True, help="file of the results, JSON")
  parser.add_argument("--rehearse", action="store_true", help="the same at the smallest sizes")
  options = parser.parse_args()
  notes, sizes = Notes(options.out), REHEARSAL if options.rehearse else FULL
  try:
    import torch
    import transformers
  except ImportError as error:
    notes.add("device", {"error": f"{error.name} is not installed"})
    return
  device = "cuda" if torch.cuda.is_available() else "cpu"
  named = torch.cuda.get_device_name() if device == "cuda" else device
  notes.add(
    "device",
    {"device": named, "torch": torch.__version__, "transformers": transformers.__version__},
  )
  train(notes, sizes, sizes.batches[:1], device)
  answer(notes, sizes, device)
  train(notes, sizes, sizes.batches[1:], device)


if __name__ == "__main__":
  main()
