"""An engine in a process of its own: plugins crash, hang, leak and drift; data sets must not."""

import pickle
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from synthmatch_jax.errors import UserError
from synthmatch_jax.synths.base import Closed, RenderError
from synthmatch_jax.synths.block import Block
from synthmatch_jax.synths.canary import Canary
from synthmatch_jax.synths.life import Life, Lost
from synthmatch_jax.synths.registry import Engine

Item = TypeVar("Item")
Result = TypeVar("Result")

# So many processes in a row may crash before a canary; then the first sound of the next is trusted.
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
    self._canary = Canary(engine)
    self._life: Life | None = None
    self._block: Block | None = None  # The block of the steady work under way.
    self._barren = 0  # How many processes in a row crashed before a canary.
    self._closed = False

  def renew(self) -> None:
    """See `Host`."""
    if self._engine.repeatable_db is not None:
      self._end()

  def prepare(self) -> None:
    """See `Host`. A process starts when it is used."""

  def call(self, task: Callable[..., Result], *args: Any) -> Result:
    """See `Host`."""
    call = pickle.dumps((task, args))
    if self._block is not None and call in self._block:
      return self._block[call]
    reason = ""
    for _ in range(self._care.tries):
      life = self._alive()
      before = life.sounds
      try:
        life.prepare(task)
        result = life.ask(call)
      except (RenderError, Lost) as error:
        reason = str(error)
        self._lose(reason)
        continue
      self._keep(call, result, life, before)
      return result
    if self._block is not None:
      self._block.failed[call] = reason
    raise RenderError(reason)

  def steadily(self, do: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """See `Host`."""
    stream, block = iter(items), None
    try:
      while some := list(islice(stream, self._care.canary_every)):
        block = self._block = Block()
        yield from self._done(do, some, block)
    finally:
      # Work that was broken off may be finalised when the host is at other work already.
      if self._block is block:
        self._block = None

  def close(self) -> None:
    """See `Host`."""
    self._closed = True
    if (life := self._life) is not None:
      life.kill()  # Its caller finds it gone, and then the host closed.

  def _done(self, do: Callable[[Item], Result], some: list[Item], block: Block) -> list[Result]:
    while True:  # Final results are not rendered again, so that every round gets further.
      block.lost = False
      results = [do(item) for item in some]
      self._confirm()
      if not block.lost:
        return results

  def _alive(self) -> Life:
    """Returns the process that there is, or a new one."""
    reason = ""
    for _ in range(self._care.tries):
      try:
        if self._closed:
          raise Closed
        if self._block and not (self._canary.known or self._engine.process_per_sound):
          self._canary.learn(self._renewed)
        return self._life or self._renewed()
      except (Lost, RenderError) as error:
        reason = str(error)
        self._end(reason)
      except BaseException:
        self._end()
        raise
    if self._closed:
      raise Closed
    raise UserError(
      f"{self._engine.name} does not come up: {self._care.tries} times in a row it {reason}; try"
      " the plugin in a DAW, then probe it again"
    )

  def _renewed(self) -> Life:
    """Puts a new process in the place of the old one, and returns it."""
    self._end()
    self._life = Life(self._engine)
    if self._closed:  # Perhaps before there was a process that `close` could end.
      raise Closed
    self._life.load()
    return self._life

  def _keep(self, call: bytes, result: Any, life: Life, before: int) -> None:
    block = self._block
    if self._engine.process_per_sound:
      self._end()
      if block is not None:
        block.final[call] = result
    elif block is None:
      if life.worn:
        self._end()
    else:
      block.wait(call, result, sounds=life.sounds - before, fresh=before == 0)
      if block.sounds >= self._canary.interval or life.worn:
        self._confirm()

  def _confirm(self) -> None:
    """Makes pending results final if the canary sounds as it should, else drops them."""
    block, life = self._block, self._life
    if block is None or life is None or not block.pending:
      return
    try:
      sound = self._canary.sings(life)
    except (Lost, RenderError) as error:
      self._lose(str(error))
      return
    if not sound:
      self._end("drifted: the canary patch no longer sounds as in a new process")
      return
    block.confirm()
    self._barren = 0
    if life.worn:
      self._end("replaced after many sounds or a growth of its memory")

  def _lose(self, reason: str) -> None:
    """Ends a process that crashed, hung, or gave no sound."""
    if self._block is not None and self._block.pending:
      self._barren += 1
      if self._barren > _MAX_BARREN:
        self._block.trust_first()
    self._end(reason)

  def _end(self, reason: str = "") -> None:
    """Ends the process; what awaited a canary is lost."""
    if self._life is not None:
      self._life.end()
      self._life = None
    if self._block is not None and self._block.pending:
      self._block.drop()
      self._canary.hurry()
    if reason and not self._closed:
      self._report(reason)
