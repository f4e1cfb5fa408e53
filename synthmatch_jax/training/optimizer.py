"""Optimizers, chosen by name."""

import inspect
from collections.abc import Callable
from typing import Any

import optax

from synthmatch_jax.errors import UserError

OPTIMIZERS: dict[str, Callable[..., optax.GradientTransformation]] = {"adam": optax.adam}
"""Name -> optax constructor, called with the config's other fields."""


def create(name: str, **arguments: Any) -> optax.GradientTransformation:
  """Builds an optimizer.

  Args:
    name: key of `OPTIMIZERS`; the paper's is "adam" (section 3.2.1).
    **arguments: of its constructor, e.g. `learning_rate=5e-5` (constant, as in the paper).

  Raises:
    UserError: there is no such optimizer or argument.
  """
  if name not in OPTIMIZERS:
    raise UserError(f"no optimizer {name!r}; known are {', '.join(OPTIMIZERS)}")
  known = list(inspect.signature(OPTIMIZERS[name]).parameters)
  unknown = [key for key in arguments if key not in known]
  if unknown:
    raise UserError(
      f"the optimizer {name} has no argument {unknown[0]!r}; known are {', '.join(known)}"
    )
  return OPTIMIZERS[name](**arguments)
