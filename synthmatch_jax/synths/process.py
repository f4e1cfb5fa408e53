"""An engine in a process of its own: plugins crash, hang, leak and drift; data sets must not."""

import pickle
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from synthmatch_jax.audio.note import Note
from synthmatch_jax.errors import UserError
from synthmatch_jax.synths.base import RenderError, Synth, sound
from synthmatch_jax.synths.hosts import Closed
from synthmatch_jax.synths.life import Life, Lost
from synthmatch_jax.synths.registry import Engine

Item = TypeVar("Item")
Result = TypeVar("Result")

# By how much a canary may differ more than the plugin was measured to differ from itself.
_MARGIN_DB = 6.0
_AUDIBLE = 1e-4  # -80 dB of full scale: the least peak of a canary.
# Canaries in a row that differ, until the plugin is given up.
_MAX_DRIFTS = 6
# Processes in a row that crash before a canary, until the first sound of the next is taken as is.
_MAX_BARREN = 2


class ProcessHost:
  """A plugin in a process that is ended and replaced whenever it has to be (see `Host`).

  A call that crashes, hangs, or gives no sound result is tried again in a new process. In steady
  work a canary patch is rendered between the calls: where it no longer sounds as it did first in
  two new processes, the process is replaced and what it did since the last good canary is done
  again. Where processes crash too soon for any canary, the first sound of a new one is taken as
  it is, so that the work goes on. The results are those of a flawless plugin, whatever happens
  on the way, as long as its reset policy is repeatable.
  """

  def __init__(self, engine: Engine, *, report: Callable[[str], None] | None = None):
    self._engine, self._care = engine, engine.care
    self._report = report or (lambda sentence: None)
    self._life: Life | None = None
    self._closed = self._lost = False
    self._steady: object | None = None  # The steady work under way.
    self._canary: np.ndarray | None = None
    self._drifts = 0  # In a row.
    self._barren = 0  # Processes in a row that crashed before a canary.
    self._first: dict[bytes, Any] = {}  # The first result of the process, if it is pending.
    self._interval = self._care.canary_every
    # Of the block of steady work under way, by pickled call: results that are final, those that
    # await a canary, and calls that failed for good.
    self._final: dict[bytes, Any] = {}
    self._pending: dict[bytes, Any] = {}
    self._failed: dict[bytes, str] = {}

  def renew(self) -> None:
    """See `Host`."""
    if self._engine.repeatable_db is not None:
      self._end()

  def call(self, task: Callable[..., Result], *args: Any) -> Result:
    """See `Host`."""
    call = pickle.dumps((task, args))
    if call in self._failed:
      raise RenderError(self._failed[call])
    for known in (self._final, self._pending):
      if call in known:
        return known[call]
    reason = ""
    for _ in range(self._care.tries):
      life = self._alive()
      first = life.calls == 0
      try:
        life.prepare(task)
        result = life.ask(call, self._care.render_seconds)
      except (RenderError, Lost) as error:
        reason = str(error)
        self._lose(reason)
        continue
      self._keep(call, result, life, first=first)
      return result
    if self._steady:
      self._failed[call] = reason
    raise RenderError(reason)

  def steadily(self, do: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """See `Host`."""
    stream = iter(items)
    self._forget()
    work = self._steady = object()
    try:
      while block := list(islice(stream, self._care.canary_every)):
        yield from self._done(do, block)
        self._forget()
    finally:
      # Work that was broken off may be finalised when the host is at other work already.
      if self._steady is work:
        self._steady = None
        self._forget()

  def close(self) -> None:
    """See `Host`."""
    self._closed = True
    if self._life is not None:
      self._life.kill()  # Its caller finds it gone, and then the host closed.

  def _done(self, do: Callable[[Item], Result], block: list[Item]) -> list[Result]:
    while True:  # What is final is not rendered again: every time round gets further.
      self._lost = False
      results = [do(item) for item in block]
      self._confirm()
      if not self._lost:
        return results

  def _alive(self) -> Life:
    """The process there is, or a new one."""
    reason = ""
    for _ in range(self._care.tries):
      if self._closed:
        self._end()
        raise Closed
      try:
        if self._life is None:
          self._life = self._new()
        if self._steady and self._canary is None and not self._engine.process_per_sound:
          self._canary = self._listen()
        return self._life
      except (Lost, RenderError) as error:
        reason = str(error)
        self._end(reason)
    if self._closed:
      raise Closed
    raise UserError(
      f"{self._engine.name} does not come up: {self._care.tries} times in a row it {reason}; try"
      " the plugin in a DAW, then probe it again"
    )

  def _listen(self) -> np.ndarray:
    """How the canary sounds: as two new processes agree on; the second is kept."""
    sounds: list[np.ndarray] = []
    for _ in range(_MAX_DRIFTS):
      self._end()
      self._life = self._new()
      sounds.append(self._sing(self._life))
      if not np.abs(sounds[-1]).max() > _AUDIBLE:
        raise UserError(
          f"the canary of {self._engine.name} is silent, it would see no drift: give care.canary"
          " in its description values that sound, or probe it again"
        )
      if len(sounds) > 1 and _same(*sounds[-2:], within_db=self._engine.repeatable_db):
        return sounds[-1]
    raise UserError(self._unrepeatable())

  def _new(self) -> Life:
    return Life(self._engine, cancelled=lambda: self._closed)

  def _keep(self, call: bytes, result: Any, life: Life, *, first: bool) -> None:
    if self._engine.process_per_sound:
      self._end()
    if not self._steady:
      if life.worn(self._care):
        self._end()
    elif self._engine.process_per_sound:
      self._final[call] = result
    else:
      self._pending[call] = result
      if first:
        self._first = {call: result}
      if len(self._pending) >= self._interval or life.worn(self._care):
        self._confirm()

  def _confirm(self) -> None:
    """Makes pending results final if the canary sounds as it should; else drops them."""
    if not self._pending or self._life is None or self._canary is None:
      return
    try:
      sound = self._sing(self._life)
    except (Lost, RenderError) as error:
      self._lose(str(error))
      return
    if _same(self._canary, sound, within_db=self._engine.repeatable_db):
      self._final |= self._pending
      self._pending.clear()
      self._first = {}
      self._drifts = self._barren = 0
      self._interval = min(2 * self._interval, self._care.canary_every)
      if self._life.worn(self._care):
        self._end("replaced after many sounds or a growth of its memory")
      return
    self._drifts += 1
    if self._drifts == _MAX_DRIFTS:
      raise UserError(self._unrepeatable())
    self._end("drifted: the canary patch no longer sounds as in a new process")

  def _sing(self, life: Life) -> np.ndarray:
    call = pickle.dumps((_canary, (dict(self._care.canary),)))
    return life.ask(call, self._care.render_seconds)

  def _lose(self, reason: str) -> None:
    """Ends a process that crashed, hung, or gave no sound."""
    if self._pending:
      self._barren += 1
      if self._barren > _MAX_BARREN:
        self._final |= self._first
    self._end(reason)

  def _unrepeatable(self) -> str:
    return (
      f"{self._engine.name} does not repeat itself under the reset policy of its description: the"
      " same patch sounds different each time; probe it again"
    )

  def _end(self, reason: str = "") -> None:
    """Ends the process; what awaited a canary is lost."""
    if self._life is not None:
      self._life.end()
      self._life = None
    self._first = {}
    if self._pending:
      self._pending.clear()
      self._lost = True
      self._interval = max(1, self._interval // 2)
    if reason and not self._closed:
      self._report(reason)

  def _forget(self) -> None:
    for kept in (self._final, self._pending, self._failed):
      kept.clear()


def _canary(synth: Synth, patch: dict[str, float]) -> np.ndarray:
  """Half a second of a patch; the middle of every control where it is left out."""
  middle = synth.space.decode([0.5] * synth.space.dim)
  return sound(synth, middle | patch, note=Note(seconds=0.3), seconds=0.5, sample_rate=44_100)


def _same(target: np.ndarray, estimate: np.ndarray, *, within_db: float | None) -> bool:
  if within_db is None:
    return np.array_equal(target, estimate)
  peak = np.abs(target).max()
  return bool(np.abs(target - estimate).max() <= peak * 10 ** ((within_db + _MARGIN_DB) / 20))
