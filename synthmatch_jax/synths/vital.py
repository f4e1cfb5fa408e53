"""Vital through the `vita` package: the synth that runs anywhere."""

import copy
import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from synthmatch_jax import files, untrusted
from synthmatch_jax.audio.note import Note
from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces.space import ParameterSpace, Patch
from synthmatch_jax.synths.base import Parallelism, RenderError
from synthmatch_jax.synths.vital_pieces import Piece
from synthmatch_jax.synths.vital_settings import Setting

_PRESETS = Path(__file__).parent / "presets"

# Raised when the same patch sounds different from before, and the reason is neither vita's version
# nor the description.
REVISION = 2

# The digest of the settings of vital16.json, whose fingerprint does not name them: data sets and
# models were made with it before descriptions were files.
_UNNAMED_SETTINGS = "b8b26acf6add7115"

# A level -> the switch that silences it in presets, and that the base preset leaves on.
_SWITCHES = {
  "osc_1_level": "osc_1_on",
  "osc_2_level": "osc_2_on",
  "sample_level": "sample_on",
  "reverb_dry_wet": "reverb_on",
}

_NO_VITA = "the Vital engine needs the package vita; install it with `pip install vita` (GPL-3)"


@dataclass(frozen=True, kw_only=True)
class VitalDescription:
  """All that makes an engine of Vital: a file beside the base presets, as vital16.json.

  Attributes:
    name: The name of the engine, e.g. "vital".
    space: The parameters that patches set.
    settings: What each of them sets, but for the pieces.
    pieces: The parameters that set pieces of the preset which are no controls.
    base_preset: The name of a file beside it: all that the parameters leave fixed.
    fixed: The controls that are fixed otherwise than in that file, with their values.
    modulations: The source and the destination of each modulation, from the first one on, and
      whether it goes both ways; without any, those of the base preset stay.
    prior: The name of the prior that data sets take unless told otherwise.
    about: Why it is as it is, for people.
  """

  parallelism: ClassVar[Parallelism] = "thread"

  name: str
  space: ParameterSpace
  settings: tuple[Setting, ...]
  pieces: tuple[Piece, ...] = ()
  base_preset: str
  fixed: Mapping[str, float] = field(default_factory=dict)
  modulations: tuple[tuple[str, str, bool], ...] = ()
  prior: str = "uniform"
  about: str = ""

  @classmethod
  def from_dict(cls, data: Mapping[str, Any]) -> "VitalDescription":
    """Reads a description, whose `parameters` are those of `Setting.from_dict`.

    Raises:
      ValueError, TypeError, KeyError: The data is no description.
    """
    plain = dict(data)
    read = [_setting(entry) for entry in plain.pop("parameters")]
    space = ParameterSpace(plain.pop("space"), tuple(one.parameter for one in read))
    modulations = tuple(tuple(slot) for slot in plain.pop("modulations", ()))
    settings = tuple(one for one in read if isinstance(one, Setting))
    pieces = tuple(one for one in read if isinstance(one, Piece))
    return cls(space=space, settings=settings, pieces=pieces, modulations=modulations, **plain)

  @cached_property
  def base(self) -> str:
    """The base preset, as Vital's JSON."""
    text = (_PRESETS / self.base_preset).read_text()
    if not self.fixed and not self.modulations:
      return text
    preset = json.loads(text)
    settings = preset["settings"] | self.fixed
    if self.modulations:
      empty = [{"source": "", "destination": ""}] * len(settings["modulations"])
      slots = [{"source": s, "destination": d} for s, d, _ in self.modulations]
      settings["modulations"] = slots + empty[len(slots) :]
      for number, (_, _, both_ways) in enumerate(self.modulations, start=1):
        settings[f"modulation_{number}_bipolar"] = float(both_ways)
    return json.dumps(preset | {"settings": settings}, sort_keys=True)

  @property
  def base_settings(self) -> dict[str, Any]:
    """The settings of the base preset."""
    return json.loads(self.base)["settings"]

  def fingerprint(self) -> str:
    """Returns the fingerprint of the engine (see `Synth`), without making one.

    It tells what the parameters set. Their ranges are compared whenever an engine plays (`play`).

    Raises:
      UserError: Vita is not installed.
    """
    try:
      version = metadata.version("vita")
    except metadata.PackageNotFoundError:
      raise UserError(_NO_VITA) from None
    settings = _digest(json.dumps([one.told for one in (*self.settings, *self.pieces)]))
    named = "" if settings == _UNNAMED_SETTINGS else f" settings/{settings}"
    return f"{self.name}/{REVISION} vita/{version} base/{_digest(self.base)}{named}"

  def make(self) -> "Vital":
    """Makes the engine."""
    return Vital(self)


class Vital:
  """The Vital engine, set up as a description says (see `Synth` for the methods).

  A used engine repeats a sound within -68 dB, whatever it played before; the first sounds of new
  engines, in the same order, are equal to the last bit. Vital glides for about 0.2 s from earlier
  values (measured with vita 0.1.0), hence the silent warm-up before each render. Where a patch
  chooses pieces, every sound has a Vital of its own and is the same to the last bit in any order: a
  used one keeps voices and phases, which a quarter of the sounds of `vital_wide` would tell aloud.
  """

  parallelism: Parallelism = VitalDescription.parallelism
  preset_suffix = ".vital"

  def __init__(self, description: VitalDescription):
    self.name, self.space = description.name, description.space
    self._description = description
    self._base, self._pieces = json.loads(description.base), Patch()
    self._sample_rate = 44_100
    self._start(description.base)
    names = [control for setting in description.settings for control in setting.controls]
    if unknown := [name for name in names if name not in self._controls]:
      raise ValueError(f"the engine {self.name} sets {unknown[0]}, which Vital does not have")
    self._ranges = {name: self._synth.get_control_details(name) for name in names}

  def _start(self, preset: str) -> None:
    """Puts a new Vital in place, with a preset loaded."""
    self._synth = load_vita().Synth()
    self._synth.set_bpm(120.0)
    if not self._synth.load_json(preset):
      raise RuntimeError("vita does not load the base preset")
    self._synth.set_sample_rate(self._sample_rate)  # It takes a quarter of what a new Vital takes.
    self._controls = self._synth.get_controls()

  def render(
    self, patch: Patch, *, note: Note, seconds: float, sample_rate: int
  ) -> Float[np.ndarray, " n"]:
    """See `Synth`.

    Raises:
      RenderError: A value did not stick.
    """
    self._sample_rate = sample_rate
    self._synth.set_sample_rate(sample_rate)
    wanted = self._apply(patch)
    # The warm-up lets every smoothed value arrive, and the last reverb die away.
    self._synth.render(note.pitch, 0.0, 0.175, 0.35)
    asked = _seconds_to_ask(seconds, sample_rate)
    stereo = self._synth.render(note.pitch, note.velocity / 127, note.hold_seconds, asked)
    self._verify(wanted)
    return np.asarray(stereo, np.float32).mean(0)

  def read_back(self) -> Patch:
    """See `Synth`."""
    read = self._pieces | {
      s.parameter.name: s.value([self._controls[control].value() for control in s.controls])
      for s in self._description.settings
    }
    return {name: read[name] for name in self.space.names}

  def save_preset(self, patch: Patch, path: Path) -> Path:
    """See `Synth`."""
    self._verify(self._apply(patch))
    preset = json.loads(self._synth.to_json())
    preset |= {key: self._base[key] for key in ("synth_version", "author")}
    preset |= {"preset_name": path.stem, "comments": "Matched by synthmatch_jax."}
    files.write_text(path, json.dumps(preset, allow_nan=False))
    return path

  def fingerprint(self) -> str:
    """See `Synth`."""
    return self._description.fingerprint()

  def _apply(self, patch: Patch) -> Patch:
    """Sets the patch and returns it with its values clamped to the space."""
    patch = self.space.decode(self.space.encode(patch))  # Clamps, and names what is missing.
    if self._description.pieces:
      self._load({p.parameter.name: patch[p.parameter.name] for p in self._description.pieces})
    for setting in self._description.settings:
      held = setting.held(patch[setting.parameter.name])
      for control, number in zip(setting.controls, held, strict=True):
        self._set(control, number)
    return patch

  def _load(self, options: Patch) -> None:
    """Puts a new Vital in place with the pieces of these options in its preset."""
    preset = self._base | {"settings": copy.copy(self._base["settings"])}
    for piece in self._description.pieces:
      piece.put(options[piece.parameter.name], preset["settings"])
    self._start(json.dumps(preset))
    self._pieces = options

  def _verify(self, wanted: Patch) -> None:
    """Raises a RenderError that names the first value that Vital does not have as it was set."""
    read = self.read_back()
    for setting in self._description.settings:
      name = setting.parameter.name
      if not setting.agree(wanted[name], read[name]):
        asked, got = (v if isinstance(v, str) else f"{v:.5g}" for v in (wanted[name], read[name]))
        raise RenderError(f"{name} was set to {asked} and reads back as {got}")

  def _set(self, control: str, value: float) -> None:
    """Sets a control within its range: vita 0.1.0 crashes on values far outside."""
    details = self._ranges[control]
    self._controls[control].set(min(max(value, details.min), details.max))

  def read_preset(self, path: Path) -> Patch:
    """See `Synth`. Only numbers are taken from the file, which Vital itself never loads."""
    if self._description.pieces:
      from synthmatch_jax.synths import reduction  # It imports this module.

      return reduction.read(path, self._description).patch
    found = untrusted.read_json(path)
    settings = found.get("settings") if isinstance(found, dict) else None
    if not isinstance(settings, dict):
      raise ValueError("it is no preset of Vital")
    for control in self._ranges:
      value = settings.get(control)
      if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"its {control} is no number")
      is_on = settings.get(_SWITCHES.get(control, ""), 1.0)
      self._set(control, float(value) if is_on else 0.0)
    return self.read_back()


def _seconds_to_ask(seconds: float, sample_rate: int) -> float:
  """Returns the length for which vita gives `round(seconds * sample_rate)` samples.

  vita 0.1.0 takes the whole part of a product of float32, which is one sample less for many
  lengths, as 1.3 s at 44.1 kHz. There, and nowhere else, half a sample more is asked for.
  """
  wanted = round(seconds * sample_rate)
  given = int(np.float32(seconds) * np.float32(sample_rate))
  return seconds if given == wanted else (wanted + 0.5) / sample_rate


def load_vita() -> Any:
  """Returns the module vita.

  Raises:
    UserError: Vita is not installed.
  """
  try:
    import vita
  except ImportError:
    raise UserError(_NO_VITA) from None
  return vita


def _setting(entry: Mapping[str, Any]) -> Setting | Piece:
  return Piece.from_dict(entry) if "piece" in entry else Setting.from_dict(entry)


def _digest(text: str) -> str:
  return hashlib.sha256(text.encode()).hexdigest()[:16]


@functools.cache
def described() -> Mapping[str, VitalDescription]:
  """Returns the engines of Vital by their names: one for each description in presets/."""
  read = (untrusted.read_json(file) for file in sorted(_PRESETS.glob("*.json")))
  found = [VitalDescription.from_dict(data) for data in read]
  return {one.name: one for one in found}
