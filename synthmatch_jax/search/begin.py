"""What a person gives a search to begin with: an answer of ours, or a preset of the synth."""

from operator import methodcaller
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax import untrusted
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError, brief
from synthmatch_jax.spaces import dx7
from synthmatch_jax.spaces.space import ParameterSpace
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.play import hosting
from synthmatch_jax.synths.registry import Engine

_MOST_BYTES = 1 << 22


def read(path: Path, recipe: Recipe, engine: Engine) -> Float[np.ndarray, " d"]:
  """The controls of the best answer in a patch.json, or those of a preset.

  Of a preset only the parameters of the space are taken; what they leave fixed is the base preset.

  Args:
    path: A .json that `match` has written, or else a preset of the synth (see `read_preset`).
    recipe: The recipe of the search.
    engine: The engine, a new one of which reads the preset.

  Raises:
    UserError: The file cannot be read, or is of another synth or space.
  """
  try:
    if path.suffix.lower() == ".json":
      text = untrusted.read_bytes(path, most=_MOST_BYTES).decode()
      return _of_answer(path, untrusted.parse_json(text), recipe.space)
    with untrusted.opened(dx7.chosen(path)[0]):
      pass
    with hosting(engine) as host:
      patch = host.call(methodcaller("read_preset", path))
    return recipe.space.encode(patch)
  except OSError as error:
    reason = (error.strerror or str(error)).lower()
    raise UserError(f"the start {path} cannot be read ({reason}): check the path") from None
  except (ValueError, TypeError, RenderError) as error:
    raise UserError(
      f"{path} is no start of a search ({brief(error)}): give a patch.json of `match`, or a preset"
      f" of {recipe.engine}"
    ) from None


def _of_answer(path: Path, found: Any, space: ParameterSpace) -> Float[np.ndarray, " d"]:
  """The controls of the first answer.

  Raises:
    UserError: It is an answer of another space.
    ValueError, TypeError: It is no answer.
  """
  answers = found.get("answers") if isinstance(found, dict) else None
  first = answers[0] if isinstance(answers, list) and answers else None
  named = first.get("controls") if isinstance(first, dict) else None
  if not isinstance(named, dict):
    raise ValueError("it holds no answer")
  if found.get("space") != space.name or list(named) != list(space.names):
    raise UserError(
      f"{path} is an answer in the space {found.get('space')!r:.50}, and this search is in"
      f" {space.name}: start from an answer of the same model, or without --start"
    )
  parts = [np.atleast_1d(np.asarray(named[name], np.float64)) for name in space.names]
  controls = np.concatenate(parts)
  if controls.shape != (space.width,) or not ((controls >= 0) & (controls <= 1)).all():
    raise ValueError("its controls are not numbers from 0 to 1")
  return controls.astype(np.float32)
