"""The interface of all heads, which answer to what an encoder has heard."""

import jax
from flax import nnx
from jaxtyping import Array, Float, Key, PRNGKeyArray

from synthmatch_jax.data.batch import Batch

Report = dict[str, Float[Array, "b *rest"]]
"""Name of a measure -> its value for each record, or for each parameter or control of each record.

NaN stands for no value, as the error of what cannot be heard.
"""


class Head(nnx.Module):
  """Base class of all heads, which map tokens to a loss and to answers.

  A head is built as `HEAD(encoder, num_controls=..., rngs=..., **arguments)`: it reads the width
  of the tokens, and what else it needs, from the encoder, and does not keep it. One that takes a
  `layout` is told what the controls stand for (`spaces.scales`).

  Attributes:
    is_drawn: Whether answers are drawn at random, so that there are as many as one likes.
  """

  is_drawn = False

  def loss(
    self, tokens: Float[Array, "b l w"], batch: Batch, key: PRNGKeyArray
  ) -> tuple[Float[Array, " b"], Report]:
    """Computes the loss of each record; see `Estimator.loss`."""
    raise NotImplementedError

  def answers(
    self, tokens: Float[Array, "b l w"], *, keys: Key[Array, " b"], count: int
  ) -> Float[Array, "b n d"]:
    """Gives up to `count` answers to each sound; see `Estimator.answers`."""
    raise NotImplementedError

  def learning(self, tokens: Float[Array, "1 l w"]) -> Array:
    """Computes what its loss does for one sound; see `Model.learning`. By default, an answer."""
    return self.answers(tokens, keys=jax.random.split(jax.random.key(0), 1), count=1)
