"""Optimizers, chosen by name, with learning-rate schedules and gradient clipping."""

import inspect
from collections.abc import Callable
from typing import Any, Literal, get_args

import jax
import optax
import optax.contrib
from optax.contrib import MuonDimensionNumbers

from synthmatch_jax.config import require_least
from synthmatch_jax.errors import UserError


def muon(
  learning_rate: float | optax.Schedule, *, weight_decay: float = 0.0
) -> optax.GradientTransformation:
  """Creates Muon for the kernels of hidden layers, and Adam for all other weights.

  Each step of a kernel is orthogonalised (Jordan, 2024), and scaled so that rates of Adam fit
  (arXiv:2502.16982). The kernels of attention are orthogonalised head by head, which is cheaper;
  four iterations do after scaling by the Schatten norm (arXiv:2506.10935).

  Args:
    learning_rate: The learning rate of both.
    weight_decay: Decay of the kernels, decoupled as in AdamW.
  """
  return optax.contrib.muon(
    learning_rate,
    weight_decay=weight_decay,
    ns_steps=4,
    preconditioning="schatten",
    consistent_rms=0.2,
    muon_weight_dimension_numbers=lambda params: jax.tree_util.tree_map_with_path(_sides, params),
  )


def _sides(path: tuple[Any, ...], weight: Any) -> MuonDimensionNumbers | None:
  """Returns the axes of a kernel that are summed and those that come out; None is for Adam."""
  names = [getattr(key, "key", None) for key in path]
  if "kernel" not in names or (names[0] in ("head", "note_head") and "output" in names):
    return None  # Embeddings, biases, scales, and what a model says.
  axes = tuple(range(weight.ndim))
  if "attention" in names:  # (width, heads, part) in, (heads, part, width) out.
    return MuonDimensionNumbers(*((1,), (2,)) if "out" in names else ((0,), (2,)))
  return MuonDimensionNumbers(axes[:-1], axes[-1:])


OPTIMIZERS: dict[str, Callable[..., optax.GradientTransformation]] = {
  "adam": optax.adam,
  "adamw": optax.adamw,
  "muon": muon,
}
"""Name -> optax constructor, which gets the other fields of the config."""

Schedule = Literal["constant", "cosine"]


def create(
  name: str,
  *,
  learning_rate: float,
  total_steps: int = 0,
  schedule: str = "constant",
  warmup_steps: int = 0,
  clip_norm: float | None = None,
  **arguments: Any,
) -> optax.GradientTransformation:
  """Builds an optimizer.

  Args:
    name: Key of `OPTIMIZERS`; the paper's is "adam" (section 3.2.1).
    learning_rate: Highest learning rate, e.g. 5e-5.
    total_steps: Number of steps of the run; the cosine schedule needs it.
    schedule: "constant", as in the paper, or "cosine", which decays to 0 over the run.
    warmup_steps: Number of first steps over which the rate rises from 0.
    clip_norm: Largest norm of the gradients of all weights together; None does not clip.
    **arguments: Other arguments of the constructor, e.g. `b1=0.9`.

  Raises:
    UserError: There is no such optimizer, schedule or argument, or a number cannot be meant.
  """
  for field, value in (("learning_rate", learning_rate), ("clip_norm", clip_norm)):
    if value is not None and not value > 0:
      raise UserError(f"optimizer.{field} must be above 0, not {value}")
  require_least(0, **{"optimizer.warmup_steps": warmup_steps})
  if name not in OPTIMIZERS:
    raise UserError(f"no optimizer {name!r}; known: {', '.join(OPTIMIZERS)}")
  known = list(inspect.signature(OPTIMIZERS[name]).parameters)
  own = ["schedule", "warmup_steps", "clip_norm"]
  unknown = [key for key in arguments if key not in known]
  if unknown:
    raise UserError(
      f"the optimizer {name} has no argument {unknown[0]!r}; known: {', '.join(known + own)}"
    )
  rate = learning_rate_over(
    schedule, learning_rate=learning_rate, warmup_steps=warmup_steps, total_steps=total_steps
  )
  optimizer = OPTIMIZERS[name](learning_rate=rate, **arguments)
  if clip_norm is None:
    return optimizer
  return optax.chain(optax.clip_by_global_norm(clip_norm), optimizer)


def learning_rate_over(
  schedule: str, *, learning_rate: float, warmup_steps: int, total_steps: int
) -> float | optax.Schedule:
  """Returns the learning rate for optax: a number, or a function of the step."""
  if schedule not in get_args(Schedule):
    raise UserError(f"no optimizer.schedule {schedule!r}; known: {', '.join(get_args(Schedule))}")
  if schedule == "cosine":
    if warmup_steps >= total_steps:
      raise UserError(
        f"optimizer.warmup_steps must be fewer than the run's {total_steps} steps, not"
        f" {warmup_steps}"
      )
    return optax.warmup_cosine_decay_schedule(0.0, learning_rate, warmup_steps, total_steps)
  if warmup_steps:
    return optax.warmup_constant_schedule(0.0, learning_rate, warmup_steps)
  return learning_rate
