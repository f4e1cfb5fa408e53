"""Finds by experiment what a search by ear should listen to, and how it should step.

    python -m study.objectives --ood=FOLDER [--sounds=24] [--setups="NAME;..."]

FOLDER is the benchmark of `python -m synthmatch_jax.ood` (docs/ood.md), of which one half is used:
the other one judges what was chosen here (`study.curve`). Each setup searches from the released
model's answers with real renders of Vital, and its best answer is measured by every metric, whether
the search has listened to it or not. Each finished search is a line of study/logs/objectives.jsonl;
the command goes on where it was interrupted, and gives the same numbers on any machine, since
budgets are counted in renders.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from study import halves
from study.runs import LOGS
from study.searching import Ear, Setup, search, warp
from synthmatch_jax.data import sound_folder
from synthmatch_jax.data.sound_folder import SoundFile
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.play import hosting

LOG = LOGS / "objectives.jsonl"

_PLAIN = "plain answer"

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
"""The setups by their names in the log."""


def run(
  matcher: Matcher,
  host: Host,
  sounds: Sequence[SoundFile],
  *,
  setups: Sequence[str],
  renders: int,
) -> None:
  """Runs what the log does not have yet, sound by sound."""
  done = {(line["sound"], line["setup"], line["renders"]) for line in halves.read(LOG)}

  def keep(**line: Any) -> None:
    with LOG.open("a") as file:
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
      way = ways[SETUPS[name].shape]
      marks = list(search(ear, SETUPS[name], wide, way, renders=renders))
      at = {str(used): ear.measure(controls) for used, controls in marks}
      keep(sound=sound.name, setup=name, renders=renders, at=at)
      print(sound.name, name, at[str(renders)]["mss"], flush=True)


def table(mark: int) -> str:
  """Tabulates each setup after a number of renders, against the model's plain answers."""
  lines = halves.read(LOG)
  found: dict[tuple[str, str], dict[str, Any]] = {}
  for line in lines:
    for renders in ("0", str(mark)):
      if renders in line["at"]:
        found.setdefault((line["setup"], renders), {})[line["sound"]] = line["at"][renders]
  first = found[_PLAIN, "0"]
  voiced = {line["sound"] for line in lines if line.get("voiced")}
  return halves.table(((*row, at, first) for row, at in found.items()), voiced)


def main() -> None:
  """Searches for what the log does not have yet."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--ood", type=Path, default=Path("ood"), help="folder of the benchmark")
  parser.add_argument("--sounds", type=int, default=24, help="number of sounds")
  parser.add_argument("--renders", type=int, default=200, help="budget of a search")
  parser.add_argument("--setups", default=";".join(SETUPS), help="names, between semicolons")
  options = parser.parse_args()
  sounds = halves.halves(sound_folder.load(options.ood))["choosing"][: options.sounds]
  with Matcher.open() as matcher, hosting(matcher.pool.engine) as host:
    names = options.setups.split(";")
    run(matcher, host, sounds, setups=names, renders=options.renders)


if __name__ == "__main__":
  main()
