"""Responses that are streams of events: how far a request is, and what comes of it."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Generator, Iterator

import anyio
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from synthmatch_jax.errors import UserError
from synthmatch_jax.web.queueing import Queue, Ticket
from synthmatch_jax.web.server_log import cause, tell
from synthmatch_jax.web.telling import Told


class Stream(StreamingResponse):
  """A stream of server-sent events, each of which holds JSON.

  It begins with the places in the queue, `{"place": 3}`, and `{"place": 0}` when it is the turn of
  the request. The events of the work follow. An error ends it with `{"error": "a sentence"}`. When
  the client goes away, the work ends at its next event.
  """

  def __init__(self, queue: Queue, ticket: Ticket, work: Callable[[], Iterator[Told]]):
    """Waits for a turn.

    Args:
      queue: The queue.
      ticket: The place of the request in it, which is left in the end.
      work: Begins the work, in a thread of its own, as each event is made in one.
    """
    super().__init__(
      self._events(work), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )
    self._queue, self._ticket = queue, ticket

  async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
    """See Starlette; the place in the queue is free in the end, whatever happens."""
    try:
      await super().__call__(scope, receive, send)
    finally:
      self._queue.leave(self._ticket)

  async def _events(self, work: Callable[[], Iterator[Told]]) -> AsyncIterator[str]:
    steps = _steps(work)
    try:
      async for place in self._queue.places(self._ticket):
        yield _event({"place": place})
      yield _event({"place": 0})
      async for told in iterate_in_threadpool(steps):
        yield _event(told)
    finally:
      # A server that ends does not wait for the step under way, which cannot be closed then.
      with anyio.CancelScope(shield=True), contextlib.suppress(ValueError):
        await run_in_threadpool(steps.close)


def _steps(work: Callable[[], Iterator[Told]]) -> Generator[Told, None, None]:
  """Yields the events of the work; an error becomes the last one."""
  try:
    yield from work()
  except UserError as error:
    yield {"error": str(error)}
  except Exception as error:  # A fault of ours: the visitor gets a sentence, the log its place.
    tell(f"a request fails: {cause(error)}")
    yield {"error": "the page cannot answer this: try again"}


def _event(told: Told) -> str:
  return f"data: {json.dumps(told, allow_nan=False)}\n\n"
