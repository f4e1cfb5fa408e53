"""The queue of requests for an engine, in which everybody has a share."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Literal

WAITING = 48
"""The largest number of waiting requests; whoever comes then is told to come back later."""

_OF_ADDRESS = 40  # The share of one address; the rest stays free for others.
_OF_VISIT = 4  # The share of one visit: a match, a search, a change, and what is pressed meanwhile.

Kind = Literal["engine", "search"]
"""What a request waits for. Searches have engines of their own, and wait for each other."""


class FullError(Exception):
  """There is no room for a request; the sentence says whose share is used up."""


@dataclass(eq=False)
class Ticket:
  """The place of a request in the queue.

  Attributes:
    kind: What it waits for.
    visit: The token of the visit that it comes from.
    address: The address that it comes from.
    moved: Is set when the queue has moved.
  """

  kind: Kind
  visit: str
  address: str
  moved: asyncio.Event = field(default_factory=asyncio.Event)


class Queue:
  """Requests that wait for an engine, in the order in which they came.

  All methods are called from one event loop, and none of them waits but `places`.
  """

  def __init__(self, *, workers: int):
    """Begins with nobody waiting.

    Args:
      workers: The number of requests for an engine that are served at once; of searches it is one.
    """
    self._room: Counter[Kind] = Counter({"engine": workers, "search": 1})
    self._waiting: list[Ticket] = []
    self._served: list[Ticket] = []

  def join(self, kind: Kind, *, visit: str, address: str) -> Ticket:
    """Returns a place in the queue, which is to be left again.

    Raises:
      FullError: There is no room for it.
    """
    if sum(one.visit == visit for one in self._waiting) >= _OF_VISIT:
      raise FullError("your other requests come first: wait for one of them")
    if sum(one.address == address for one in self._waiting) >= _OF_ADDRESS:
      raise FullError("too many requests from your address are waiting: try again later")
    if len(self._waiting) >= WAITING:
      raise FullError("too many others are waiting: try again in a minute")
    ticket = Ticket(kind=kind, visit=visit, address=address)
    self._waiting.append(ticket)
    self._move()
    return ticket

  async def places(self, ticket: Ticket) -> AsyncIterator[int]:
    """Yields how many are before a request of its kind, itself included, until its turn."""
    told = 0
    while ticket in self._waiting:
      ticket.moved.clear()  # Before anything is told: the queue may move meanwhile.
      same = [one for one in self._waiting if one.kind == ticket.kind]
      if told != (told := same.index(ticket) + 1):
        yield told
      await ticket.moved.wait()

  def leave(self, ticket: Ticket) -> None:
    """Makes room for the next one; a ticket that has been left already changes nothing."""
    for line in (self._waiting, self._served):
      if ticket in line:
        line.remove(ticket)
    self._move()

  def _move(self) -> None:
    served = Counter(one.kind for one in self._served)
    for ticket in list(self._waiting):
      if served[ticket.kind] < self._room[ticket.kind]:
        served[ticket.kind] += 1
        self._waiting.remove(ticket)
        self._served.append(ticket)
    for ticket in (*self._waiting, *self._served):
      ticket.moved.set()
