"""Finds out which parameters are heard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from synthmatch_jax.audio.mel import MelSettings, log_mel
from synthmatch_jax.probing.plugin_parameter import PluginParameter
from synthmatch_jax.probing.probe_sounds import deviation, play
from synthmatch_jax.probing.probed_plugin import ProbedPlugin
from synthmatch_jax.probing.roundtrip import controls
from synthmatch_jax.spaces.space import Patch
from synthmatch_jax.synths.base import RenderError, Synth
from synthmatch_jax.synths.description import Reset
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.play import hosting

THRESHOLD_DB = 0.1
"""A parameter is heard if it moves the log-mel spectrogram by this much on average.

The average is over all 64 bins and two seconds: a plain change of 6 dB in one of the bins is 0.1 dB
of it. A parameter that does nothing gives 0.
"""
# A change must also exceed what the plugin does by itself, times this.
_MARGIN = 3.0
_SECONDS = 2.0
_MEL = MelSettings()


@dataclass(frozen=True, kw_only=True)
class SoundChange:
  """How much a parameter changes the sound.

  Attributes:
    change_db: The mean absolute difference of the log-mel spectrogram from the base state's, at the
      position where it is largest; 0 if the parameter could not be tried.
    deviation: The largest distance of a value read back from the value set.
    error: What the plugin did when the parameter was moved; empty if all was well.
  """

  change_db: float
  deviation: float
  error: str = ""


@dataclass(frozen=True, kw_only=True)
class Audibility:
  """What is heard of a plugin's parameters, one by one.

  Attributes:
    reset: The reset policy under which they were listened to.
    floor_db: The difference of the base state from itself under it, as `SoundChange.change_db`.
    heard: The change that each parameter makes, by its name.
  """

  reset: Reset
  floor_db: float
  heard: Mapping[str, SoundChange]

  @property
  def threshold_db(self) -> float:
    """The least change that counts as heard."""
    return max(THRESHOLD_DB, _MARGIN * self.floor_db)


def listen(
  probed: ProbedPlugin,
  parameters: tuple[PluginParameter, ...],
  *,
  state: bytes,
  values: Mapping[str, float],
) -> Audibility:
  """Moves one parameter after the other away from the base state and listens.

  The reset policy is "clear", or "instance" if the plugin differs less from itself under that.

  Raises:
    UserError: The plugin does not come up any more.
  """
  base = {p.name: p.value for p in parameters}
  floors: dict[Reset, float] = {}
  policies: tuple[Reset, ...] = ("clear", "instance")
  for reset in policies:
    engine = probed.engine(controls(parameters), reset=reset, state=state, values=values)
    with hosting(engine) as place:
      try:
        floors[reset] = place.call(_restlessness, base)
      except RenderError:
        floors[reset] = np.inf
    if floors[reset] < THRESHOLD_DB / _MARGIN:
      break
  reset = min(floors, key=lambda r: floors[r])
  engine = probed.engine(controls(parameters), reset=reset, state=state, values=values)
  with hosting(engine) as place:
    bar = tqdm(parameters, desc="listening to parameters", unit="parameter", leave=False)
    heard = {p.name: _heard(place, base, p) for p in bar}
  return Audibility(reset=reset, floor_db=floors[reset], heard=heard)


def _heard(place: Host, base: Patch, parameter: PluginParameter) -> SoundChange:
  try:
    change, apart = place.call(_move, base, parameter.name, parameter.positions)
  except RenderError as error:
    return SoundChange(change_db=0.0, deviation=0.0, error=str(error))
  return SoundChange(change_db=change, deviation=apart)


def _restlessness(synth: Synth, base: Patch) -> float:
  """Returns the largest distance of the base state from itself, after sounds of other lengths."""
  pictures = [_picture(synth, base)]
  for seconds in (0.7, 1.3):
    play(synth, base, seconds)
    pictures.append(_picture(synth, base))
  return max(_distance(pictures[0], other) for other in pictures[1:])


def _move(synth: Synth, base: Patch, name: str, positions: Sequence[float]) -> tuple[float, float]:
  """Returns the largest distance from the base state and the largest deviation of a value."""
  target = _picture(synth, base)
  change = apart = 0.0
  for position in positions:
    patch = base | {name: position}
    change = max(change, _distance(target, _picture(synth, patch)))
    apart = max(apart, deviation(patch, synth.read_back())[name])
  return change, apart


def _picture(synth: Synth, patch: Patch) -> Float[np.ndarray, "t f"]:
  sound, _ = play(synth, patch, _SECONDS)
  return log_mel(sound, _MEL)


def _distance(target: Float[np.ndarray, "t f"], estimate: Float[np.ndarray, "t f"]) -> float:
  return float(np.abs(target - estimate).mean())
