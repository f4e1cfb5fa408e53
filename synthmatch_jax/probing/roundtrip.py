"""Finds out whether a plugin takes its state back in another process."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from synthmatch_jax.errors import UserError
from synthmatch_jax.probing.plugin_parameter import PluginParameter
from synthmatch_jax.probing.probe_sounds import deviation, difference_db, play
from synthmatch_jax.probing.probed_plugin import ProbedPlugin
from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.spaces.space import Patch
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.play import hosting
from synthmatch_jax.synths.plugin import Plugin

Form = Literal["raw_state", "preset_data"]

# Values that differ by no more are the same: plugins store them rounded.
_SAME = 0.001
_STEP = 0.1


@dataclass(frozen=True, kw_only=True)
class RoundTrip:
  """A state written by one process and loaded by a new one.

  Attributes:
    form: The form of the state: pedalboard's raw state, or the contents of a .vstpreset.
    wrong: The parameters that did not come back, with their distances; all if none did.
    sound_db: The difference of the sound; -inf if it is equal to the last bit.
    error: Why it could not be tried; empty if it was.
  """

  form: Form
  wrong: Mapping[str, float]
  sound_db: float
  error: str = ""


def controls(parameters: tuple[PluginParameter, ...]) -> tuple[Continuous, ...]:
  """Returns parameters as controls over all of their range."""
  return tuple(Continuous(name=p.name, meaning=p.title, unit=p.unit) for p in parameters)


def proven(
  probed: ProbedPlugin, parameters: tuple[PluginParameter, ...], state: bytes
) -> tuple[dict[str, float], str]:
  """Finds the values that the base state brings back in a new process.

  A `Description` keeps them to prove, at each load, that its state was taken.

  Returns:
    Name -> raw value, and the reason if that is empty because the state brings nothing back.
  """
  engine = probed.engine(controls(parameters), reset="clear")
  wanted = {p.name: p.value for p in parameters}
  try:
    with hosting(engine) as place:
      got = place.call(_load_over, state, wanted)
  except (RenderError, UserError) as error:
    return {}, str(error)
  apart = deviation(wanted, got)
  kept = {name: got[name] for name in wanted if apart[name] <= _SAME}
  return kept, "" if kept else "no parameter comes back when the state is loaded"


def round_trip(
  probed: ProbedPlugin, parameters: tuple[PluginParameter, ...], form: Form
) -> RoundTrip:
  """Sets values near the base state's, writes the state, loads it elsewhere and compares."""
  engine = probed.engine(controls(parameters), reset="clear")
  near = {p.name: p.value + (_STEP if p.value < 0.5 else -_STEP) for p in parameters}
  try:
    with hosting(engine) as place:
      target, wanted, state = place.call(_write, near, form)
    with hosting(engine) as place:
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
