"""A race: how near searches come in equal seconds, with a proxy and draws and without.

    python -m study.race --ood=FOLDER --workdir=FLOW --regression=REGRESSION [--seconds 2 5 10]
      [--processor] [--half=judging] [--sounds=24] [--seeds 0 1] [--setups=plain,draws]

FOLDER is the benchmark of `python -m synthmatch_jax.ood` (docs/ood.md). Each setup is the search of
`match` from one of the two models. Beside both lies the same proxy (`synthmatch_jax/exported.py`),
and an index of the same sounds or none; the regression tells all setups what note a sound is. One
search answers for all budgets up to the largest, by what it has rendered until then; small controls
are not turned off at the end. Everything after compilation counts as time: what models say, what
the proxy does, and the engines that are made.

Seconds are those of the clock, so that nothing else should run. With `--processor` they are the
seconds that the threads of the search keep cores busy, over the number of cores; a plugin in
another process is not seen. Searches then compare on a machine that does something else as well.

The setups take turns, sound by sound. Each finished search is a line in study/logs/race/race.jsonl;
the command goes on where it was interrupted. about.json beside it says what the lines are of.
"""

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study import halves
from study.curve import measured
from study.runs import LOGS
from synthmatch_jax import cores, files
from synthmatch_jax.audio.hearing import Recording
from synthmatch_jax.audio.listen import AS_RECORDED
from synthmatch_jax.data import sound_folder
from synthmatch_jax.data.example import Example
from synthmatch_jax.data.sound_folder import SoundFile
from synthmatch_jax.errors import UserError
from synthmatch_jax.matching import ensemble
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.matching.result import Origin
from synthmatch_jax.search.budget import NO_USE, Budget, Use
from synthmatch_jax.search.candidate import Candidate
from synthmatch_jax.selection import RANKED_BY

LOG = LOGS / "race"
LINES, ABOUT = "race.jsonl", "about.json"
_WARM = 64  # Renders of a search before the race, which compiles what all searches share.
_LONGEST = Budget(seconds=86_400.0)  # The race ends a search itself.


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
  "sieved": Setup(proxy=Use(steps=0, sieve=4)),
  "draws": Setup(draws=True),
  "draws-steered": Setup(draws=True, proxy=Use(steps=40)),
  "draws-sieved": Setup(draws=True, proxy=Use(steps=0, sieve=4)),
  "draws-both": Setup(draws=True, proxy=Use(steps=40, sieve=4)),
}
"""The setups by their names in the log."""


def processor_seconds() -> float:
  """Returns the seconds in which this process would have kept all cores busy."""
  return time.process_time() / cores.available()


def search(
  matcher: Matcher,
  recording: Recording,
  proxy: Use,
  *,
  marks: Sequence[float],
  seed: int,
  clock: Callable[[], float],
) -> tuple[dict[float, Candidate], dict[float, int]]:
  """Returns the best candidate of a search at each mark in seconds, and its renders by then."""
  matcher.search(recording, budget=_LONGEST, proxy=proxy)  # Compiles for the number of seeds.
  began = clock()
  spent: dict[int, float] = {}

  def is_over() -> bool:
    now = clock() - began
    spent.setdefault(refinement.search.renders, now)
    return now >= max(marks)

  refinement = matcher.search(recording, budget=_LONGEST, proxy=proxy, seed=seed, stopped=is_over)
  for _ in refinement:
    pass
  tried = refinement.search.tried
  return (
    {mark: best_at(tried, spent, mark) for mark in marks},
    {mark: sum(seconds <= mark for seconds in spent.values()) for mark in marks},
  )


def best_at(tried: Sequence[Candidate], spent: Mapping[int, float], seconds: float) -> Candidate:
  """Returns the best of what was rendered by then; before that, the model's first answer.

  Args:
    tried: All candidates of a search.
    spent: Number of renders -> the seconds after which there were so many.
    seconds: The budget.
  """
  in_time = [one for one in tried if spent.get(one.renders, math.inf) <= seconds]
  return min(in_time or tried[:1], key=lambda one: one.value)


def run(
  regression: Matcher,
  flow: Matcher,
  sounds: Sequence[SoundFile],
  setups: Sequence[str],
  *,
  marks: Sequence[float],
  seeds: Sequence[int],
  clock: Callable[[], float],
) -> None:
  """Runs what the log does not have yet; the setups take turns."""
  done = {(line["sound"], line["seed"], line["setup"]) for line in halves.read(LOG / LINES)}
  todo = [(s, k, name) for k in seeds for s in sounds for name in setups]
  todo = [(s, k, name) for s, k, name in todo if (s.name, k, name) not in done]
  began, warm = time.monotonic(), set[str]()
  for number, (sound, seed, name) in enumerate(todo):
    setup = SETUPS[name]
    matcher, recording = flow if setup.draws else regression, regression.hear(sound.path)
    if name not in warm:
      for _ in matcher.search(recording, budget=Budget(renders=_WARM), proxy=setup.proxy):
        pass
      warm.add(name)
    best, renders = search(matcher, recording, setup.proxy, marks=marks, seed=seed, clock=clock)
    note = recording.heard.held_note(regression.recipe.note)
    answers = regression.choose(
      regression.models[0].listen(recording)[AS_RECORDED],
      [
        (
          Origin(model=regression.models[0].name, hearing=f"{mark:g}"),
          Example(controls=one.controls, note=note),
        )
        for mark, one in best.items()
      ],
      count=None,
    )
    line = {
      "sound": sound.name,
      "seed": seed,
      "setup": name,
      "pitch": recording.heard.midi is not None,
      "renders": {f"{mark:g}": count for mark, count in renders.items()},
      "at": {answer.origin.hearing: measured(answer) for answer in answers},
    }
    with (LOG / LINES).open("a") as file:
      file.write(json.dumps(line) + "\n")
    left = (time.monotonic() - began) / (number + 1) * (len(todo) - number - 1) / 60
    near = [f"{seconds} s {at[RANKED_BY]}" for seconds, at in line["at"].items()]
    print(name, sound.name, seed, *near, f"{left:.0f} minutes left", sep=", ", flush=True)


def require_alike(regression: Matcher, flow: Matcher, setups: Sequence[str]) -> dict[str, Any]:
  """Returns the digests of what races.

  Raises:
    UserError: A proxy is missing, or one model knows more than the other.
  """
  (one,), (other,) = regression.models, flow.models
  if any(SETUPS[name].proxy != NO_USE for name in setups):
    for model in (one, other):
      ensemble.proxy([model])  # It says what is missing.
  if not other.predictor.is_drawn or one.predictor.is_drawn:
    raise UserError(
      "--workdir names a model that draws its answers, --regression one that does not"
    )
  beside = [
    (m.stand_in and m.stand_in.digest, m.neighbours and m.neighbours.digest) for m in (one, other)
  ]
  if beside[0] != beside[1]:
    raise UserError(
      f"{one.folder} and {other.folder} have another proxy or index of sounds beside them, so that"
      " their searches do not compare: copy proxy/ and neighbours.npz from one to the other"
    )
  proxy, index = beside[0]
  return {"regression": one.digest, "flow": other.digest, "proxy": proxy, "index": index}


def begin(about: Mapping[str, Any], command: str) -> None:
  """Writes down what the lines of the log are of.

  Raises:
    UserError: There are lines of something else.
  """
  path = LOG / ABOUT
  if path.exists() and halves.read(LOG / LINES):
    before = json.loads(path.read_text())
    if different := [key for key, value in about.items() if before[key] != value]:
      raise UserError(f"{LOG} has a race with another {different[0]}: move it away")
  files.write_json(path, {"command": command, **about})


def table() -> str:
  """Tabulates every setup against the plain search of as many seconds and the same seeds."""
  found: dict[tuple[str, str], dict[tuple[str, int], Any]] = {}
  renders: dict[tuple[str, str], list[int]] = {}
  voiced: set[str] = set()
  for line in halves.read(LOG / LINES):
    voiced |= {line["sound"]} if line["pitch"] else set()
    for mark, at in line["at"].items():
      found.setdefault((line["setup"], mark), {})[line["sound"], line["seed"]] = at
      renders.setdefault((line["setup"], mark), []).append(line["renders"][mark])
  rows = []
  for setup in SETUPS:
    for mark in sorted({mark for name, mark in found if name == setup}, key=float):
      one, other = found[setup, mark], found.get(("plain", mark), {})
      both = sorted(one.keys() & other.keys())
      spent = f"{mark} s, {statistics.median(renders[setup, mark]):.0f} renders"
      rows.append((setup, spent, halves.over_seeds(one, both), halves.over_seeds(other, both)))
  return halves.table(rows, voiced, budget="budget")


def main() -> None:
  """Searches for what the log does not have yet, and prints the table."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--ood", type=Path, default=Path("ood"), help="folder of the benchmark")
  parser.add_argument("--half", choices=["choosing", "judging"], default="judging")
  parser.add_argument("--sounds", type=int, default=24, help="number of sounds")
  parser.add_argument("--workdir", type=Path, required=True, help="folder of a model that draws")
  parser.add_argument("--regression", type=Path, required=True, help="folder of one that does not")
  parser.add_argument("--seconds", type=float, nargs="+", default=[2.0, 5.0, 10.0])
  parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
  parser.add_argument("--setups", default=",".join(SETUPS), help="names, between commas")
  parser.add_argument("--processor", action="store_true", help="count the processor's seconds")
  options = parser.parse_args()
  setups = options.setups.split(",")
  if unknown := [name for name in setups if name not in SETUPS]:
    parser.error(f"there is no setup {unknown[0]!r}; known: {', '.join(SETUPS)}")
  LOG.mkdir(parents=True, exist_ok=True)
  sounds = halves.halves(sound_folder.load(options.ood))[options.half][: options.sounds]
  try:
    with Matcher.open([options.regression]) as plain, Matcher.open([options.workdir]) as flow:
      about = require_alike(plain, flow, setups)
      about |= {"seconds": options.seconds, "cores": cores.available(), "half": options.half}
      begin(about | {"processor": options.processor}, halves.command("study.race", options))
      clock = processor_seconds if options.processor else time.monotonic
      run(
        plain, flow, sounds, setups, marks=sorted(options.seconds), seeds=options.seeds, clock=clock
      )
  except UserError as error:
    sys.exit(str(error))
  print(table())


if __name__ == "__main__":
  main()
