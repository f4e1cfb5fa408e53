"""Who is on the page."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from synthmatch_jax.web.session import Visit

_MOST = 32  # Visits: each keeps some twenty answers of 2 MB on the disk and half that in memory.
_IDLE_SECONDS = 3600.0


@dataclass
class _Seat:
  visit: Visit
  seen: float


class Visits:
  """Visits by the token that tells visitors apart; one that nobody uses is closed.

  A token comes from a client: it is looked up, and nothing else.
  """

  def __init__(self, make: Callable[[], Visit], *, clock: Callable[[], float] = time.monotonic):
    """Nobody is here yet.

    Args:
      make: opens a visit.
      clock: in seconds.
    """
    self._make = make
    self._clock = clock
    self._seats: dict[str, _Seat] = {}
    self._lock = threading.Lock()

  def __len__(self) -> int:
    return len(self._seats)

  def of(self, token: str) -> Visit:
    """The visit of a visitor; a new one where there is none."""
    now, gone = self._clock(), []
    with self._lock:
      seat = self._seats.pop(token, None) or _Seat(self._make(), now)
      seat.seen = now
      for other, old in list(self._seats.items()):  # The one who was away longest first.
        if now - old.seen > _IDLE_SECONDS or len(self._seats) >= _MOST:
          gone.append(self._seats.pop(other).visit)
      self._seats[token] = seat
    for visit in gone:
      visit.close()
    return seat.visit

  def leave(self, token: str) -> None:
    """Closes the visit of a visitor."""
    with self._lock:
      seat = self._seats.pop(token, None)
    if seat:
      seat.visit.close()

  def close(self) -> None:
    """Closes all visits."""
    for token in list(self._seats):
      self.leave(token)
