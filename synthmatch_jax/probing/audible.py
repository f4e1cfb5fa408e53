"""Which parameters are heard."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from synthmatch_jax.audio.mel import MelSettings, log_mel
from synthmatch_jax.probing.roundtrip import controls
from synthmatch_jax.probing.sounds import deviation, play
from synthmatch_jax.probing.subject import Subject
from synthmatch_jax.probing.survey import Parameter
from synthmatch_jax.spaces.space import Patch
from synthmatch_jax.synths.base import RenderError, Synth
from synthmatch_jax.synths.description import Reset
from synthmatch_jax.synths.hosts import Host, host

THRESHOLD_DB = 0.1
"""A parameter is heard if it moves the log-mel spectrogram by this much on average.

Of all 64 bins over two seconds: a change of 6 dB, which is plain, in one bin of them is 0.1 dB. A
parameter that does nothing gives 0.
"""
# What the plugin does by itself, times this, must be exceeded too.
_MARGIN = 3.0
_POSITIONS = (0.0, 0.25, 0.5, 0.75, 1.0)
_NEAR = 0.1  # A position so near to the base state's is left out.
_SECONDS = 2.0
_MEL = MelSettings()


@dataclass(frozen=True, kw_only=True)
class Heard:
  """How much a parameter is heard.

  Attributes:
    change_db: mean absolute difference of the log-mel spectrogram from the base state's, at the
      position where it is largest; 0 where the parameter could not be tried.
    deviation: largest distance of a value read back from the value set.
    error: what the plugin did when the parameter was moved; empty where all was well.
  """

  change_db: float
  deviation: float
  error: str = ""


@dataclass(frozen=True, kw_only=True)
class Audibility:
  """What is heard of a plugin's parameters, one by one.

  Attributes:
    reset: the policy under which they were listened to.
    floor_db: how far the base state differs from itself under it, as `Heard.change_db`.
    heard: by parameter.
  """

  reset: Reset
  floor_db: float
  heard: Mapping[str, Heard]

  @property
  def threshold_db(self) -> float:
    """A change of less is not taken for one."""
    return max(THRESHOLD_DB, _MARGIN * self.floor_db)


def listen(
  subject: Subject,
  parameters: tuple[Parameter, ...],
  *,
  state: bytes,
  values: Mapping[str, float],
) -> Audibility:
  """Moves one parameter after the other away from the base state and listens.

  Under the policy clear, or instance where the plugin differs less from itself under that.

  Raises:
    UserError: the plugin does not come up any more.
  """
  base = {p.name: p.value for p in parameters}
  floors: dict[Reset, float] = {}
  policies: tuple[Reset, ...] = ("clear", "instance")
  for reset in policies:
    engine = subject.engine(controls(parameters), reset=reset, state=state, values=values)
    with contextlib.closing(host(engine)) as place:
      try:
        floors[reset] = place.call(_restlessness, base)
      except RenderError:
        floors[reset] = np.inf
    if floors[reset] < THRESHOLD_DB / _MARGIN:
      break
  reset = min(floors, key=lambda r: floors[r])
  engine = subject.engine(controls(parameters), reset=reset, state=state, values=values)
  with contextlib.closing(host(engine)) as place:
    bar = tqdm(parameters, desc="listening to parameters", unit="parameter", leave=False)
    heard = {p.name: _heard(place, base, p) for p in bar}
  return Audibility(reset=reset, floor_db=floors[reset], heard=heard)


def _heard(place: Host, base: Patch, parameter: Parameter) -> Heard:
  positions = [x for x in _POSITIONS if abs(x - parameter.value) > _NEAR]
  try:
    change, apart = place.call(_move, base, parameter.name, positions)
  except RenderError as error:
    return Heard(change_db=0.0, deviation=0.0, error=str(error))
  return Heard(change_db=change, deviation=apart)


def _restlessness(synth: Synth, base: Patch) -> float:
  """Largest distance of the base state from itself, after sounds of other lengths."""
  pictures = [_picture(synth, base)]
  for seconds in (0.7, 1.3):
    play(synth, base, seconds)
    pictures.append(_picture(synth, base))
  return max(_distance(pictures[0], other) for other in pictures[1:])


def _move(synth: Synth, base: Patch, name: str, positions: Sequence[float]) -> tuple[float, float]:
  """Largest distance from the base state, and largest deviation of a value read back."""
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
