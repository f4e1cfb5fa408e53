"""Draws random patches and finds out whether they are silent and whether their values stick."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from synthmatch_jax.audio.loudness import THRESHOLD_DB, loudness_db
from synthmatch_jax.probing.choice import HALF_STEP
from synthmatch_jax.probing.probe_sounds import SAMPLE_RATE, deviation, play
from synthmatch_jax.spaces.space import ParameterSpace, Patch
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.play import hosting
from synthmatch_jax.synths.registry import Engine

# The part of a sound that is as long as a canary (`synths.canary`).
_CANARY_SECONDS = 0.5
# A plugin that rounds values to steps is measured to be off by a little less than half a step.
_MARGIN = 1.25
_LEAST_TOLERANCE = 0.001


@dataclass(frozen=True, kw_only=True)
class Draw:
  """A random patch and its sound.

  Attributes:
    patch: The values that were set.
    level_db: The loudness of the sound in LUFS; -inf for silence.
    start_db: The loudness of its first half second.
    deviation: The distance of each value read back from the value set.
  """

  patch: Patch
  level_db: float
  start_db: float
  deviation: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Draws:
  """Patches drawn uniformly from the ranges of the controls.

  Attributes:
    done: The patches that were rendered.
    failed: What the plugin did on the others.
  """

  done: tuple[Draw, ...]
  failed: tuple[str, ...]

  @property
  def silent(self) -> int:
    """The number of sounds under -60 LUFS."""
    return sum(d.level_db < THRESHOLD_DB for d in self.done)

  @property
  def stepped(self) -> float:
    """The largest deviation that may be a rounding to steps; 0 if values are kept as they are."""
    names = self.done[0].deviation if self.done else ()
    each = [max(draw.deviation[name] for draw in self.done) for name in names]
    worst = max((d for d in each if d <= HALF_STEP), default=0.0)
    return worst if worst > _LEAST_TOLERANCE / _MARGIN else 0.0

  @property
  def tolerance(self) -> float:
    """The tolerance for a description: half a step, or a rounding to three digits."""
    return round(max(_LEAST_TOLERANCE, _MARGIN * self.stepped), 5)

  def loud(self, count: int) -> tuple[Patch, ...]:
    """Returns the first `count` patches that are not silent, or fewer if there are fewer."""
    return tuple(d.patch for d in self.done if d.level_db >= THRESHOLD_DB)[:count]

  def canary(self) -> Patch:
    """Returns a patch with a loud start whose controls, and so its levels, are not near 0."""
    median = np.median([d.start_db for d in self.done])
    loud = [d for d in self.done if d.start_db >= median]
    numbers = [[v for v in d.patch.values() if isinstance(v, float)] for d in loud]
    return max(zip(loud, numbers, strict=True), key=lambda one: min(one[1], default=1.0))[0].patch


def draw(engine: Engine, *, count: int, seed: int) -> Draws:
  """Draws patches uniformly, renders them and looks at sounds and values.

  Raises:
    UserError: The plugin does not come up any more.
  """
  done, failed = [], []
  with hosting(engine) as place:
    for patch in tqdm(
      patches(engine.space, count, seed), desc="random patches", unit="sound", leave=False
    ):
      try:
        sound, got = place.call(play, patch)
      except RenderError as error:
        failed.append(str(error))
        continue
      start = sound[: round(_CANARY_SECONDS * SAMPLE_RATE)]
      done.append(
        Draw(
          patch=patch,
          level_db=loudness_db(sound, SAMPLE_RATE),
          start_db=loudness_db(start, SAMPLE_RATE),
          deviation=deviation(patch, got),
        )
      )
  return Draws(done=tuple(done), failed=tuple(failed))


def patches(space: ParameterSpace, count: int, seed: int) -> list[Patch]:
  """Draws patches whose controls are uniform."""
  rng = np.random.default_rng(seed)
  return [space.decode(rng.uniform(size=space.width)) for _ in range(count)]
