"""What has failed on this side of the page, in a sentence for the visitor."""

import contextlib
from collections.abc import Iterator

from synthmatch_jax.errors import UserError
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.web.server_log import cause, tell


@contextlib.contextmanager
def of_engine(name: str) -> Iterator[None]:
  """Says in a sentence that the engine of this name has failed."""
  try:
    yield
  except RenderError as error:
    raise UserError(f"{name} failed: {error}; try again, or another sound") from error


@contextlib.contextmanager
def of_disk() -> Iterator[None]:
  """Says in a sentence that there is no room to write, without the name of the place."""
  try:
    yield
  except (OSError, UserError) as error:
    if isinstance(error.__cause__, RenderError):
      raise  # The engine's failure, which has its sentence.
    tell(f"an answer is not kept: {cause(error.__cause__ or error)}")
    raise UserError("the page has no room for an answer now: try again later") from error
