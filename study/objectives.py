"""Finds by experiment what a search by ear should listen to, and how it should step.

    python -m study.objectives --ood=FOLDER [--half=choosing] [--sounds=24] [--setups="NAME;..."]
    python -m study.objectives --table [--half=choosing]

FOLDER is the benchmark of `python -m synthmatch_jax.ood` (docs/ood.md). Each setup searches from
the released model's answers with real renders of Vital, and its best answer is measured by every
metric, whether the search has listened to it or not. Instruments are halved by the hash of their
name: one half chooses the setup, the other judges it. Each finished search is a line of
study/logs/objectives/HALF.jsonl; the command goes on where it was interrupted, and gives the same
numbers on any machine, since budgets are counted in renders.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from study.runs import LOGS
from study.searching import Ear, Setup, search, search_of_match, warp
from synthmatch_jax.data import sound_folder
from synthmatch_jax.data.sound_folder import SoundFile
from synthmatch_jax.evaluation.summary import interval_of_mean
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.reports.tables import join
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.play import hosting

LOG = LOGS / "objectives"

_PLAIN = "plain answer"

Half = Literal["choosing", "judging"]

_MSS = {"mss": 1.0}
_PATTERN = {"loudness_pattern": 1.0}
_GUARDED = _MSS | _PATTERN | {"rms_cosine": 0.3, "f0_cents": 0.3}

_ON_QUANTILES = Setup(weights=_GUARDED, shape="quantiles")
_TIDIED = replace(_ON_QUANTILES, sigma=0.1, seeds=8, margin=0.05, tidied=4)

SETUPS = {
  "MSS": Setup(weights=_MSS),
  "pattern": Setup(weights=_PATTERN),
  "MSS + pattern": Setup(weights=_MSS | _PATTERN),
  "MSS + pattern + guards": Setup(weights=_GUARDED),
  "the same, sigma 0.12": Setup(weights=_GUARDED, sigma=0.12),
  "the same, steps by the model's errors": Setup(weights=_GUARDED, shape="errors"),
  "the same, at random": Setup(weights=_GUARDED, control=True),
  "the same, on quantiles": _ON_QUANTILES,
  "on quantiles, sigma 0.12": replace(_ON_QUANTILES, sigma=0.12),
  "on quantiles, best of the answers": replace(_ON_QUANTILES, seeds=8),
  "tidied": _TIDIED,
  "tidied, and wMFCC": replace(_TIDIED, weights=_GUARDED | {"wmfcc": 0.5}),
  "tidied, no guards": replace(_TIDIED, weights=_MSS | _PATTERN),
  "tidied, population 8": replace(_TIDIED, population=8),
}
"""The setups of a plain loop, by their names in the log."""

OF_MATCH = {"match": "cma", "random of match": "random"}
"""The search of `match` and its control, which draws as many renders around the same start."""


def halves(sounds: Sequence[SoundFile]) -> dict[Half, list[SoundFile]]:
  """Halves the benchmark by instrument, so that no half knows an instrument of the other.

  The instruments of each family are put in the order of the SHA-256 of their names, and every
  second one judges. Each half is listed so that its first sounds are of all families.
  """
  families: dict[str, dict[str, list[SoundFile]]] = {}
  for sound in sounds:
    stem = sound.name.rsplit("_", 1)[0] if sound.name[-1].isdigit() else sound.name
    families.setdefault(sound.family, {}).setdefault(stem, []).append(sound)
  found: dict[Half, list[tuple[float, SoundFile]]] = {"choosing": [], "judging": []}
  for stems in families.values():
    order = sorted(stems, key=_digest)
    parts: dict[Half, list[str]] = {"choosing": order[::2], "judging": order[1::2]}
    for half, mine in parts.items():
      # First one sound of every instrument, then the second of each.
      turns = [(turn, i, s) for i, m in enumerate(mine) for turn, s in enumerate(_mixed(stems[m]))]
      listed = [sound for _, _, sound in sorted(turns, key=lambda t: t[:2])]
      found[half] += [((i + 0.5) / len(listed), sound) for i, sound in enumerate(listed)]
  return {half: [s for _, s in sorted(two, key=lambda t: t[0])] for half, two in found.items()}


def run(
  matcher: Matcher,
  host: Host,
  sounds: Sequence[SoundFile],
  path: Path,
  *,
  setups: Sequence[str],
  renders: int,
) -> None:
  """Runs what the log does not have yet, sound by sound."""
  done = {(line["sound"], line["setup"], line["renders"]) for line in read(path)}

  def keep(**line: Any) -> None:
    with path.open("a") as file:
      file.write(json.dumps(line) + "\n")

  ways = {shape: warp(matcher.recipe, shape) for shape in ("equal", "errors", "quantiles")}
  for sound in sounds:
    missing = [name for name in setups if (sound.name, name, renders) not in done]
    known = (sound.name, _PLAIN, 0) in done
    if not missing and known:
      continue
    recording = matcher.hear(sound.path)
    ear = Ear(matcher, host, recording)
    wide = [a.controls for a in matcher.answer(recording, top=8, listen="widely").answers]
    if not known:
      first = ear.measure(matcher.answer(recording).best.controls)
      keep(sound=sound.name, setup=_PLAIN, renders=0, voiced=ear.voiced, at={"0": first})
      keep(sound=sound.name, setup="widely heard", renders=0, at={"0": ear.measure(wide[0])})
    for name in missing:
      host.renew()  # So that a search does not depend on those before it.
      if name in OF_MATCH:
        marks = list(search_of_match(matcher, recording, OF_MATCH[name], renders=renders))
      else:
        way = ways[SETUPS[name].shape]
        marks = list(search(ear, SETUPS[name], wide, way, renders=renders))
      at = {str(used): ear.measure(controls) for used, controls in marks}
      keep(sound=sound.name, setup=name, renders=renders, at=at)
      print(sound.name, name, at[str(renders)]["mss"], flush=True)


def read(path: Path) -> list[dict[str, Any]]:
  """Reads a log, and drops a last line that was not finished."""
  if not path.exists():
    return []
  lines = path.read_bytes().splitlines(keepends=True)
  if lines and not lines[-1].endswith(b"\n"):
    path.write_bytes(b"".join(lines[:-1]))
    lines.pop()
  return [json.loads(line) for line in lines]


def table(half: Half, marks: Sequence[int]) -> str:
  """Tabulates each setup after numbers of renders, against the model's plain answers.

  Returns:
    For each setup and mark, on the sounds that it has been run on: geometric means of ratios with
    95 % intervals (bootstrap over sounds), the mean of the envelope, and what became of the pitch
    of the sounds that have one.
  """
  lines = read(LOG / f"{half}.jsonl")
  first = {line["sound"]: line["at"]["0"] for line in lines if line["setup"] == _PLAIN}
  voiced = {line["sound"] for line in lines if line.get("voiced")}
  rows = [["", "renders", "sounds", *_RATIOS.values(), "RMS ↑", "f0, median", "f0 lost"]]
  rows.append(["---", *["---:"] * (len(rows[0]) - 1)])
  for setup in dict.fromkeys(line["setup"] for line in lines):
    for mark in (0, *marks):
      found = {
        line["sound"]: line["at"][str(mark)]
        for line in lines
        if line["setup"] == setup and str(mark) in line["at"]
      }
      if found:
        ratios = [_ratio(found, first, metric) for metric in _RATIOS]
        rows.append([setup, str(mark), str(len(found)), *ratios, *_level_and_pitch(found, voiced)])
  return join(rows)


_RATIOS = {
  "mss": "MSS",
  "wmfcc": "wMFCC",
  "spectral_convergence": "SC",
  "sot": "SOT",
  "log_spectral_distance": "LSD",
  "loudness_pattern": "pattern",
}


_Measured = Mapping[str, Mapping[str, Any]]


def _ratio(one: _Measured, other: _Measured, metric: str) -> str:
  logs = np.array([np.log(one[s][metric] / other[s][metric]) for s in one])
  low, high = np.exp(interval_of_mean(logs))
  mean = f"{np.exp(logs.mean()):.2f}"
  return f"{mean} ({low:.2f} to {high:.2f})" if logs.any() else mean


def _level_and_pitch(found: _Measured, voiced: Collection[str]) -> tuple[str, str, str]:
  envelope = float(np.mean([values["rms_cosine"] or 0 for values in found.values()]))
  cents = [found[sound]["f0_cents"] for sound in found if sound in voiced]
  heard = [value for value in cents if value is not None]
  median = f"{np.median(heard):.0f}" if heard else "-"
  return f"{envelope:.3f}", median, f"{len(cents) - len(heard)} of {len(cents)}"


def _digest(name: str) -> str:
  return hashlib.sha256(name.encode()).hexdigest()


def _mixed(sounds: Sequence[SoundFile]) -> list[SoundFile]:
  return sorted(sounds, key=lambda sound: _digest(sound.name))


def main() -> None:
  """Searches, or prints the table."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--ood", type=Path, default=Path("ood"), help="folder of the benchmark")
  parser.add_argument("--half", choices=["choosing", "judging"], default="choosing")
  parser.add_argument("--sounds", type=int, default=24, help="number of sounds")
  parser.add_argument("--renders", type=int, default=200, help="budget of a search")
  parser.add_argument("--setups", default=";".join(OF_MATCH), help="names, between semicolons")
  parser.add_argument("--table", action="store_true", help="print the table of the log")
  options = parser.parse_args()
  path = LOG / f"{options.half}.jsonl"
  if options.table:
    sys.stdout.write(table(options.half, [options.renders]) + "\n")
    return
  LOG.mkdir(parents=True, exist_ok=True)
  sounds = halves(sound_folder.load(options.ood))[options.half][: options.sounds]
  with Matcher.open() as matcher, hosting(matcher.pool.engine) as host:
    names = options.setups.split(";")
    run(matcher, host, sounds, path, setups=names, renders=options.renders)


if __name__ == "__main__":
  main()
