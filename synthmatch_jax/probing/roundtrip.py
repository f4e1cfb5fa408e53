"""Does the plugin give its state, and take it back, in another process?"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from synthmatch_jax.errors import UserError
from synthmatch_jax.probing.sounds import deviation, difference_db, play
from synthmatch_jax.probing.subject import Subject
from synthmatch_jax.probing.survey import Parameter
from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.spaces.space import Patch
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.hosts import host
from synthmatch_jax.synths.plugin import Plugin

Form = Literal["raw_state", "preset_data"]

# Values that differ by less are the same: plugins store them rounded.
_SAME = 0.001
_STEP = 0.1


@dataclass(frozen=True, kw_only=True)
class RoundTrip:
  """A state written by one process and loaded by a new one.

  Attributes:
    form: pedalboard's raw state, or the contents of a .vstpreset.
    wrong: parameters that did not come back, with the distance; all of them, where none did.
    sound_db: difference of the sound; -inf to the last bit.
    error: why it could not be tried; empty where it was.
  """

  form: Form
  wrong: Mapping[str, float]
  sound_db: float
  error: str = ""


def controls(parameters: tuple[Parameter, ...]) -> tuple[Continuous, ...]:
  """Parameters as controls over all of their range."""
  return tuple(Continuous(name=p.name, meaning=p.title, unit=p.unit) for p in parameters)


def proven(
  subject: Subject, parameters: tuple[Parameter, ...], state: bytes
) -> tuple[dict[str, float], str]:
  """Values of the parameters that the base state brings back in a new process.

  They are what a `Description` keeps to prove, at each load, that its state was taken.

  Returns:
    Name -> raw value; empty where the state brings nothing back. And the reason for that.
  """
  engine = subject.engine(controls(parameters), reset="clear")
  wanted = {p.name: p.value for p in parameters}
  try:
    with contextlib.closing(host(engine)) as place:
      got = place.call(_load_over, state, wanted)
  except (RenderError, UserError) as error:
    return {}, str(error)
  apart = deviation(wanted, got)
  kept = {name: got[name] for name in wanted if apart[name] <= _SAME}
  return kept, "" if kept else "no parameter comes back when the state is loaded"


def round_trip(subject: Subject, parameters: tuple[Parameter, ...], form: Form) -> RoundTrip:
  """Sets values near the base state's, writes the state, loads it elsewhere and compares."""
  engine = subject.engine(controls(parameters), reset="clear")
  near = {p.name: p.value + (_STEP if p.value < 0.5 else -_STEP) for p in parameters}
  try:
    with contextlib.closing(host(engine)) as place:
      target, wanted, state = place.call(_write, near, form)
    with contextlib.closing(host(engine)) as place:
      estimate, got = place.call(_read, state, form)
  except (RenderError, UserError) as error:
    everything = {p.name: np.inf for p in parameters}
    return RoundTrip(form=form, wrong=everything, sound_db=np.inf, error=str(error))
  wrong = {name: d for name, d in deviation(wanted, got).items() if not d <= _SAME}
  return RoundTrip(form=form, wrong=wrong, sound_db=difference_db(target, estimate))


def _load_over(synth: Plugin, state: bytes, wanted: Patch) -> Patch:
  """Loads the state over other values, as an engine does with its base preset."""
  for name, value in wanted.items():
    synth.plugin.parameters[name].raw_value = 0.0 if value > 0.5 else 1.0
  _take(synth, "raw_state", state)
  return synth.settle()


def _write(synth: Plugin, patch: Patch, form: Form) -> tuple[Float[np.ndarray, " n"], Patch, bytes]:
  sound, values = play(synth, patch)
  return sound, values, getattr(synth.plugin, form)


def _read(synth: Plugin, state: bytes, form: Form) -> tuple[Float[np.ndarray, " n"], Patch]:
  _take(synth, form, state)
  return play(synth, synth.read_back())


def _take(synth: Plugin, form: Form, state: bytes) -> None:
  try:
    setattr(synth.plugin, form, state)
  except RuntimeError as error:
    raise RenderError(" ".join(str(error).split())) from None
