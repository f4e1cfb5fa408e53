"""The log for whoever runs the page, with one line for each thing that went wrong."""

import sys
import traceback

from synthmatch_jax.errors import printable

_LONGEST = 300  # Characters.


def tell(line: str) -> None:
  """Writes one line to standard error; a text of a client cannot make it two."""
  print(f"app: {printable(line)[:_LONGEST]}", file=sys.stderr, flush=True)


def cause(error: BaseException) -> str:
  """Returns what has gone wrong and where, in a line."""
  while isinstance(error, BaseExceptionGroup):
    error = error.exceptions[0]
  where = traceback.extract_tb(error.__traceback__)[-1:]
  place = "".join(f" ({frame.filename.rsplit('/', 1)[-1]}:{frame.lineno})" for frame in where)
  return f"{type(error).__name__}: {error}{place}"
