"""Vital through the `vita` package: the synth that runs anywhere."""

import functools
import hashlib
import json
from importlib import metadata, resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from synthmatch_jax import files, untrusted
from synthmatch_jax.audio.note import Note
from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces import massive16
from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.spaces.space import Patch
from synthmatch_jax.synths.base import RenderError

# Raised when the same patch sounds different from before, for a reason other than vita's version
# or the base preset.
REVISION = 2

# Parameter of the space -> (Vital's control, from the patch's value to Vital's).
_LINEAR = {
  "osc1_position": "osc_1_wave_frame",
  "osc1_amp": "osc_1_level",
  "osc2_position": "osc_2_wave_frame",
  "osc2_amp": "osc_2_level",
  "noise_amp": "sample_level",
  "filter1_cut_prm_1": "filter_1_cutoff",
  "filter1_res_prm_3": "filter_1_resonance",
  "filter2_cut_prm_1": "filter_2_cutoff",
  "filter2_res_prm_3": "filter_2_resonance",
  "envelope1_att_lev": "modulation_1_amount",
  "master_fx2_dry_wet": "reverb_dry_wet",
}
# Vital holds the fourth root of seconds.
_TIMES = {
  "envelope4_att_tme": "env_1_attack",
  "envelope4_dec_tme": "env_1_decay",
  "envelope1_att_tme": "env_2_attack",
  "envelope1_dec_tme": "env_2_decay",
}
# Whole semitones and the rest, as a person would set them: the knob has no fractions.
_TRANSPOSE, _TUNE = "osc_2_transpose", "osc_2_tune"


# Of a control's range: the difference allowed between a value set and the value read back. Vital
# holds float32; a hundredth of a cent of two octaves is 4e-6.
_TOLERANCE = 1e-5

# A level -> the switch that silences it in presets, and that the base preset leaves on.
_SWITCHES = {
  "osc_1_level": "osc_1_on",
  "osc_2_level": "osc_2_on",
  "sample_level": "sample_on",
  "reverb_dry_wet": "reverb_on",
}

_NO_VITA = "the Vital engine needs the package vita; install it with `pip install vita` (GPL-3)"


class Vital:
  """The Vital engine with the paper's 16 controls (see `Synth` for the methods).

  A used engine gives a sound again within -68 dB whatever it played before; the first sounds of
  a new engine, in the same order, are equal to the last bit. Vital glides for about 0.2 s from
  earlier values (measured with vita 0.1.0), hence the silent warm-up before each render.
  """

  name = "vital"
  space = massive16.VITAL
  parallelism: Literal["process", "thread"] = "thread"
  preset_suffix = ".vital"

  def __init__(self):
    self._synth = load_vita().Synth()
    self._synth.set_bpm(120.0)
    if not self._synth.load_json(_base_preset()):
      raise RuntimeError("vita does not load the base preset")
    self._controls = self._synth.get_controls()
    self._ranges = {
      name: self._synth.get_control_details(name)
      for name in (*_LINEAR.values(), *_TIMES.values(), _TRANSPOSE, _TUNE)
    }

  def render(
    self, patch: Patch, *, note: Note, seconds: float, sample_rate: int
  ) -> Float[np.ndarray, " n"]:
    """See `Synth`.

    Raises:
      RenderError: a value did not stick.
    """
    self._synth.set_sample_rate(sample_rate)
    wanted = self._apply(patch)
    # The warm-up: lets every smoothed value arrive, and the last reverb die away.
    self._synth.render(note.pitch, 0.0, 0.175, 0.35)
    asked = _seconds_to_ask(seconds, sample_rate)
    stereo = self._synth.render(note.pitch, note.velocity / 127, note.seconds, asked)
    self._verify(wanted)
    return np.asarray(stereo, np.float32).mean(0)

  def read_back(self) -> Patch:
    """See `Synth`."""
    value = {name: control.value() for name, control in self._controls.items()}
    patch = {name: value[control] for name, control in _LINEAR.items()}
    patch |= {name: value[control] ** 4 for name, control in _TIMES.items()}
    patch["osc2_pitch"] = value[_TRANSPOSE] + value[_TUNE]
    return {name: patch[name] for name in self.space.names}

  def save_preset(self, patch: Patch, path: Path) -> Path:
    """See `Synth`."""
    self._verify(self._apply(patch))
    preset = json.loads(self._synth.to_json())
    base = json.loads(_base_preset())
    preset |= {key: base[key] for key in ("synth_version", "author")}
    preset |= {"preset_name": path.stem, "comments": "Matched by synthmatch_jax."}
    files.write_text(path, json.dumps(preset, allow_nan=False))
    return path

  @classmethod
  def fingerprint(cls) -> str:
    """What the engine is (see `Synth`), without making one."""
    digest = hashlib.sha256(_base_preset().encode()).hexdigest()[:16]
    try:
      return f"vital/{REVISION} vita/{metadata.version('vita')} base/{digest}"
    except metadata.PackageNotFoundError:
      raise UserError(_NO_VITA) from None

  def _apply(self, patch: Patch) -> Patch:
    """Sets the patch and returns it with its values clamped to the space."""
    patch = self.space.decode(self.space.encode(patch))  # Clamps, and names what is missing.
    for name, control in _LINEAR.items():
      self._set(control, patch[name])
    for name, control in _TIMES.items():
      self._set(control, patch[name] ** 0.25)
    semitones = float(round(patch["osc2_pitch"]))
    self._set(_TRANSPOSE, semitones)
    self._set(_TUNE, patch["osc2_pitch"] - semitones)
    return patch

  def _verify(self, wanted: Patch) -> None:
    """Raises a RenderError that names the first value that Vital does not have as it was set."""
    read = self.read_back()
    for parameter in self.space.parameters:
      assert isinstance(parameter, Continuous)
      name, room = parameter.name, _TOLERANCE * (parameter.high - parameter.low)
      asked, got = wanted[name], read[name]
      if not abs(got - asked) <= room:
        raise RenderError(f"{name} was set to {asked:.5g} and reads back as {got:.5g}")

  def _set(self, control: str, value: float) -> None:
    """Sets a control within its range: vita 0.1.0 crashes on values far outside."""
    details = self._ranges[control]
    self._controls[control].set(min(max(value, details.min), details.max))

  def read_preset(self, path: Path) -> Patch:
    """See `Synth`. Only numbers are taken from the file, which Vital itself never loads."""
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
  """What vita must be asked for to give `round(seconds * sample_rate)` samples.

  vita 0.1.0 takes the whole part of a product of float32, which is one sample less for many
  lengths, as 1.3 s at 44.1 kHz. Half a sample more is asked for there, and nowhere else.
  """
  wanted = round(seconds * sample_rate)
  given = int(np.float32(seconds) * np.float32(sample_rate))
  return seconds if given == wanted else (wanted + 0.5) / sample_rate


def load_vita() -> Any:
  """The module vita.

  Raises:
    UserError: it is not installed.
  """
  try:
    import vita
  except ImportError:
    raise UserError(_NO_VITA) from None
  return vita


@functools.cache
def _base_preset() -> str:
  return (resources.files("synthmatch_jax.synths") / "presets" / "vital16.vital").read_text()
