"""A race: how near searches come in equal seconds, with a proxy and draws and without.

    python -m study.race --ood=FOLDER --workdir=FLOW --regression=REGRESSION [--seconds 2 5 10]

FOLDER is the benchmark of `python -m synthmatch_jax.ood` (docs/ood.md). Each setup is the search of
`match` from one of the two models, beside which a proxy lies (`synthmatch_jax/exported.py`); what
the proxy does before the first render counts as time. Seconds depend on the machine: nothing else
should run on it. Each finished search is a line in study/logs/race/SETUP.jsonl; the command goes on
where it was interrupted.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study import halves
from study.curve import measured
from study.runs import LOGS
from synthmatch_jax.audio.hearing import Recording
from synthmatch_jax.data import sound_folder
from synthmatch_jax.data.sound_folder import SoundFile
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.search.budget import Budget
from synthmatch_jax.search.stand_in import NO_USE, Use
from synthmatch_jax.selection import RANKED_BY

LOG = LOGS / "race"
_LEAST_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Setup:
  """A way to search.

  Attributes:
    draws: Whether it begins with draws of the flow, and not with the answers of the regression.
    proxy: What is made of the proxy.
  """

  draws: bool = False
  proxy: Use = NO_USE


SETUPS = {
  "plain": Setup(),
  "steered": Setup(proxy=Use(steps=40)),
  "sieved": Setup(proxy=Use(sieve=4)),
  "draws": Setup(draws=True),
  "draws-steered": Setup(draws=True, proxy=Use(steps=40)),
  "draws-sieved": Setup(draws=True, proxy=Use(sieve=4)),
  "draws-both": Setup(draws=True, proxy=Use(steps=40, sieve=4)),
}
"""The setups by their names in the logs."""


def search(
  matcher: Matcher, recording: Recording, proxy: Use, *, seconds: float, seed: int
) -> dict[str, Any]:
  """Searches for so many seconds, and measures the best answer."""
  started = time.monotonic()
  matcher.search(recording, budget=Budget(seconds=seconds), proxy=proxy)  # To know what it costs.
  before = time.monotonic() - started
  budget = Budget(seconds=max(_LEAST_SECONDS, seconds - before))
  refinement = matcher.search(recording, budget=budget, proxy=proxy, seed=seed)
  for _ in refinement:
    pass
  best = refinement.match().best
  return {"renders": refinement.search.renders, "before": round(before, 2), "at": measured(best)}


def run(
  matcher: Matcher,
  sounds: Sequence[SoundFile],
  setup: str,
  *,
  seconds: Sequence[float],
  seeds: Sequence[int],
) -> None:
  """Runs what the log does not have yet, sound by sound."""
  path, proxy = LOG / f"{setup}.jsonl", SETUPS[setup].proxy
  done = {(line["sound"], line["seconds"], line["seed"]) for line in halves.read(path)}
  todo = [(s, n, k) for s in sounds for n in seconds for k in seeds if (s.name, n, k) not in done]
  if todo:  # What is compiled once is no part of the race.
    search(matcher, matcher.hear(todo[0][0].path), proxy, seconds=2.0, seed=0)
  for sound, number, seed in todo:
    recording = matcher.hear(sound.path)
    found = search(matcher, recording, proxy, seconds=number, seed=seed)
    pitch = recording.heard.midi is not None
    line = {"sound": sound.name, "seconds": number, "seed": seed, "pitch": pitch, **found}
    with path.open("a") as file:
      file.write(json.dumps(line) + "\n")
    print(setup, sound.name, number, found["renders"], found["at"][RANKED_BY], flush=True)


def table() -> str:
  """Tabulates every setup against the plain search of as many seconds and the same seed."""
  found: dict[tuple[str, float], dict[str, Any]] = {}
  voiced: set[str] = set()
  for setup in SETUPS:
    for line in halves.read(LOG / f"{setup}.jsonl"):
      name = f"{line['sound']} {line['seed']}"
      voiced |= {name} if line["pitch"] else set()
      found.setdefault((setup, line["seconds"]), {})[name] = line["at"]
  rows = [
    (setup, f"{seconds:g} s", at, found[other])
    for (setup, seconds), at in found.items()
    if (other := ("plain", seconds)) in found
  ]
  return halves.table(rows, voiced)


def main() -> None:
  """Searches for what the logs do not have yet, and prints the table."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--ood", type=Path, default=Path("ood"), help="folder of the benchmark")
  parser.add_argument("--half", choices=["choosing", "judging"], default="judging")
  parser.add_argument("--sounds", type=int, default=24, help="number of sounds")
  parser.add_argument("--workdir", type=Path, required=True, help="folder of a model that draws")
  parser.add_argument("--regression", type=Path, required=True, help="folder of one that does not")
  parser.add_argument("--seconds", type=float, nargs="+", default=[2.0, 5.0, 10.0])
  parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
  parser.add_argument("--setups", default=",".join(SETUPS), help="names, between commas")
  options = parser.parse_args()
  LOG.mkdir(parents=True, exist_ok=True)
  sounds = halves.halves(sound_folder.load(options.ood))[options.half][: options.sounds]
  for setup in options.setups.split(","):
    workdir = options.workdir if SETUPS[setup].draws else options.regression
    with Matcher.open([workdir]) as matcher:
      run(matcher, sounds, setup, seconds=options.seconds, seeds=options.seeds)
  print(table())


if __name__ == "__main__":
  main()
