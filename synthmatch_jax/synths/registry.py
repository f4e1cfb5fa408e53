"""The table of sound engines."""

import importlib
from collections.abc import Callable

from synthmatch_jax.errors import UserError
from synthmatch_jax.synths.base import Synth

SynthFactory = Callable[[], Synth]
"""Makes a new engine, as good as untouched by anything rendered before."""

_ENGINES = {"vital": "synthmatch_jax.synths.vital:Vital"}
"""Name -> module:class; imported when asked for, so that a missing one hurts nobody else."""


def factory(name: str) -> SynthFactory:
  """The maker of the engine called `name`.

  Raises:
    UserError: there is no such engine.
  """
  if name not in _ENGINES:
    raise UserError(f"unknown engine {name!r}; known are {', '.join(sorted(_ENGINES))}")
  module, _, attribute = _ENGINES[name].partition(":")
  return getattr(importlib.import_module(module), attribute)
