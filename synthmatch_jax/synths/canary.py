"""The canary of a process: a patch that tells whether the engine in it has drifted."""

import pickle
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.loudness import SILENT_PEAK
from synthmatch_jax.audio.note import Note
from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces.space import Patch
from synthmatch_jax.synths import base
from synthmatch_jax.synths.base import Synth
from synthmatch_jax.synths.life import Life
from synthmatch_jax.synths.registry import Engine

# How much more a canary may differ than the plugin was measured to differ from itself.
_MARGIN_DB = 6.0
# So many canaries in a row may differ before the plugin is given up.
_MAX_DRIFTS = 6


class Canary:
  """How an engine sounds when it is new, and whether it still does.

  Every method lets `Lost` and `RenderError` through.

  Attributes:
    interval: The number of sounds from one check to the next; it is shorter after a loss.
  """

  def __init__(self, engine: Engine):
    self._engine = engine
    self._call = pickle.dumps((_render, (dict(engine.care.canary),)))
    self._sound: np.ndarray | None = None
    self._drifts = 0  # How many canaries in a row differed.
    self.interval = engine.care.canary_every

  @property
  def known(self) -> bool:
    """Whether the sound has been learnt."""
    return self._sound is not None

  def learn(self, renewed: Callable[[], Life]) -> None:
    """Learns the sound on which two new processes agree; the second one is left to work.

    Args:
      renewed: Gives a new process.

    Raises:
      UserError: The sound is silent, or no two processes agree.
    """
    before: np.ndarray | None = None
    for _ in range(_MAX_DRIFTS):
      sound = renewed().ask(self._call)
      if not np.abs(sound).max() > SILENT_PEAK:
        raise UserError(
          f"the canary of {self._engine.name} is silent, it would see no drift: give care.canary"
          " in its description values that sound, or probe it again"
        )
      if before is not None and self._same(before, sound):
        self._sound = sound
        return
      before = sound
    raise UserError(self._unrepeatable())

  def sings(self, life: Life) -> bool:
    """Returns whether the process sounds as a new one does.

    Raises:
      UserError: Too many in a row did not.
    """
    assert self._sound is not None
    if self._same(self._sound, life.ask(self._call)):
      self._drifts = 0
      self.interval = min(2 * self.interval, self._engine.care.canary_every)
      return True
    self._drifts += 1
    if self._drifts == _MAX_DRIFTS:
      raise UserError(self._unrepeatable())
    return False

  def hurry(self) -> None:
    """Brings the next check forward, as work since the last one was lost."""
    self.interval = max(1, self.interval // 2)

  def _same(self, target: Float[np.ndarray, " n"], estimate: Float[np.ndarray, " n"]) -> bool:
    within_db = self._engine.repeatable_db
    if within_db is None:
      return np.array_equal(target, estimate)
    peak = np.abs(target).max()
    return bool(np.abs(target - estimate).max() <= peak * 10 ** ((within_db + _MARGIN_DB) / 20))

  def _unrepeatable(self) -> str:
    return (
      f"{self._engine.name} does not repeat itself under the reset policy of its description: the"
      " same patch sounds different each time; probe it again"
    )


def _render(synth: Synth, patch: Patch) -> Float[np.ndarray, " n"]:
  """Renders half a second of a patch; controls that it leaves out are at their middle."""
  patch = synth.space.decode([0.5] * synth.space.width) | patch
  return base.sound(synth, patch, note=Note(hold_seconds=0.3), seconds=0.5, sample_rate=44_100)
