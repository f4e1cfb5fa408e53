"""The results of the calls of one block of steady work."""

from dataclasses import dataclass, field
from typing import Any

from synthmatch_jax.synths.base import RenderError


@dataclass(kw_only=True)
class Block:
  """Results by pickled call: some are final, others wait until a canary has confirmed them.

  Attributes:
    final: The results that need not be computed again.
    pending: The results of the process since its last good canary, in their order.
    failed: The reasons why calls failed for good.
    sounds: How many sounds the pending results are made of.
    lost: Whether pending results were dropped in this round.
    fresh: Whether the first of the pending results is the first of its process.
  """

  final: dict[bytes, Any] = field(default_factory=dict)
  pending: dict[bytes, Any] = field(default_factory=dict)
  failed: dict[bytes, str] = field(default_factory=dict)
  sounds: int = 0
  lost: bool = False
  fresh: bool = False

  def __contains__(self, call: bytes) -> bool:
    return call in self.final or call in self.pending or call in self.failed

  def __getitem__(self, call: bytes) -> Any:
    if call in self.failed:
      raise RenderError(self.failed[call])
    return self.final[call] if call in self.final else self.pending[call]

  def wait(self, call: bytes, result: Any, *, sounds: int, fresh: bool) -> None:
    """Keeps a result until it is confirmed.

    Args:
      call: The call that gave it.
      result: The result of the call.
      sounds: The sounds that were made for it.
      fresh: Whether it is the first of its process.
    """
    self.fresh = fresh if not self.pending else self.fresh
    self.pending[call] = result
    self.sounds += sounds

  def confirm(self) -> None:
    """Makes all pending results final."""
    self.final |= self.pending
    self._clear()

  def drop(self) -> None:
    """Forgets all pending results, which must be computed again."""
    self.lost = True
    self._clear()

  def trust_first(self) -> None:
    """Makes the first result of the process final, if it is pending."""
    if self.fresh:
      self.final |= dict([next(iter(self.pending.items()))])

  def _clear(self) -> None:
    self.pending.clear()
    self.sounds, self.fresh = 0, False
