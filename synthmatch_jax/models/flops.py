"""What a model costs."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx

from synthmatch_jax.models.base import MelModel


def forward_flops(create: Callable[[], MelModel]) -> float | None:
  """Floating-point operations of one sound's way through a model, as XLA counts them.

  Args:
    create: builds the model; only its shapes are looked at.

  Returns:
    Operations, a multiplication and an addition being two; None where the platform's compiler
    does not tell.
  """

  def split():
    model = create()
    model.eval()
    return nnx.split(model)

  graphdef, state = nnx.eval_shape(split)
  shape = nnx.merge(graphdef, state)
  mel = jax.ShapeDtypeStruct((1, shape.num_frames, shape.num_bins), jnp.float32)
  lowered = jax.jit(lambda s, x: nnx.merge(graphdef, s)(x)).lower(state, mel)
  costs = lowered.cost_analysis()
  return float(costs["flops"]) if costs and "flops" in costs else None
