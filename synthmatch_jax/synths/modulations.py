"""The modulations of other people's presets of Vital, brought into the few of an engine.

A modulation adds `amount x range x source` to its destination; a source goes from 0 to 1, or, both
ways, from -1/2 to 1/2 (measured with vita 0.1.0).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from synthmatch_jax.synths.wavetables import LAST_PLACE

OSCILLATORS = ("osc_1", "osc_2", "osc_3")
_LEVELS = (*OSCILLATORS, "sample")
_PITCHES = {"transpose": 96.0, "tune": 2.0}  # The ranges, in semitones.
_RANGES = {
  **_PITCHES,
  "cutoff": 128.0,
  "frame": 256.0,
  "frequency": 16.0,
  "detune": 10.0,
  "drive": 20.0,
  "attack": 2.378,
  "decay": 2.378,
  "release": 2.378,
}
_FAINT = 1e-3
# A tempo of 1 is 32 bars, one of 6 a bar; a sync of 2 is dotted, of 3 in triplets, of 4 the key's.
_ONE_BAR, _BEATS = 6.0, 4.0
_SYNC, _OF_THE_KEY = {1: 1.0, 2: 1.5, 3: 2.0 / 3.0}, 4.0
_ENVELOPE_LIKE = (2, 3)  # The LFO's modes in which it plays once.
_LFO_SETTINGS = ("sync_type", "delay_time", "frequency", "sync", "tempo", "phase", "fade_time")
_ENVELOPE_SETTINGS = (
  *("attack", "decay", "sustain", "release", "delay", "hold"),
  *("attack_power", "decay_power", "release_power"),
)


@dataclass
class Route:
  """One modulation of a preset.

  Attributes:
    source: What moves, e.g. "lfo_1".
    destination: What is moved: a control.
    amount: The share of its range.
    both_ways: Whether it is moved up and down.
  """

  source: str
  destination: str
  amount: float
  both_ways: bool

  def __str__(self) -> str:
    return f"{self.source} moves {self.destination}"

  @property
  def semitones(self) -> float:
    """How far a pitch is moved."""
    return self.amount * _PITCHES[self.destination.rsplit("_", 1)[1]]


@dataclass
class Moved:
  """What has become of the modulations.

  Attributes:
    sources: The source in the preset for each envelope and LFO of the engine.
    used: The sources that move something in the engine.
    flipped: The LFOs that are turned upside down.
    lost: What is left out, one sentence each.
  """

  sources: dict[str, str]
  used: set[str] = field(default_factory=set)
  flipped: set[str] = field(default_factory=set)
  lost: list[str] = field(default_factory=list)


def take(
  settings: Mapping[str, Any], held: dict[str, float], *, slots: Sequence[tuple[str, str, bool]]
) -> Moved:
  """Puts the modulations of a preset into the slots of an engine, and their numbers into `held`.

  Args:
    settings: The settings of the preset.
    held: The number of each control in the preset; those that stand for the engine's envelopes,
      LFOs and modulations are set, and what they are added to is shifted.
    slots: The modulations of the engine.

  Raises:
    ValueError, TypeError, KeyError, AttributeError: The preset has no such modulations.
  """
  lost: list[str] = []
  tables = dict(zip(OSCILLATORS, settings["wavetables"], strict=True))
  lengths = {f"{name}_wave_frame": _length(table) for name, table in tables.items()}
  routes = [r for r in _routes(settings, held) if _acts(r, held) and lengths.get(r.destination, 1)]
  moved = Moved(sources=_roles(routes, held), lost=lost)
  own = dict(held)
  for role, source in moved.sources.items():
    _become(role, source, held, own)
  done: list[Route] = []
  for number, (role, destination, both_ways) in enumerate(slots, start=1):
    source = moved.sources[role]
    mine = [r for r in routes if r.source == source and _kind(r.destination) == _kind(destination)]
    if _kind(destination) in ("cutoff", "frame"):
      mine = [r for r in mine if r.destination == destination]
    held[f"modulation_{number}_amount"] = 0.0
    if not mine:
      continue
    done += mine
    moved.used.add(source)
    amount = _amount(mine, held, both_ways=both_ways, lost=lost)
    if _kind(destination) == "frame":
      amount *= LAST_PLACE / lengths[destination]
    if role.startswith("lfo") and _kind(destination) != "level" and amount < 0:
      moved.flipped.add(source)
      amount = -amount
    if _kind(destination) == "level":
      if any(route.amount > 0 for route in mine):
        moved.flipped.add(source)
      amount = -abs(amount)
    held[f"modulation_{number}_amount"] = amount
  for route in (route for route in routes if route not in done):
    if _kind(route.destination) == "level":
      held[route.destination] += route.amount / 2.0
    lost.append(f"{route}: left out")
  for module in ("chorus", "delay", "delay_aux"):
    free(module, held)
  return moved


def _length(table: Mapping[str, Any]) -> float:
  """Returns the place of the last frame of a wavetable; 0 of one that has only one frame."""
  parts = [part for group in table["groups"] for part in group["components"]]
  return max((float(f["position"]) for part in parts for f in part["keyframes"]), default=0.0)


def _routes(settings: Mapping[str, Any], held: dict[str, float]) -> Iterator[Route]:
  """Yields the modulations, with the macros taken as they stand."""
  found: dict[int, Route] = {}
  for number, entry in enumerate(settings["modulations"], start=1):
    source, destination = entry["source"], entry["destination"]
    if not (isinstance(source, str) and isinstance(destination, str)):
      raise ValueError("one of its modulations has no names")
    if source and destination and not held.get(f"modulation_{number}_bypass"):
      amount, both = held[f"modulation_{number}_amount"], held[f"modulation_{number}_bipolar"]
      found[number] = Route(source[:40], destination[:40], amount, bool(both))
  macros = [route for route in found.values() if route.source.startswith("macro_control_")]
  for route in sorted(macros, key=lambda route: not route.destination.startswith("modulation_")):
    value = held.get(route.source, 0.0) * route.amount
    target = found.get(_slot(route.destination))
    if target is not None:
      target.amount += 2.0 * value
    elif route.destination in held:
      held[route.destination] += value * _RANGES.get(route.destination.rsplit("_", 1)[1], 1.0)
  yield from (route for route in found.values() if route not in macros)


def _slot(destination: str) -> int:
  parts = destination.split("_")
  is_amount = len(parts) == 3 and (parts[0], parts[2]) == ("modulation", "amount")
  return int(parts[1]) if is_amount and parts[1].isdecimal() else 0


def _acts(route: Route, held: Mapping[str, float]) -> bool:
  """Returns whether a modulation can be heard: its destination is on, its source not at rest."""
  if route.source in ("mod_wheel", "aftertouch", "pitch_wheel", "slide", "lift", "stereo"):
    return False
  module = next((m for m in _modules(held) if route.destination.startswith(f"{m}_")), None)
  is_off = module is not None and not held[f"{module}_on"]
  return abs(route.amount) > _FAINT and not is_off


def _modules(held: Mapping[str, float]) -> Iterator[str]:
  return (name.removesuffix("_on") for name in held if name.endswith("_on"))


def _kind(destination: str) -> str:
  """Returns what a destination is: "pitch", "level", "cutoff", "frame", or itself."""
  last = destination.rsplit("_", 1)[-1]
  if destination.startswith(("osc_", "voice_")) and last in _PITCHES:
    return "pitch"
  if destination in ("voice_amplitude", "volume", *(f"{name}_level" for name in _LEVELS)):
    return "level"
  if destination in ("filter_1_cutoff", "filter_2_cutoff"):
    return "cutoff"
  return "frame" if destination.endswith("wave_frame") else destination


def _roles(routes: Sequence[Route], held: Mapping[str, float]) -> dict[str, str]:
  """Returns which source of the preset stands for each envelope and LFO of the engine."""

  def strongest(kinds: Sequence[str], prefix: str) -> list[str]:
    strength: dict[str, float] = {}
    for route in routes:
      of_the_key = held.get(f"{route.source}_sync") == _OF_THE_KEY
      if route.source.startswith(prefix) and _kind(route.destination) in kinds and not of_the_key:
        weight = route.semitones / 12.0 if _kind(route.destination) == "pitch" else route.amount
        strength[route.source] = strength.get(route.source, 0.0) + abs(weight)
    return sorted(strength, key=lambda source: -strength[source])

  lfos = strongest(("pitch", "level", "cutoff", "frame"), "lfo_")[:2]
  lfos += [name for name in ("lfo_1", "lfo_2") if name not in lfos]
  lfos = sorted(lfos[:2])
  return {
    "env_2": (*strongest(("cutoff",), "env_"), "env_2")[0],
    "env_3": (*strongest(("pitch",), "env_"), "env_3")[0],
    "lfo_1": lfos[0],
    "lfo_2": lfos[1],
  }


def _become(role: str, source: str, held: dict[str, float], own: Mapping[str, float]) -> None:
  """Sets an envelope or LFO of the engine to the preset's one that it stands for."""
  names = _LFO_SETTINGS if role.startswith("lfo") else _ENVELOPE_SETTINGS
  for name in names:
    held[f"{role}_{name}"] = own[f"{source}_{name}"]
  if role.startswith("lfo"):
    once = held[f"{role}_sync_type"] in _ENVELOPE_LIKE
    held[f"{role}_sync_type"] = 2.0 if once else 0.0
    free(role, held)


def free(module: str, held: dict[str, float]) -> None:
  """Sets a frequency that follows the tempo to what it is at the tempo of the preset."""
  factor = _SYNC.get(int(held[f"{module}_sync"]))
  tempo = held[f"{module}_tempo"]
  if factor is not None:
    beats = _BEATS * 2.0 ** (_ONE_BAR - tempo) * factor
    beats_per_second = max(held["beats_per_minute"], 1e-3)  # In spite of its name.
    held[f"{module}_frequency"] = math.log2(beats_per_second / beats) if tempo else -7.0
  held[f"{module}_sync"] = 0.0


def _amount(
  routes: Sequence[Route], held: dict[str, float], *, both_ways: bool, lost: list[str]
) -> float:
  """Returns the amount of a slot that stands for modulations, and shifts what they are added to."""
  kind = _kind(routes[0].destination)
  if kind == "level":
    return _lowered(routes, held, lost)
  found: dict[str, float] = {}
  for route in routes:
    shift = (both_ways - route.both_ways) / 2.0
    if kind == "pitch":
      for name in _moved_pitches(route, held):
        held[f"{name}_transpose"] += shift * route.semitones
        found[name] = found.get(name, 0.0) + route.semitones / _PITCHES["transpose"]
    else:
      held[route.destination] += shift * route.amount * _RANGES[kind]
      found[""] = found.get("", 0.0) + route.amount
  if kind == "pitch" and _differ([found.get(name, 0.0) for name in _playing(held, OSCILLATORS)]):
    lost.append(f"{routes[0].source} moves the pitch of each oscillator differently: here alike")
  return max(found.values(), key=abs, default=0.0)


def _lowered(routes: Sequence[Route], held: dict[str, float], lost: list[str]) -> float:
  """Returns how far the level of all sources is lowered, with each at the top of its own way."""
  depths = dict.fromkeys(_playing(held, _LEVELS), 0.0)
  for route in routes:
    name = route.destination.removesuffix("_level")
    if name not in _LEVELS:
      depths = {other: max(depth, min(abs(route.amount), 1.0)) for other, depth in depths.items()}
    elif name in depths:
      level, way = held[route.destination], route.amount
      ends = (level - way / 2, level + way / 2) if route.both_ways else (level, level + way)
      bottom, top = (min(max(end, 0.0), 1.0) for end in sorted(ends))
      held[route.destination] = top
      depths[name] = 1.0 - bottom / top if top else 0.0
  if _differ(list(depths.values())):
    lost.append(f"{routes[0].source} moves the level of each source differently: here alike")
  return -max(depths.values(), default=0.0)


def _playing(held: Mapping[str, float], names: Sequence[str]) -> list[str]:
  return [name for name in names if held[f"{name}_on"]]


def _moved_pitches(route: Route, held: Mapping[str, float]) -> list[str]:
  """Returns the oscillators whose pitch a modulation moves."""
  playing = _playing(held, OSCILLATORS)
  name = route.destination.rsplit("_", 1)[0]
  return playing if name == "voice" else [name] if name in playing else []


def _differ(numbers: Sequence[float]) -> bool:
  return bool(numbers) and max(numbers) - min(numbers) > 0.1 * max(map(abs, numbers))
