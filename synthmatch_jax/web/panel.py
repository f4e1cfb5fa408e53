"""The panel of a synth: its controls in modules, with the synth's own names, and their curves."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthmatch_jax import untrusted
from synthmatch_jax.spaces.discrete import Choice, Integer
from synthmatch_jax.spaces.parameters import Continuous, Parameter
from synthmatch_jax.spaces.space import ParameterSpace

_KNOWN: Mapping[str, Any] = untrusted.read_json(Path(__file__).with_suffix(".json"))
"""Name of a space -> the module and label of parameters ("labels"), the modules of those whose
names begin alike ("prefixes"), and what is drawn as a curve ("curves")."""


_SHORT = ("eg", "lfo", "eq")


def describe(space: ParameterSpace) -> list[dict[str, Any]]:
  """Returns the modules of a synth in their order, JSON-ready.

  A parameter that `panel.json` does not place belongs to the module before the colon of its
  meaning, as in "oscillator 1: wavetable", or else to its group.

  Returns:
    Each module has a name, the controls, and what is drawn as curves: an "envelope" of attack,
    decay and what else there is, or a "filter" of cutoff and resonance, as names of parameters; or
    the "levels" of a DX7's envelope and the rates between, by what their names begin with.
  """
  known = _KNOWN.get(space.name, {})
  modules: dict[str, dict[str, Any]] = {}
  for parameter in space.parameters:
    module, label = _place(parameter, known)
    made = modules.setdefault(module, {"name": module, "controls": [], "curves": []})
    place = {"index": space.names.index(parameter.name), "at": space.slices[parameter.name].start}
    made["controls"].append(_control(parameter) | {"label": label} | place)
  for curve in known.get("curves", ()):
    module, _ = _place(space.parameters[space.names.index(curve["module_of"])], known)
    drawn = {key: name for key, name in curve.items() if key != "module_of"}
    modules[module]["curves"].append(drawn)
  return list(modules.values())


def _place(parameter: Parameter, known: Mapping[str, Any]) -> tuple[str, str]:
  """Returns the module of a parameter, and what it is called there."""
  if found := known.get("labels", {}).get(parameter.name):
    return found[0], found[1]
  for prefix, module in known.get("prefixes", {}).items():
    if parameter.name.startswith(prefix):
      return module, _spelt(parameter.name.removeprefix(prefix))
  module, colon, label = parameter.meaning.partition(": ")
  if colon:
    return _sentence(module), _sentence(label)
  return _sentence(parameter.group or "controls"), _spelt(parameter.name)


def _spelt(name: str) -> str:
  """Returns a name as words: "eg_rate1" as "EG rate 1"."""
  words = re.sub(r"(?<=[a-z])(?=\d)", "_", name).split("_")
  return _sentence(" ".join(w.upper() if w in _SHORT else w for w in words))


def _sentence(text: str) -> str:
  return text[:1].upper() + text[1:]


def _control(parameter: Parameter) -> dict[str, Any]:
  told = {
    "name": parameter.name,
    "kind": parameter.kind,
    "meaning": parameter.meaning,
    "unit": parameter.unit,
    "width": len(parameter.outputs),
  }
  match parameter:
    case Continuous(low=low, high=high):
      return told | {"low": low, "high": high, "exponent": parameter.exponent}
    case Integer(low=low, high=high):
      return told | {"low": low, "high": high, "exponent": 1}
    case Choice(options=options):
      return told | {"options": list(options)}
  return told
