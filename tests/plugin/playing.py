"""What tests do with instruments in pedalboard; for processes of their own."""

import os
import re
import signal
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np

Policy = Literal["reload", "clear"]
Values = list[float]

MIDDLE = [0.5] * 16
OTHER = [0.3, 0.9, 0.234, 0.7, 0.6, 0.4, 0.6, 0.2, 0.3, 0.4, 0.1, 0.6, 0.2, 0.7, 0.3, 0.6]
SECONDS = 0.5


def load(bundle: Path, *, variant: str = "", policy: Policy = "clear") -> Any:
  """Loads the instrument as the variant; a reload makes a new instance of the same variant."""
  import pedalboard

  os.environ["TESTBED"] = variant
  plugin = pedalboard.load_plugin(str(bundle), initialization_timeout=1.0)
  if policy == "clear":
    plugin._reload_type = pedalboard.ExternalPluginReloadType.ClearsAudioOnReset
  return plugin


def play(plugin, values: Values | None = None, *, seconds: float = SECONDS, **options):
  """Plays C4 for half of the time, with the values if there are any."""
  for parameter, value in zip(plugin.parameters.values(), values or (), strict=False):
    parameter.raw_value = float(value)
  note = [([0x90, 60, 127], 0.0), ([0x80, 60, 0], seconds / 2)]
  return plugin(note, seconds, 44100, **options)


def values_of(plugin) -> Values:
  return [parameter.raw_value for parameter in plugin.parameters.values()]


def identity(bundle: Path) -> tuple[list[str], str, str, str, bool]:
  plugin = load(bundle)
  about = (plugin.name, plugin.manufacturer_name, plugin.version, plugin.is_instrument)
  return (list(plugin.parameters), *about)


def sounds(bundle: Path, patches: list[Values], policy: Policy, variant: str = "") -> list:
  """The sounds of the patches, in this order, by one plugin."""
  plugin = load(bundle, policy=policy, variant=variant)
  return [play(plugin, patch) for patch in patches]


def blocks(bundle: Path, sizes: list[int]) -> list:
  plugin = load(bundle)
  return [play(plugin, OTHER, buffer_size=size) for size in sizes]


def other_notes(bundle: Path) -> list:
  """A high, soft note at 48 kHz, and a low one after silence."""
  plugin = load(bundle)
  play(plugin, OTHER)
  high = plugin([([0x90, 84, 40], 0.0), ([0x80, 84, 0], 0.25)], 0.5, 48000)
  low = plugin([([0x90, 36, 127], 0.125), ([0x80, 36, 0], 0.25)], 0.5, 48000)
  return [high, low]


def round_trips(bundle: Path, variant: str) -> list[tuple[bool, bool, bool]]:
  """Whether a good instrument's state goes to the variant: its values, its sound, and back."""
  good, results = load(bundle), []
  sound = play(good, OTHER)
  for attribute in ("raw_state", "preset_data"):
    state = getattr(good, attribute)
    other = load(bundle, variant=variant)
    setattr(other, attribute, state)
    same_values = values_of(other) == values_of(good)
    same_sound = np.array_equal(play(other), sound)
    results.append((same_values, same_sound, getattr(other, attribute) == state))
  return results


def read_back(bundle: Path, variant: str) -> dict[Policy, Values]:
  """The values after a sound was made with `OTHER`."""
  found: dict[Policy, Values] = {}
  for policy in ("reload", "clear"):
    plugin = load(bundle, variant=variant, policy=policy)
    play(plugin, OTHER)
    found[policy] = values_of(plugin)
  return found


def host_parameters(bundle: Path, variant: str) -> tuple[list[str], list[str]]:
  """All names that the host has, and those that are left without MIDI controllers."""
  _ignore_midi_of_dpf()
  plugin = load(bundle, variant=variant)
  return [parameter.name for parameter in plugin._parameters], list(plugin.parameters)


def is_instrument(bundle: Path, variant: str) -> bool:
  return load(bundle, variant=variant).is_instrument


def seconds_to_load(bundle: Path, variant: str) -> float:
  start = time.monotonic()
  load(bundle, variant=variant)
  return time.monotonic() - start


def error_of_load(bundle: Path, variant: str) -> str:
  try:
    load(bundle, variant=variant)
  except ImportError as error:
    return str(error)
  return ""


def megabytes_grown(bundle: Path, variant: str, notes: int) -> float:
  def resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

  plugin = load(bundle, variant=variant)
  play(plugin)
  before = resident()
  for _ in range(notes):
    play(plugin)
  return resident() - before


def count_notes(bundle: Path, variant: str, values: Values, notes: int, log: Path) -> None:
  """Plays notes and logs how many; a signal ends the process where one hangs."""
  plugin = load(bundle, variant=variant)
  for count in range(1, notes + 1):
    signal.setitimer(signal.ITIMER_REAL, 2.0)
    play(plugin, values)
    log.write_text(str(count))
  signal.setitimer(signal.ITIMER_REAL, 0)


def storm(bundle: Path, folder: Path) -> tuple[int, np.ndarray]:
  """Plays until the folder is empty: how many notes were NaN; then a sound of a new plugin."""
  plugin = load(bundle, variant=f"storm:{folder}")
  spoilt = 0
  for _ in range(1000):
    spoilt += bool(np.isnan(play(plugin, MIDDLE, seconds=0.05)).all())
    if not any(folder.iterdir()):
      break
  return spoilt, play(load(bundle), MIDDLE)


def third_party(bundle: Path) -> tuple[list[str], bool, list]:
  """Parameters of an instrument of DPF, whether it is one, three times its sound."""
  _ignore_midi_of_dpf()
  plugin = load(bundle)
  values = [0.5] * len(plugin.parameters)
  patch = [play(plugin, values, num_channels=1) for _ in range(3)]
  return list(plugin.parameters), plugin.is_instrument, patch


def _ignore_midi_of_dpf() -> None:
  """Spares the texts of 2,080 parameters, of which pedalboard asks 1,001 each: a minute."""
  from pedalboard import _pedalboard

  _pedalboard.PARAMETER_NAME_REGEXES_TO_IGNORE.add(re.compile(r"MIDI Ch\. "))
