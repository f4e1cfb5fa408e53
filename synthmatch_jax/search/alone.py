"""A search on one engine that is there already."""

from collections.abc import Callable, Generator, Sequence
from typing import Any

from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.hosts import Host


class Alone:
  """One engine, with as much of the interface of a `Pool` as a search uses.

  Attributes:
    size: The number of engines.
  """

  size = 1

  def __init__(self, host: Host):
    """Takes the host of the engine, which is left open."""
    self._host = host

  def map(
    self,
    task: Callable[..., Any],
    items: Sequence[tuple[Any, ...]],
    *,
    finish: Callable[[int, Any], Any],
  ) -> Generator[Any, None, None]:
    """See `Pool.map`."""
    for place, item in enumerate(items):
      try:
        result = self._host.call(task, *item)
      except RenderError as error:
        result = error
      yield finish(place, result)
