"""The wide space of Vital beside presets that people made.

    python -m study.vital_wide FOLDER
    python -m study.vital_wide FOLDER --sounds=DIR [--names=Panflute,Airhorn]

The first reduces every .vital file of the folder to the space, and compares the prior's draws with
them, parameter by parameter: the table goes to study/logs/vital_wide.json, the picture to
docs/images/vital_prior.png. The second plays presets and what they are reduced to, measures one
against the other, and adds a line for each to study/logs/vital_presets.jsonl, with what was lost;
spectrograms of both go to DIR. `again` is the preset played a second time: most presets begin at
random phases. The presets are not part of the project (docs/vital.md).
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from scipy import stats

from study.report import IMAGES
from study.runs import LOGS
from synthmatch_jax import files
from synthmatch_jax.audio.mel import MelSettings, log_mel
from synthmatch_jax.audio.note import Note
from synthmatch_jax.metrics.suite import measure
from synthmatch_jax.reports import spectrograms
from synthmatch_jax.reports.tables import join, number
from synthmatch_jax.spaces import prior
from synthmatch_jax.spaces.discrete import Choice, Switch
from synthmatch_jax.spaces.space import ParameterSpace
from synthmatch_jax.synths import reduction, vital

_DRAWS = 1000
_SECONDS, _RATE, _NOTE = 4.0, 44_100, Note()
_SHOWN = ("mss", "wmfcc", "spectral_convergence")
_SIX = (
  *("Panflute", "UmbraBackgroundArp", "PlaystationSweep"),
  *("LimboStrings", "BedroomPopDX", "PS-20-Vibraphone"),
)
_FEWEST = 8  # Fewer presets in which a parameter can be heard say nothing of its distribution.


def main() -> None:
  """Runs one of the commands above."""
  parser = argparse.ArgumentParser(description="Compares the wide space of Vital with presets.")
  parser.add_argument("folder", type=Path, help="the folder with the presets")
  parser.add_argument("--sounds", type=Path, help="play presets; where spectrograms go")
  parser.add_argument("--names", default=",".join(_SIX), help="the presets that are played")
  options = parser.parse_args()
  engine = vital.described()["vital_wide"]
  if options.sounds:
    options.sounds.mkdir(parents=True, exist_ok=True)
    names = options.names.split(",")
    lines = [_played(options.folder, name, engine, options.sounds) for name in names]
    files.write_text(LOGS / "vital_presets.jsonl", "".join(json.dumps(one) + "\n" for one in lines))
    print(join([["preset", *_SHOWN, "the same, again", "lost"], *map(_row, lines)]))
    return
  presets = [reduction.read(path, engine).patch for path in sorted(options.folder.glob("*.vital"))]
  if not presets:
    parser.error(f"{options.folder} has no .vital file")
  space = engine.space
  made = _heard(space, np.stack([space.encode(patch) for patch in presets]))
  drawn = _heard(space, prior.draws(prior.load("presets", space), space, count=_DRAWS))
  table = {name: _compared(space, name, made, drawn) for name in space.names}
  files.write_json(LOGS / "vital_wide.json", {"presets": len(presets), "parameters": table})
  names = ("heard", "presets", "prior", "distance")
  rows = [[name, *(_cell(row[key]) for key in names)] for name, row in table.items()]
  print(join([["parameter", *names], ["---"] * 5, *rows]))
  _picture(space, made, drawn, IMAGES / "vital_prior.png")


Heard = Mapping[str, np.ndarray]
"""The controls of each parameter in the patches in which it can be heard."""


def _heard(space: ParameterSpace, controls: Float[np.ndarray, "i w"]) -> Heard:
  heard = dict(zip(space.names, space.heard(controls).T, strict=True))
  return {name: controls[heard[name]][:, part] for name, part in space.slices.items()}


def _compared(space: ParameterSpace, name: str, made: Heard, drawn: Heard) -> dict[str, Any]:
  """Returns how a parameter is set in presets and by the prior, where it can be heard.

  A switch has the share in which it is on, a choice its most frequent option with its share,
  another its quartiles, as controls. The distance is the total variation of switches and choices,
  and Wasserstein's first of controls.
  """
  one, other = made[name], drawn[name]
  parameter = space.parameters[space.names.index(name)]
  row: dict[str, Any] = {"heard": len(one), "distance": None}
  if isinstance(parameter, Switch):
    row |= {"presets": _share(one >= 0.5), "prior": _share(other >= 0.5)}
  elif isinstance(parameter, Choice):
    row |= {"presets": _mode(parameter, one), "prior": _mode(parameter, other)}
  else:
    row |= {"presets": _quartiles(one), "prior": _quartiles(other)}
  if len(one) >= _FEWEST:
    if isinstance(parameter, Switch | Choice):
      row["distance"] = round(float(np.abs(_shares(one) - _shares(other)).sum() / 2), 3)
    else:
      row["distance"] = round(float(stats.wasserstein_distance(one[:, 0], other[:, 0])), 3)
  return row


def _share(on: np.ndarray) -> float | None:
  return round(float(on.mean()), 3) if on.size else None


def _shares(controls: np.ndarray) -> np.ndarray:
  """Returns the share of each option, or of on and off."""
  on = controls >= 0.5
  both = on if on.shape[1] > 1 else np.concatenate([on, ~on], axis=1)
  return both.mean(axis=0)


def _mode(parameter: Choice, controls: np.ndarray) -> str:
  if not len(controls):
    return "-"
  shares = _shares(controls)
  best = int(shares.argmax())
  return f"{parameter.options[best]} ({shares[best]:.2f})"


def _quartiles(controls: np.ndarray) -> list[float]:
  return np.quantile(controls, [0.25, 0.5, 0.75]).round(3).tolist() if len(controls) else []


def _cell(value: Any) -> str:
  if isinstance(value, list):
    return ", ".join(f"{one:.2f}" for one in value)
  return value if isinstance(value, str) else number(value)


def _picture(space: ParameterSpace, made: Heard, drawn: Heard, path: Path) -> None:
  """Draws how often each switch is on, and the spread of every other number, in both."""
  switches = [p.name for p in space.parameters if isinstance(p, Switch)]
  numbers = [p.name for p in space.parameters if not isinstance(p, Switch | Choice)]
  numbers = [name for name in numbers if len(made[name]) >= _FEWEST]
  figure = Figure(figsize=(11, 12.5), layout="constrained")
  left, right = figure.subplots(1, 2, width_ratios=(1, 1.5))
  for shift, controls, label, colour in (
    (-0.2, made, f"{len(made['osc_1_on'])} presets by a person", "tab:orange"),
    (0.2, drawn, f"{len(drawn['osc_1_on']):,} draws of the prior", "tab:blue"),
  ):
    shares = [_share(controls[name] >= 0.5) or 0.0 for name in switches]
    left.barh(np.arange(len(switches)) + shift, shares, 0.38, color=colour, label=label)
    for i, name in enumerate(numbers):
      ends = np.quantile(controls[name], [0.1, 0.25, 0.5, 0.75, 0.9])
      right.plot(ends[[0, 4]], [i + shift] * 2, color=colour, lw=1)
      right.plot(ends[[1, 3]], [i + shift] * 2, color=colour, lw=3.5)
      right.plot(ends[2], i + shift, "o", color=colour, ms=5, mec="white", mew=0.6)
  left.set(title="switched on", xlim=(0, 1), yticks=range(len(switches)), yticklabels=switches)
  right.set(
    title="controls where they are heard: median, quartiles, deciles",
    xlim=(-0.02, 1.02),
    yticks=range(len(numbers)),
    yticklabels=numbers,
  )
  for axis, count in ((left, len(switches)), (right, len(numbers))):
    axis.set_ylim(count - 0.4, -0.6)
    axis.tick_params(axis="y", labelsize=7)
    axis.grid(alpha=0.3, axis="x")
  figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
  figure.savefig(path, dpi=80)


def _played(folder: Path, name: str, engine: vital.VitalDescription, to: Path) -> dict[str, Any]:
  """Plays a preset and what it is reduced to; returns the metrics and what was lost."""
  path = folder / f"{name}.vital"
  reduced = reduction.read(path, engine)
  original, again = (_original(path) for _ in range(2))
  sound = engine.make().render(reduced.patch, note=_NOTE, seconds=_SECONDS, sample_rate=_RATE)
  mel = MelSettings()
  drawings = log_mel(original, mel), log_mel(sound, mel)
  spectrograms.pair(*drawings, mel, to / f"{name}.png", titles=(name, "reduced"))
  pairs = {"reduced": sound, "again": again}
  found: Mapping[str, Mapping[str, float]] = {k: measure(original, v) for k, v in pairs.items()}
  rounded = {k: {m: round(v[m], 3) for m in _SHOWN} for k, v in found.items()}
  return {"preset": name, **rounded, "lost": reduced.lost}


def _original(path: Path) -> Float[np.ndarray, " n"]:
  """Plays a preset in Vital itself, at its own tempo; only those of known authors."""
  synth = vital.load_vita().Synth()
  synth.set_sample_rate(_RATE)
  synth.set_bpm(120.0)
  if not synth.load_json(path.read_text()):
    raise RuntimeError(f"Vital does not load {path}")
  synth.render(_NOTE.pitch, 0.0, 0.175, 0.35)
  stereo = synth.render(_NOTE.pitch, _NOTE.velocity / 127, _NOTE.hold_seconds, _SECONDS)
  return np.asarray(stereo, np.float32).mean(0)


def _row(line: Mapping[str, Any]) -> Sequence[str]:
  values = [number(line["reduced"][metric]) for metric in _SHOWN]
  again = ", ".join(number(line["again"][metric]) for metric in _SHOWN)
  return [line["preset"], *values, again, "; ".join(line["lost"]) or "nothing"]


if __name__ == "__main__":
  main()
