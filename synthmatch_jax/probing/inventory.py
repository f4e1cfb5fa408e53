"""Asks a plugin what it is and what parameters it has, and plays it, before anything is set."""

import contextlib
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.loudness import THRESHOLD_DB
from synthmatch_jax.errors import UserError
from synthmatch_jax.probing import plugin_parameter
from synthmatch_jax.probing.plugin_parameter import PluginParameter
from synthmatch_jax.probing.probe_sounds import SAMPLE_RATE, SECONDS, nothing
from synthmatch_jax.probing.probed_plugin import ProbedPlugin
from synthmatch_jax.synths import states
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.description import Care, unpack
from synthmatch_jax.synths.hosts import Host, host
from synthmatch_jax.synths.plugin import MIDI_CONTROLLER, load
from synthmatch_jax.synths.registry import Engine

_A_DAY = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Inventory:
  """A plugin in its base state.

  Attributes:
    title: The name of the plugin, e.g. "Massive".
    version: The version that the plugin states.
    maker: The maker that the plugin states.
    kind: The category that the plugin states, e.g. "Instrument|Synth".
    channels: The number of channels of its sound.
    latency: The latency that it reports, in samples.
    parameters: Parameters, without those of MIDI controllers.
    midi: The number of parameters of MIDI controllers.
    state: The base state, as pedalboard gives it.
    blind: Whether the host sees no values, so that the defaults stand for them.
    load_seconds: The time until a new process has the plugin ready.
    level_db: The loudness of a C4 of one second, in LUFS; -inf for silence.
  """

  title: str
  version: str
  maker: str
  kind: str
  channels: int
  latency: int
  parameters: tuple[PluginParameter, ...]
  midi: int
  state: bytes
  blind: bool
  load_seconds: float
  level_db: float

  @property
  def silent(self) -> bool:
    """Whether the base state is under -60 LUFS."""
    return self.level_db < THRESHOLD_DB

  def parameter(self, name: str) -> PluginParameter:
    """Returns the parameter of a name.

    Raises:
      UserError: There is none; the sentence lists those there are.
    """
    for parameter in self.parameters:
      if parameter.name == name:
        return parameter
    known = ", ".join(p.name for p in self.parameters)
    raise UserError(f"{self.title} has no parameter {name}; it has {known}")


@dataclass(frozen=True, kw_only=True)
class BarePlugin(Engine):
  """An engine that is pedalboard's plugin itself, while nothing is known of its controls."""

  inside: str = ""
  limits: Care = field(default_factory=Care)

  def make(self) -> Any:
    """Loads the plugin."""
    return load(Path(self.path), inside=self.inside)

  @property
  def parallelism(self) -> Literal["process"]:
    """See `Engine`."""
    return "process"

  @property
  def care(self) -> Care:
    """See `Engine`."""
    return self.limits


def take_inventory(
  probed: ProbedPlugin, *, preset: Path | None = None, edit: bool = False
) -> Inventory:
  """Loads the plugin in a process of its own and looks at it.

  Args:
    probed: The plugin.
    preset: The base preset; None takes that of an earlier probe, or else the plugin's initial
      state.
    edit: Whether the user makes the base preset in the plugin's editor.

  Raises:
    UserError: It does not load, is no instrument, crashes or hangs at its first note, or does
      not take the preset.
  """
  # Imported here, as it takes seconds and the plugin's process imports this file.
  from synthmatch_jax.audio.loudness import loudness_db

  known = unpack(probed.known.state) if probed.known and probed.known.state else b""
  if edit:
    with contextlib.closing(_host(probed, _A_DAY)) as place:
      known = place.call(_base_state, preset, True)
  with contextlib.closing(_host(probed, probed.patience)) as place:
    start = time.perf_counter()
    place.call(nothing)
    load_seconds = time.perf_counter() - start
    try:
      if preset is not None and not edit:
        known = place.call(_base_state, preset, False)
      about, sound = place.call(_look, known)
    except RenderError as error:
      raise UserError(
        f"{probed.path} cannot be probed: at its first note it gave this: {error}; try it in a DAW"
      ) from None
  finite = np.isfinite(sound).all()
  level = loudness_db(sound, SAMPLE_RATE) if finite else -np.inf
  return Inventory(**about, load_seconds=load_seconds, level_db=level)


def _host(probed: ProbedPlugin, patience: float) -> Host:
  limits = Care(load_seconds=probed.patience, render_seconds=patience, tries=2)
  return host(
    BarePlugin(name=probed.name, path=str(probed.path), inside=probed.inside, limits=limits)
  )


def _base_state(plugin: Any, preset: Path | None, edit: bool) -> bytes:
  if preset is not None:
    states.apply(plugin, preset)
  if edit:
    states.edit(plugin)
  return states.capture(plugin)


def _look(plugin: Any, state: bytes) -> tuple[dict[str, Any], Float[np.ndarray, " n"]]:
  """Returns the facts of an `Inventory` and the sound of a C4; runs in the plugin's process."""
  if state:
    plugin.raw_state = state
  state = states.capture(plugin)
  parameters = tuple(plugin_parameter.read(n, p) for n, p in plugin.parameters.items())
  blind = bool(parameters) and not any(p.value for p in parameters)
  if blind and (blind := any(p.default for p in parameters)):
    parameters = tuple(replace(p, value=p.default) for p in parameters)
  titles = [p.name for p in plugin._parameters]
  channels, sound = _sound(plugin)
  about = {
    "title": plugin.name,
    "version": plugin.version,
    "maker": plugin.manufacturer_name,
    "kind": plugin.category,
    "channels": channels,
    "latency": plugin.reported_latency_samples,
    "parameters": tuple(p for p in parameters if not MIDI_CONTROLLER.match(p.title)),
    "midi": sum(1 for title in titles if MIDI_CONTROLLER.match(title)),
    "state": state,
    "blind": blind,
  }
  return about, sound


def _sound(plugin: Any) -> tuple[int, Float[np.ndarray, " n"]]:
  note = [([0x90, 60, 127], 0.0), ([0x80, 60, 0], 1.0)]
  for channels in (2, 1):  # Some instruments are mono.
    try:
      # After a refusal pedalboard leaves the plugin mute unless it is reset.
      sound = plugin(note, SECONDS, SAMPLE_RATE, num_channels=channels, reset=channels == 1)
      return channels, sound.mean(0, dtype=np.float32)
    except ValueError as error:
      if channels == 1 or "channel" not in str(error):
        raise RenderError(str(error)) from None
  raise AssertionError("unreachable")
