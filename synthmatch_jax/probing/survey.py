"""What a plugin says of itself, and whether it sounds, before anything is set on it."""

import contextlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.loudness import THRESHOLD_DB
from synthmatch_jax.errors import UserError
from synthmatch_jax.probing.sounds import SAMPLE_RATE, SECONDS, nothing
from synthmatch_jax.probing.subject import Subject
from synthmatch_jax.synths import states
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.description import Care, unpack
from synthmatch_jax.synths.hosts import Host, host
from synthmatch_jax.synths.plugin import MIDI_CONTROLLER, load
from synthmatch_jax.synths.registry import Engine

# Fewer are a choice: 19 steps of a knob are 5 % of its range each, which is plainly heard.
MIN_STEPS = 20
# Parameters that play no part in a patch.
_APART = re.compile(r"\b(bypass|program|preset)\b", re.IGNORECASE)
_NUMBER = re.compile(r"\s*[-+]?(\d|\.\d|inf)", re.IGNORECASE)
_A_DAY = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Parameter:
  """A parameter of a plugin, as the host sees it.

  Attributes:
    name: pedalboard's, from the title.
    title: the plugin's.
    unit: of the texts; empty where there is none.
    kind: of the texts, by pedalboard.
    steps: distinct texts over the 1,001 positions that pedalboard asks for.
    lowest: text at 0.
    highest: text at 1.
    default: raw value in [0, 1].
    value: raw value in the base state.
    numeric: whether nine texts in ten are numbers, perhaps with a unit.
  """

  name: str
  title: str
  unit: str
  kind: Literal["float", "bool", "str"]
  steps: int
  lowest: str
  highest: str
  default: float
  value: float
  numeric: bool

  @property
  def continuous(self) -> bool:
    """Whether it can be a control: a number of at least 20 steps, not a switch or a choice."""
    return self.kind != "bool" and self.numeric and self.steps >= MIN_STEPS

  @property
  def candidate(self) -> bool:
    """Whether it may be in the first choice of controls."""
    return self.continuous and not _APART.search(self.title)


@dataclass(frozen=True, kw_only=True)
class Survey:
  """A plugin in its base state.

  Attributes:
    title: the plugin's name, e.g. "Massive".
    version: as the plugin says.
    maker: as the plugin says.
    kind: e.g. "Instrument|Synth".
    channels: of its sound.
    latency: that it reports, in samples.
    parameters: without those of MIDI controllers.
    midi: number of those.
    state: the base state, as pedalboard gives it.
    blind: whether the host sees no values, so that the defaults stand for them.
    load_seconds: from nothing to a process with the plugin ready.
    level_db: loudness of a C4 of one second, in LUFS; -inf for silence.
  """

  title: str
  version: str
  maker: str
  kind: str
  channels: int
  latency: int
  parameters: tuple[Parameter, ...]
  midi: int
  state: bytes
  blind: bool
  load_seconds: float
  level_db: float

  @property
  def silent(self) -> bool:
    """Whether nobody hears the base state: data sets would draw it again."""
    return self.level_db < THRESHOLD_DB

  def parameter(self, name: str) -> Parameter:
    """The parameter of that name.

    Raises:
      UserError: there is none; the sentence lists those there are.
    """
    for parameter in self.parameters:
      if parameter.name == name:
        return parameter
    known = ", ".join(p.name for p in self.parameters)
    raise UserError(f"{self.title} has no parameter {name}; it has {known}")

  def patch(self, names: Sequence[str]) -> dict[str, float]:
    """Values of the base state."""
    return {p.name: p.value for p in self.parameters if p.name in set(names)}


@dataclass(frozen=True, kw_only=True)
class Bare(Engine):
  """An engine that is pedalboard's plugin itself, for the time before it has controls."""

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


def survey(subject: Subject, *, preset: Path | None = None, edit: bool = False) -> Survey:
  """Loads the plugin in a process of its own and looks at it.

  Args:
    subject: the plugin.
    preset: the base preset; else that of an earlier probe, else the plugin's initial state.
    edit: whether the user makes the base preset in the plugin's editor.

  Raises:
    UserError: it does not load, is no instrument, crashes or hangs at its first note, or does
      not take the preset.
  """
  # Here: the plugin's process imports this file, and this takes seconds.
  from synthmatch_jax.audio.loudness import loudness_db

  known = unpack(subject.known.state) if subject.known and subject.known.state else b""
  if edit:
    with contextlib.closing(_host(subject, _A_DAY)) as place:
      known = place.call(_base_state, preset, True)
  with contextlib.closing(_host(subject, subject.patience)) as place:
    start = time.perf_counter()
    place.call(nothing)
    load_seconds = time.perf_counter() - start
    try:
      if preset is not None and not edit:
        known = place.call(_base_state, preset, False)
      about, sound = place.call(_look, known)
    except RenderError as error:
      raise UserError(
        f"{subject.path} cannot be probed: at its first note it gave this: {error}; try it in a DAW"
      ) from None
  finite = np.isfinite(sound).all()
  level = loudness_db(sound, SAMPLE_RATE) if finite else -np.inf
  return Survey(**about, load_seconds=load_seconds, level_db=level)


def _host(subject: Subject, patience: float) -> Host:
  limits = Care(load_seconds=subject.patience, render_seconds=patience, tries=2)
  return host(Bare(name=subject.name, path=str(subject.path), inside=subject.inside, limits=limits))


def _base_state(plugin: Any, preset: Path | None, edit: bool) -> bytes:
  if preset is not None:
    states.apply(plugin, preset)
  if edit:
    states.edit(plugin)
  return states.capture(plugin)


def _look(plugin: Any, state: bytes) -> tuple[dict[str, Any], Float[np.ndarray, " n"]]:
  """What there is to know, and the sound of a C4; runs in the plugin's process."""
  if state:
    plugin.raw_state = state
  state = states.capture(plugin)
  parameters = tuple(_parameter(n, p) for n, p in plugin.parameters.items())
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


def _parameter(name: str, parameter: Any) -> Parameter:
  texts = [str(value) for value in parameter.ranges.values()]
  return Parameter(
    name=name,
    title=parameter.name,
    unit=parameter.label or "",
    kind=parameter.type.__name__,
    steps=len(set(texts)),
    lowest=texts[0],
    highest=texts[-1],
    default=float(parameter.default_raw_value),
    value=float(parameter.raw_value),
    numeric=sum(bool(_NUMBER.match(text)) for text in texts) >= 0.9 * len(texts),
  )


def _sound(plugin: Any) -> tuple[int, Float[np.ndarray, " n"]]:
  note = [([0x90, 60, 127], 0.0), ([0x80, 60, 0], 1.0)]
  for channels in (2, 1):  # Some instruments are mono.
    try:
      # With a reset after a refusal: without one pedalboard leaves the plugin mute.
      sound = plugin(note, SECONDS, SAMPLE_RATE, num_channels=channels, reset=channels == 1)
      return channels, sound.mean(0, dtype=np.float32)
    except ValueError as error:
      if channels == 1 or "channel" not in str(error):
        raise RenderError(str(error)) from None
  raise AssertionError("unreachable")
