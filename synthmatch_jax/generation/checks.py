"""What the options of a build may be: they come as JSON, from people."""

import math
import re
from collections.abc import Mapping
from typing import Any

from synthmatch_jax.data.example import NotePrior
from synthmatch_jax.errors import UserError

_TEXTS = ("name", "description", "engine", "plugin", "prior", "shards")

# The least value of each number, which must be whole where this one is.
_LEAST = {
  "num_examples": 10,
  "seed": 0,
  "shard_size": 1,
  "workers": 0,
  "pitch": 0,
  "velocity": 1,
  "note_seconds": 0.01,
  "seconds": 0.1,
  "n_mels": 1,
  "threshold_db": -math.inf,
}


def require_texts(options: Mapping[str, Any]) -> None:
  """Raises a UserError that names the first option that must be a text and is none.

  Args:
    options: name -> value, of those that are given; the name of the data set is among them.
  """
  for option in _TEXTS:
    if not isinstance(options.get(option, ""), str):
      raise UserError(f"{option} must be a text; --config has {options[option]!r}")
  if not re.fullmatch(r"[\w.+-]*\w[\w.+-]*", options["name"]):
    raise UserError(
      "name must be letters, digits and any of ._+-, as a folder's; --config has"
      f" {options['name']!r}"
    )


def notes(option: Any) -> NotePrior | None:
  """The distribution of notes that an option asks for; None for one note.

  Raises:
    UserError: it is no distribution.
  """
  if option == "":
    return None
  try:
    return NotePrior() if option == "varied" else NotePrior.from_dict(option)
  except UserError as error:
    raise UserError(f'{error}; give "varied", or such ranges, as "notes" in --config') from None


def require_numbers(options: Mapping[str, Any]) -> None:
  """Raises a UserError that names the first option that is no number, or is below its least.

  Args:
    options: name -> value, of all that there are.
  """
  for option, least in _LEAST.items():
    value, whole = options[option], isinstance(least, int)
    if not _is_number(value, whole=whole) or value < least:
      kind = "a whole number" if whole else "a number"
      bound = f" of at least {least}" if math.isfinite(least) else ""
      raise UserError(f"{option} must be {kind}{bound}; --config has {value!r}")


def _is_number(value: Any, *, whole: bool) -> bool:
  """Whether a value of JSON is a finite number: Python's reads NaN and Infinity, too."""
  kinds = int if whole else (int, float)
  return isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
