"""Losses between estimated and true controls."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def mean_squared_error(
  estimate: Float[Array, "b d"], target: Float[Array, "b d"]
) -> Float[Array, ""]:
  """Mean over records and controls: the paper's loss (section 2.2)."""
  return jnp.mean(jnp.square(estimate - target))


def squared_error_sums(
  estimate: Float[Array, "b d"], target: Float[Array, "b d"], mask: Bool[Array, " b"]
) -> Float[Array, " d"]:
  """Sum of squared errors of each control over the records where `mask` is true."""
  return jnp.sum(jnp.square(estimate - target), axis=0, where=mask[:, None])
