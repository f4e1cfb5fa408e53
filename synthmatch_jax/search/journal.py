"""The journal of a search: what each candidate cost, so that a search that was killed can go on."""

import hashlib
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from synthmatch_jax import untrusted
from synthmatch_jax.errors import brief

_MOST_BYTES = 1 << 28  # A million candidates.


@dataclass(frozen=True, kw_only=True)
class Entry:
  """What is known of a candidate.

  Attributes:
    seconds: The time that the search had taken when it was heard.
    costs: Its cost by each term of the objective; infinite for one without a sound.
  """

  seconds: float
  costs: Float[np.ndarray, " k"]


class Journal:
  """A file with a line for each candidate of a search, in their order.

  A strategy proposes the same candidates where it is told the same costs. So a search that begins
  again recalls the costs instead of rendering the sounds, as far as the journal goes, and comes to
  where it was. Each line has a checksum over the key, the candidate and what is known of it. A line
  that is damaged or belongs to another search ends what is recalled; it is written over.
  """

  def __init__(self, path: Path, *, key: str, say: Callable[[str], None]):
    """Reads what there is.

    Args:
      path: The file, which need not be there.
      key: A hash of all that decides what the search finds.
      say: Gets a sentence if the file is of no use.
    """
    self._path, self._key, self._say = path, key, say
    self._lines: deque[bytes] = deque()
    self._good = 0  # The bytes of the lines that were recalled or written.
    self._is_lost = False
    try:
      if path.is_symlink():  # It may lead to what is not to be written over.
        raise ValueError(f"{path.name} is a link")
      data = untrusted.read_bytes(path, most=_MOST_BYTES)
      self._lines.extend(data.splitlines(keepends=True))
    except FileNotFoundError:
      pass
    except (OSError, ValueError) as error:
      self._lose(error)
    if self._lines and not self._lines[-1].endswith(b"\n"):
      self._lines.pop()  # A kill has cut it short.

  def recall(self, controls: Float[np.ndarray, " d"]) -> Entry | None:
    """What is known of the next candidate; None where it has to be rendered."""
    if not self._lines:
      return None
    line = self._lines.popleft()
    try:
      *told, checksum = line.decode("ascii").split()
      seconds, *costs = map(float, told)
    except ValueError:
      told, checksum, seconds, costs = [], "", math.nan, []
    if checksum != self._checksum(controls, told):
      self._lines.clear()
      self._say(f"{self._path} is damaged or of another search: what follows is searched again")
      return None
    self._good += len(line)
    return Entry(seconds=seconds, costs=np.array(costs))

  def write(self, controls: Float[np.ndarray, " d"], entry: Entry) -> None:
    """Adds what has become known of a candidate; where it cannot, the search goes on without."""
    if self._is_lost:
      return
    told = [repr(float(number)) for number in (entry.seconds, *entry.costs)]
    line = f"{' '.join(told)} {self._checksum(controls, told)}\n".encode()
    try:
      with self._path.open("ab") as file:
        file.truncate(self._good)
        file.write(line)
    except OSError as error:
      self._lose(error)
    self._good += len(line)

  def _lose(self, error: OSError | ValueError) -> None:
    """Gives the file up, and says so."""
    self._is_lost = True
    self._say(f"{self._path} cannot be used ({brief(error)}): a kill would lose the search")

  def _checksum(self, controls: Float[np.ndarray, " d"], told: list[str]) -> str:
    state = hashlib.sha256(f"{self._key} {' '.join(told)} ".encode())
    state.update(controls.tobytes())
    return state.hexdigest()[:16]
