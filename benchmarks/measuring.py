"""How the parts of `benchmarks.accelerator` measure, and write down what they have found."""

import contextlib
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from synthmatch_jax import files


class Notes:
  """What was measured so far, in a file that is whole after every measurement."""

  def __init__(self, path: Path):
    """Begins an empty file."""
    self._path = path
    self.found: dict[str, Any] = {}

  def add(self, section: str, row: Any) -> None:
    """Adds a row to a section."""
    self.found.setdefault(section, []).append(row)
    files.write_json(self._path, self.found)
    print(section, json.dumps(row), flush=True)

  @contextlib.contextmanager
  def measuring(self, section: str, **about: Any) -> Iterator[dict[str, Any]]:
    """Gives a row to fill in; where the block fails, the row says why, and the rest goes on."""
    row = dict(about)
    try:
      yield row
    except Exception as error:  # Memory that does not suffice raises errors of several kinds.
      row["error"] = str(error).strip().splitlines()[0][:200]
    self.add(section, row)


def seconds_of(
  call: Callable[[], Any],
  *,
  seconds: float = 0.0,
  rounds: int = 3,
  clock: Callable[[], float] = time.perf_counter,
) -> float:
  """Returns the median time of a call that waits for its result, after two calls of warm-up.

  Args:
    call: The call.
    seconds: It is called until they are over.
    rounds: The least number of calls.
    clock: Tells the seconds, as `time.process_time` those of the processor.
  """
  call(), call()
  taken: list[float] = []
  while len(taken) < rounds or sum(taken) < seconds:
    started = clock()
    call()
    taken.append(clock() - started)
  return statistics.median(taken)
