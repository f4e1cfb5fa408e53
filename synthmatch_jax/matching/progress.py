"""What is shown while sounds are matched: a bar, the falling distance, and what it will cost."""

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from tqdm import tqdm

from synthmatch_jax.search.search import LANES, Search

_LONG = 30.0  # Seconds a sound, from which on a search is told to take long.


class Bar:
  """A bar over sounds, which moves while one of them is searched for; a context manager."""

  def __init__(self, count: int, *, searching: bool, say: Callable[[str], None]):
    """Shows the bar: of one sound only on a terminal, and only while there is a search.

    Args:
      count: The number of sounds.
      searching: Whether there is a search for each.
      say: Gets a line if the searches take long.
    """
    hidden = None if searching else True  # None leaves it to tqdm, which looks for a terminal.
    form = "{desc}: {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}{postfix}]"
    self._bar = tqdm(
      total=count,
      desc="match",
      unit="sound",
      disable=hidden if count < 2 else False,
      bar_format=form if searching else None,
      file=sys.stderr,
    )
    self._say, self._lock, self._told = say, threading.Lock(), False
    self._done, self._shares = 0, dict[Path, float]()  # The shares are those of unfinished sounds.

  def __enter__(self) -> "Bar":
    return self

  def __exit__(self, *_: object) -> None:
    self._bar.close()

  def watch(self, folder: Path, search: Search) -> None:
    """Moves the bar to where the search for the sound of a folder is."""
    # The first sounds of each engine say little, as it is made for them.
    if not self._told and search.renders > 3 * LANES and (search.expected_seconds or 0) > _LONG:
      self._told = search.budget.renders is not None
      if self._told:
        self._say(
          f"a search of {search.budget} takes about {_duration(search.expected_seconds or 0)} a"
          " sound here; --search=20s bounds it, and Ctrl-C gives the best so far"
        )
    with self._lock:
      self._shares[folder] = search.share
      self._move()
    if search.best and search.start:
      nearer = search.best.value / max(search.start.value, 1e-9)
      self._bar.set_postfix_str(f"distance {100 * nearer:.0f} % of the start's", refresh=False)

  def done(self, folder: Path) -> None:
    """Moves the bar past the sound of a folder."""
    with self._lock:
      self._shares.pop(folder, None)
      self._done += 1
      self._move()

  def _move(self) -> None:
    self._bar.update(self._done + sum(self._shares.values()) - self._bar.n)


@contextlib.contextmanager
def stoppable(*, enabled: bool) -> Iterator[threading.Event]:
  """An event that Ctrl-C sets, once: the next one ends the program at once, as a kill does.

  Python would wait for every thread, and so for the sounds that are being rendered. Nothing is
  changed outside of the main thread, and where Ctrl-C is ignored, as in a shell's
  background jobs.

  Args:
    enabled: Whether there is something that can be stopped halfway.
  """
  stopped, before = threading.Event(), signal.getsignal(signal.SIGINT)
  is_main = threading.current_thread() is threading.main_thread()
  if not enabled or not is_main or before is signal.SIG_IGN:
    yield stopped
    return

  def stop(*_: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    stopped.set()

  signal.signal(signal.SIGINT, stop)
  try:
    yield stopped
  finally:
    signal.signal(signal.SIGINT, before)


def _duration(seconds: float) -> str:
  return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
