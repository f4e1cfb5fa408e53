import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx


@pytest.fixture
def with_random_weights():
  """Makes a model all of whose weights are random, biases, scales and statistics included.

  Weights come from NumPy, as JAX would compile a program for each shape. What starts at one
  (scales, variances) stays positive.
  """

  def fill(build):
    rng = np.random.default_rng(0)

    def draw(path, leaf):
      if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.key(0)
      if not jnp.issubdtype(leaf.dtype, jnp.floating):
        return jnp.zeros(leaf.shape, leaf.dtype)
      name = [getattr(part, "key", None) for part in path]
      if "scale" in name or "var" in name:
        values = rng.uniform(0.5, 1.5, leaf.shape)
      else:
        values = rng.standard_normal(leaf.shape) / max(1, leaf.size) ** 0.25
      return jnp.asarray(values, leaf.dtype)

    graph, state = nnx.split(nnx.eval_shape(build))
    model = nnx.merge(graph, jax.tree.map_with_path(draw, state))
    model.eval()
    return model

  return fill
