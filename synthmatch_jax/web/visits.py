"""All visits to the page."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from synthmatch_jax.web.visit import Visit

_MOST = 32  # Visits: each keeps some twenty answers of 2 MB on the disk and half that in memory.
_IDLE_SECONDS = 3600.0


@dataclass
class _Seat:
  visit: Visit
  visitor: str
  seen: float


class Visits:
  """Visits by the token that tells visitors apart; a visit that is left alone is closed.

  A token comes from a client: it is only ever looked up.
  """

  def __init__(self, make: Callable[[], Visit], *, clock: Callable[[], float] = time.monotonic):
    """Begins without any visit.

    Args:
      make: Opens a visit.
      clock: Returns the time in seconds.
    """
    self._make = make
    self._clock = clock
    self._seats: dict[str, _Seat] = {}
    self._lock = threading.Lock()

  def __len__(self) -> int:
    return len(self._seats)

  def of(self, token: str, *, visitor: str = "") -> Visit:
    """Returns the visit of a token, or a new one where there is none.

    Where there are too many, the address that has most loses the visit that was left alone
    longest, so that nobody is sent away by one who opens the page again and again.

    Args:
      token: The token that the client sends.
      visitor: The address that it comes from.

    Raises:
      UserError: There is no room for another visit.
    """
    now, gone = self._clock(), []
    with self._lock:
      seat = self._seats.pop(token, None) or _Seat(self._make(), visitor, now)
      seat.seen = now
      for other, old in list(self._seats.items()):  # The one who was away longest first.
        if now - old.seen > _IDLE_SECONDS:
          gone.append(self._seats.pop(other).visit)
      while len(self._seats) >= _MOST:
        most = Counter(old.visitor for old in self._seats.values()).most_common(1)[0][0]
        other = next(key for key, old in self._seats.items() if old.visitor == most)
        gone.append(self._seats.pop(other).visit)
      self._seats[token] = seat
    for visit in gone:
      visit.close()
    return seat.visit

  def close(self) -> None:
    """Closes all visits, and waits for the calls that they are serving."""
    with self._lock:
      gone = [self._seats.pop(token).visit for token in list(self._seats)]
    for visit in gone:
      visit.close(wait=True)
