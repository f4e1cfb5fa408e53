"""The nearest patch of a space to a preset of Vital that somebody else made, and what it loses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthmatch_jax import untrusted
from synthmatch_jax.errors import UserError, brief
from synthmatch_jax.spaces.space import Patch
from synthmatch_jax.synths import modulations, vital_reading
from synthmatch_jax.synths.vital import VitalDescription
from synthmatch_jax.synths.vital_pieces import Piece

_OSCILLATORS = ("osc_1", "osc_2", "osc_3")
_MODULES = (
  *(*_OSCILLATORS, "sample", "filter_1", "filter_2"),
  *("distortion", "chorus", "delay", "eq", "compressor", "reverb"),
)
_LEFT_OUT = ("filter_fx", "flanger", "phaser")

# What sounds of one note in mono, the same every time, cannot tell.
_UNHEARD = (
  *("random_phase", "view_2d", "pan", "stereo_spread", "spectral_unison", "frame_spread", "_sync"),
  *(
    "_tempo",
    "phase_offset",
    "quantize",
    "chorus_spread",
    "_chorus_amount",
    "_chorus_frequency",
  ),
)
_SAW = ("analogue", 32.0, 99.0)  # In the place of what cannot be read.
_WORTH_DB, _WORTH_SHAPE, _WORTH = 1.0, 0.1, 0.02


@dataclass
class Reduction:
  """A preset in a space.

  Attributes:
    patch: The nearest patch of the space.
    lost: What of the preset the patch cannot say, one sentence each.
  """

  patch: Patch
  lost: list[str] = field(default_factory=list)


def read(path: Path, description: VitalDescription) -> Reduction:
  """Reduces a .vital file (see `reduce`).

  Raises:
    UserError: The file cannot be read, or is no preset of Vital.
  """
  try:
    return reduce(untrusted.read_json(path), description)
  except OSError as error:
    reason = (error.strerror or str(error)).lower()
    raise UserError(f"the preset {path} cannot be read ({reason}): check the path") from None
  except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
    raise UserError(
      f"{path} is no preset of Vital ({brief(error)}): save it anew from Vital, or take another"
    ) from None


def reduce(preset: Any, description: VitalDescription) -> Reduction:
  """Returns the nearest patch of an engine's space to a preset, and what is lost.

  Only numbers and waves are taken from the preset; Vital itself never loads it. Macros are taken as
  they stand. Whichever envelope moves a filter, and whichever moves the pitch, takes the place of
  the engine's own; so do the two LFOs that move the most.

  Args:
    preset: The preset as JSON.
    description: An engine of Vital whose space has pieces, as `vital_wide`.

  Raises:
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError: It is no preset of Vital.
  """
  settings = preset.get("settings") if isinstance(preset, dict) else None
  if not isinstance(settings, dict) or "osc_1_on" not in settings:
    raise ValueError("it has no settings of Vital's")
  base = description.base_settings
  fixed = {name: float(v) for name, v in base.items() if isinstance(v, int | float)}
  held = fixed | {name: _number(name, settings[name]) for name in fixed if name in settings}
  moved = modulations.take(settings, held, slots=description.modulations)
  lost = list(moved.lost)
  lost += _tuned(held)
  options = dict(_pieces(description.pieces, settings, moved, held, lost))
  patch = _nearest(description, held, options, lost)
  lost += _fixed(description, held, fixed, moved)
  noise = str(settings["sample"].get("name"))[:40]
  if patch["sample_on"] and "white" not in noise.lower():
    lost.append(f"the sample {noise!r} becomes white noise")
  return Reduction(patch=patch, lost=lost)


def _number(name: str, value: Any) -> float:
  if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e6:
    raise ValueError(f"its {name} is no number that Vital knows")
  return float(value)


def _tuned(held: dict[str, float]) -> Iterator[str]:
  """Moves what transpositions have of fractions to the fine tuning, and all direct outs along."""
  for name in _OSCILLATORS:
    pitch = held[f"{name}_transpose"] + held[f"{name}_tune"]
    pitch += held["voice_transpose"] + held["voice_tune"]
    held[f"{name}_transpose"] = float(round(pitch))
    held[f"{name}_tune"] = pitch - round(pitch)
  for name in (*_OSCILLATORS, "sample"):
    if held[f"{name}_destination"] > 3:
      held[f"{name}_destination"] = 3.0
      if held[f"{name}_on"]:
        yield f"{name} goes past the effects, or into one of them: here it goes into all"


def _pieces(
  pieces: tuple[Piece, ...],
  settings: Mapping[str, Any],
  moved: modulations.Moved,
  held: dict[str, float],
  lost: list[str],
) -> Iterator[tuple[str, str]]:
  """Yields the nearest option for each piece, and puts the place in a wavetable into `held`."""
  for piece in pieces:
    name, index = piece.parameter.name, piece.index
    if piece.section == "lfos":
      source = moved.sources[f"lfo_{index + 1}"]
      line = settings["lfos"][int(source.removeprefix("lfo_")) - 1]
      option, off = vital_reading.nearest_shape(line, flipped=source in moved.flipped)
      if off > _WORTH_SHAPE and source in moved.used:
        lost.append(f"the shape of {source} becomes {option!r}, {100 * off:.0f} % off")
    else:
      table, place = settings["wavetables"][index], held[f"osc_{index + 1}_wave_frame"]
      wave = vital_reading.spectrum(table, place=place)
      option, place, off = vital_reading.nearest_wave(wave) if wave is not None else _SAW
      held[f"osc_{index + 1}_wave_frame"] = place
      if off > _WORTH_DB and held[f"osc_{index + 1}_on"]:
        known = (
          f"becomes {option!r}, {off:.1f} dB off" if off < 99.0 else "is no wave: a saw instead"
        )
        lost.append(f"wavetable {str(table.get('name'))[:40]!r} of osc_{index + 1} {known}")
    yield name, option


def _nearest(
  description: VitalDescription, held: Mapping[str, float], options: Patch, lost: list[str]
) -> Patch:
  """Returns the nearest patch, and adds what is clamped or replaced in it to `lost`."""
  space, wanted = description.space, {}
  for setting in description.settings:
    wanted[setting.parameter.name] = setting.value([held[name] for name in setting.controls])
  patch = space.decode(space.encode(wanted | options))
  heard = dict(zip(space.names, space.heard(space.encode(patch)[None])[0], strict=True))
  for setting in description.settings:
    name, numbers = setting.parameter.name, [held[control] for control in setting.controls]
    apart = sum(numbers) - sum(setting.held(patch[name]))
    if heard[name] and abs(apart) > _WORTH * max(abs(sum(numbers)), 1.0):
      lost.append(f"{name} of {sum(numbers):.4g} becomes {sum(setting.held(patch[name])):.4g}")
  return patch


def _fixed(
  description: VitalDescription,
  held: Mapping[str, float],
  fixed: Mapping[str, float],
  moved: modulations.Moved,
) -> Iterator[str]:
  """Yields a sentence for everything that the space leaves fixed and the preset does not."""
  yield from (f"{name} is on: left out" for name in _LEFT_OUT if held[f"{name}_on"])
  set_by_patches = {control for setting in description.settings for control in setting.controls}
  envelopes = {"env_1", *(name for name in moved.sources if moved.sources[name] in moved.used)}
  modules = {name for name in _MODULES if held[f"{name}_on"]} | envelopes
  for control, value in fixed.items():
    module = next((name for name in modules if control.startswith(f"{name}_")), None)
    if module is None or control in set_by_patches or control.endswith(_UNHEARD):
      continue
    if abs(held[control] - value) > _WORTH * max(abs(value), 1.0):
      yield f"{control} of {held[control]:.4g} stays at {value:.4g}"
  if held["effect_chain_order"] != fixed["effect_chain_order"]:
    yield "the effects are in another order"
