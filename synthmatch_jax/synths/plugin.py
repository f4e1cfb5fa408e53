"""Any VST3 or AU instrument through pedalboard, as its description says.

To be used on the main thread of a process of its own (see `process.py`): the first thread that
loads a plugin is its main thread, and a plugin that crashes takes its process along.
"""

import contextlib
import ctypes
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax import files
from synthmatch_jax.audio.note import Note
from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.spaces.space import Patch
from synthmatch_jax.synths import bundle, states
from synthmatch_jax.synths.base import Parallelism, RenderError
from synthmatch_jax.synths.description import Description, unpack
from synthmatch_jax.synths.raw_values import raw_value, value_at

# Raised when the same patch sounds different from before, and the reason is neither the plugin nor
# the description nor pedalboard's version.
REVISION = 1

MIDI_CONTROLLER = re.compile(r"MIDI.*\bCC\b", re.IGNORECASE)
"""Titles of parameters that stand for MIDI controllers, as JUCE, DPF and others write them."""

_BLOCK_SECONDS = 0.5  # How much silence is rendered between two looks at the level of a tail.
# pedalboard plays notes on a new instance until it sounds. Its own limit of 10 s would pass for
# every silent patch under the policy "instance".
_TRIAL_SECONDS = 2.0

_NO_PEDALBOARD = (
  "plugins need pedalboard (GPL-3), which is not installed: pip install 'synthmatch_jax[plugins]'"
)


class Plugin:
  """An instrument plugin with the controls of its description (see `Synth` for the methods).

  Values are set as raw values, within range, and read back after the render: where one did not
  stick, a `RenderError` names the parameter (pedalboard issues 243, 339, 393).

  Attributes:
    plugin: The object of pedalboard.
  """

  parallelism: Parallelism = Description.parallelism

  def __init__(self, description: Description, path: Path):
    self.name = description.name
    self.space = description.space
    self.preset_suffix = ".state" if path.suffix == ".component" else ".vstpreset"
    self._description = description
    self.plugin = load(path, inside=description.inside)
    known = self.plugin.parameters
    if missing := [name for name in self.space.names if name not in known]:
      raise UserError(
        f"{path.name} has no parameter {', '.join(missing)}; it has {', '.join(known)}"
      )
    self._parameters = {p.name: (p, known[p.name]) for p in self.space.parameters}
    self._channels = _channels(self.plugin)
    if description.reset == "clear":
      # This is private to pedalboard 0.9, and the only way to keep it from making a new instance.
      self.plugin._reload_type = _pedalboard().ExternalPluginReloadType.ClearsAudioOnReset
    if description.state:
      self._load_base_preset()
    if description.reset != "process":
      # The first sound of a new plugin may differ from all others (seen with Nekobi, -26 dB).
      self._process([([0x90, 60, 127], 0.0), ([0x80, 60, 0], 0.1)], 0.2, 44_100)

  def render(
    self, patch: Patch, *, note: Note, seconds: float, sample_rate: int
  ) -> Float[np.ndarray, " n"]:
    """See `Synth`.

    Raises:
      RenderError: A value did not stick, or pedalboard failed.
    """
    wanted = self._apply(patch)
    if self._description.reset == "flush":
      self._flush(sample_rate)
    on, off = [0x90, note.pitch, note.velocity], [0x80, note.pitch, 0]
    _seed_c()
    # pedalboard takes the whole part of a float's product: at 1.3 s and 44.1 kHz a sample too few.
    asked = (round(seconds * sample_rate) + 0.5) / sample_rate
    audio = self._process([(on, 0.0), (off, note.hold_seconds)], asked, sample_rate)
    self._verify(wanted)
    return audio.mean(0, dtype=np.float32)

  def read_back(self) -> Patch:
    """See `Synth`."""
    return {n: value_at(p, float(own.raw_value)) for n, (p, own) in self._parameters.items()}

  def save_preset(self, patch: Patch, path: Path) -> Path:
    """See `Synth`. The file is a `.vstpreset`, or for an Audio Unit its raw state."""
    wanted = self._apply(patch)
    self.settle()
    self._verify(wanted)
    vst3 = self.preset_suffix == ".vstpreset"
    data = self.plugin.preset_data if vst3 else self.plugin.raw_state
    with files.writing(path) as partial:
      partial.write_bytes(data)
    return path

  def read_preset(self, path: Path) -> Patch:
    """See `Synth`. What the file says beside the parameters is in the plugin from now on, too."""
    states.apply(self.plugin, path)
    return self.settle()

  def settle(self) -> Patch:
    """Renders silence, with which values travel to the plugin's processor and back.

    Returns:
      The values, some of which fall back after a state was loaded (pedalboard issue 339).
    """
    self._process([], _BLOCK_SECONDS, 44_100)
    return self.read_back()

  def fingerprint(self) -> str:
    """See `Synth`."""
    before, after = fingerprint_frame(self._description)
    return before + f"{self.plugin.name}/{self.plugin.version}".replace(" ", "-") + after

  def _apply(self, patch: Patch) -> Patch:
    patch = self.space.decode(self.space.encode(patch))  # Clamps, and names what is missing.
    for name, (parameter, own) in self._parameters.items():
      own.raw_value = raw_value(parameter, patch[name])
    return patch

  def _verify(self, wanted: Patch) -> None:
    tolerance = self._description.tolerance
    for name, value in self.read_back().items():
      if not isinstance(self._parameters[name][0], Continuous):
        if value != wanted[name]:
          raise RenderError(f"{name} was set to {wanted[name]} and reads back as {value}")
      elif not abs(value - wanted[name]) <= tolerance:
        raise RenderError(f"{name} was set to {wanted[name]:.4f} and reads back as {value:.4f}")

  def _load_base_preset(self) -> None:
    """Loads the base preset with proof, as pedalboard ignores a state it does not understand."""
    away = {name: 0.0 if value > 0.5 else 1.0 for name, value in self._description.values.items()}
    for name, value in away.items():
      self._parameters[name][1].raw_value = value
    self.settle()  # Values that were still on their way would overwrite the state.
    state = unpack(self._description.state)
    try:
      if not states.is_raw_state(self.plugin, state):
        raise RuntimeError("it is no state that pedalboard wrote")
      self.plugin.raw_state = state
    except RuntimeError as error:
      raise UserError(f"{self.name} refuses its base preset: {error}; probe it again") from None
    self.settle()
    wanted = self._description.values
    now = {name: float(self._parameters[name][1].raw_value) for name in wanted}
    wrong = [n for n in wanted if not abs(now[n] - wanted[n]) <= self._description.tolerance]
    if wrong:
      raise UserError(
        f"{self.name}: the base preset was not taken by the plugin: {wrong[0]} should be"
        f" {wanted[wrong[0]]:.4f} and is {now[wrong[0]]:.4f}; probe the plugin again with its"
        " base preset"
      )

  def _flush(self, sample_rate: int) -> None:
    description = self._description
    for _ in range(round(description.flush_seconds / _BLOCK_SECONDS)):
      tail = self._process([], _BLOCK_SECONDS, sample_rate)
      if not np.abs(tail).max() > 10 ** (description.flush_db / 20):  # Also NaN.
        return
    raise RenderError(
      f"the tail is not under {description.flush_db:g} dB after {description.flush_seconds:g} s"
    )

  def _process(self, messages: list[Any], seconds: float, sample_rate: int) -> np.ndarray:
    keep = self._description.reset in ("flush", "process")  # These reset nothing here.
    try:
      return self.plugin(
        messages, seconds, sample_rate, num_channels=self._channels, reset=not keep
      )
    except (ValueError, RuntimeError) as error:
      raise RenderError(str(error)) from None


def fingerprint_frame(description: Description) -> tuple[str, str]:
  """Returns the two parts of a fingerprint around the plugin's own, which need no plugin.

  Raises:
    UserError: Pedalboard is not installed.
  """
  try:
    host = f"pedalboard/{metadata.version('pedalboard')}"
  except metadata.PackageNotFoundError:
    raise UserError(_NO_PEDALBOARD) from None
  end = f" {host} base/{description.state_digest} reset/{description.reset}"
  return f"{description.name}/{REVISION} ", end


def load(path: Path, *, inside: str = "") -> Any:
  """Loads an instrument.

  Raises:
    UserError: Pedalboard is not installed, or the file is no instrument that can be loaded here.
  """
  pedalboard = _pedalboard()
  if why := bundle.trouble(path):  # pedalboard gives no reasons, and crashes on some files.
    raise UserError(f"{path} cannot be loaded as a plugin: it {why}")
  # It asks 1,001 texts of every parameter; MIDI controllers alone can be thousands of these.
  pedalboard._pedalboard.PARAMETER_NAME_REGEXES_TO_IGNORE.add(MIDI_CONTROLLER)
  try:
    plugin = pedalboard.load_plugin(
      str(path), plugin_name=inside or None, initialization_timeout=_TRIAL_SECONDS
    )
  except (ImportError, ValueError, RuntimeError, OSError) as error:
    reason = bundle.refusal(path) or " ".join(str(error).split())
    raise UserError(f"{path} cannot be loaded as a plugin: {reason}") from None
  if not plugin.is_instrument:
    raise UserError(f"{path} is an effect; sound matching needs an instrument")
  return plugin


def _channels(plugin: Any) -> int:
  """Returns 2, or 1 if the instrument is mono.

  Both are tried with a reset: refused without one, a mono instrument may stay mute (Nekobi).
  """
  for channels in (2, 1):
    with contextlib.suppress(ValueError):
      plugin([], _BLOCK_SECONDS, 44_100, num_channels=channels, reset=True)
      return channels
  raise UserError(f"{plugin.name} renders neither in stereo nor in mono")


def _seed_c() -> None:
  """Seeds C's `rand`, from which some plugins draw their noise, as DPF's Kars does."""
  ctypes.CDLL("msvcrt" if sys.platform == "win32" else None).srand(0)


def _pedalboard() -> Any:
  try:
    import pedalboard
  except ImportError:
    raise UserError(_NO_PEDALBOARD) from None
  return pedalboard
