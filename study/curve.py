"""The budget curve: how near a search comes to the benchmark's sounds after so many renders.

    python -m study.curve --ood=FOLDER [--half=judging] [--setups="NAME;..."] [--renders=800]
    python -m study.curve --ood=FOLDER --workdir=W --setups=plain

FOLDER is the benchmark of `python -m synthmatch_jax.ood` (docs/ood.md). Every search is that of
`match`, on the released model or another; its best answers at each mark are measured by every
metric, whether the search has listened to it or not. Each finished search is a line in a log of its
model and setup, study/logs/curve/MODEL/SETUP.jsonl:
the command goes on where it was interrupted, two of them can work on different setups, and the
numbers are the same on any machine, since budgets are counted in renders.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from study import halves
from study.runs import LOGS
from synthmatch_jax.audio.hearing import Recording
from synthmatch_jax.audio.note import Note
from synthmatch_jax.data import sound_folder
from synthmatch_jax.data.example import Example
from synthmatch_jax.data.sound_folder import SoundFile
from synthmatch_jax.matching.matcher import Listen, Matcher
from synthmatch_jax.matching.result import Answer, Origin
from synthmatch_jax.reports.tables import join, number
from synthmatch_jax.search.budget import NO_USE, USUAL, Budget, Use
from synthmatch_jax.search.candidate import Candidate
from synthmatch_jax.search.objective import Objective
from synthmatch_jax.search.search import TIDY_AT, Search
from synthmatch_jax.search.seeds import Seed, middle
from synthmatch_jax.search.strategy import free, one_off
from synthmatch_jax.selection import RANKED_BY

LOG = LOGS / "curve"
_FEWEST = 4  # Sounds of a row of the table.
MARKS = (25, 50, 100, 200, 400, 800)
"""The budgets of which one search up to the largest tells the answers."""

SETUPS: Mapping[str, Mapping[str, Any]] = {
  "search": {},
  "random": {"strategy": "random"},
  "blind": {"start": True},
}
"""Name -> what is asked of the search: as `match` does it; as many renders drawn at random around
the same start; and the search without a model, from the middle of the prior."""

KNOWN = ("plain", "unsteered", "widely", *SETUPS)
"""The setups and, without a search, the model's answers: in one way of listening, the same without
the proxy, and in all ways."""

LADDER = (
  ("vital16", "plain", "0", "the paper's way: one note"),
  ("notes", "plain", "0", "many notes, told to the model"),
  ("notes_further", "plain", "0", "trained further, by Muon"),
  ("massive16", "unsteered", "0", "a draw in place of the mean"),
  ("massive16", "plain", "0", "four draws of 16, steered by the proxy"),
  ("massive16", "search", "100", "a search of 100 renders, as by default"),
  ("massive16", "search", "200", "of 200"),
)
"""Model, setup and budget of each rung from the paper's way to the default, and what it adds."""

_TOLD = {
  RANKED_BY: "MSS (dB)",
  "wmfcc": "wMFCC",
  "spectral_convergence": "SC",
  "sot": "SOT",
  "rms_cosine": "RMS ↑",
}


_FIRST: Mapping[str, tuple[Listen, Use]] = {
  "widely": ("widely", NO_USE),
  "unsteered": ("once", NO_USE),
}


def searched(
  matcher: Matcher, recording: Recording, asked: Mapping[str, Any], *, renders: int
) -> Iterator[tuple[int, Float[np.ndarray, " d"]]]:
  """Yields (budget, the answer of a search with that budget) for each mark up to a budget."""
  recipe = matcher.recipe
  more = {**asked, "start": middle(recipe).controls} if "start" in asked else asked
  refinement = matcher.search(recording, budget=Budget(renders=renders), workers=1, **more)
  found = refinement.search
  for _ in found:
    pass
  for mark in sorted({*MARKS, renders}):
    if mark == renders:
      yield mark, found.chosen(1)[0].controls
    elif mark < renders:
      # A search with this budget tries the same until it turns off what is small, to a population.
      tried = found.tried[: int(TIDY_AT * mark)]
      yield mark, tidied(tried, found.objective, matcher, refinement.note)


def tidied(
  tried: Sequence[Candidate], objective: Objective, matcher: Matcher, note: Note
) -> Float[np.ndarray, " d"]:
  """The best candidate with its small controls turned off as a search does at its end."""
  recipe = matcher.recipe
  best = min(tried, key=lambda one: one.value).controls
  alone = one_off(best, free(recipe.space, best))

  def ranked(candidates: Sequence[Float[np.ndarray, " d"]]) -> list[Candidate]:
    search = Search(
      objective,
      [Seed(controls=one, name="") for one in (tried[0].controls, *candidates)],
      recipe=recipe,
      note=note,
      engine=matcher.pool.engine,
      budget=Budget(renders=len(candidates) + 1),
      workers=1,
      strategy=None,
    )
    for _ in search:
      pass
    return search.tried[1:]

  first, *off = ranked([best, *alone])
  harmless = [one.controls for one in off if one.value <= first.value]
  together = ranked([np.min(harmless, axis=0)]) if len(harmless) > 1 else []
  return min([first, *off, *together], key=lambda one: one.value).controls


def measured(answer: Answer) -> dict[str, float | None]:
  """The distances of an answer by every metric; None where one has no meaning."""
  return {name: round(v, 4) if np.isfinite(v) else None for name, v in answer.distances.items()}


def run(matcher: Matcher, sounds: Sequence[SoundFile], setup: str, *, renders: int) -> None:
  """Runs what the log does not have yet, sound by sound."""
  path = LOG / matcher.models[0].name / f"{setup}.jsonl"
  path.parent.mkdir(parents=True, exist_ok=True)
  done = {(line["sound"], line["renders"]) for line in halves.read(path)}
  for sound in sounds:
    if (sound.name, renders) in done:
      continue
    recording = matcher.hear(sound.path)
    listen, proxy = _FIRST.get(setup, ("once", USUAL))
    first = matcher.answer(recording, listen=listen, proxy=proxy)
    at = {"0": measured(first.best)}
    if setup in SETUPS:
      candidates = [
        (
          Origin(model=first.best.origin.model, hearing=str(mark)),
          Example(controls=controls, note=first.note),
        )
        for mark, controls in searched(matcher, recording, SETUPS[setup], renders=renders)
      ]
      answers = matcher.choose(first.target, candidates, count=None)
      at = {answer.origin.hearing: measured(answer) for answer in answers}
    line = {
      "sound": sound.name,
      "renders": renders,
      "pitch": first.heard.midi is not None,
      "at": at,
    }
    with path.open("a") as file:
      file.write(json.dumps(line) + "\n")
    print(setup, sound.name, *(at[mark][RANKED_BY] for mark in at), flush=True)


def logged(model: str) -> tuple[dict[tuple[str, str], dict[str, Any]], set[str]]:
  """Reads what was measured of a model: (setup, mark) -> sound -> metrics; and what has a pitch."""
  found: dict[tuple[str, str], dict[str, Any]] = {}
  voiced: set[str] = set()
  for setup in KNOWN:
    for line in halves.read(LOG / model / f"{setup}.jsonl"):
      voiced |= {line["sound"]} if line["pitch"] else set()
      for mark, values in line["at"].items():
        found.setdefault((setup, mark), {})[line["sound"]] = values
  return found, voiced


def ladder() -> str:
  """Tabulates the rungs on those sounds of the judging half that every rung has answered."""
  models = {model: logged(model) for model, *_ in LADDER}
  rungs = [models[model][0].get((setup, mark), {}) for model, setup, mark, _ in LADDER]
  common = sorted(set.intersection(*map(set, rungs)))
  voiced = [sound for sound in common if sound in models[LADDER[0][0]][1]]
  lines = [["", *_TOLD.values(), "f0, median", "MSS: to the first", "to the row before"]]
  lines.append(["---", *["---:"] * (len(lines[0]) - 1)])
  first: halves.Measured = {}
  before: halves.Measured = {}
  for (*_, about), found in zip(LADDER, rungs, strict=True):
    at = {sound: found[sound] for sound in common}
    means = [_mean(at, metric) for metric in _TOLD]
    cents = [one for sound in voiced if (one := at[sound]["f0_cents"]) is not None]
    ratios = [halves.ratio(at, other, RANKED_BY) if other else "1" for other in (first, before)]
    lines.append([about, *means, f"{np.median(cents):.0f}" if cents else "-", *ratios])
    first, before = first or at, at
  return f"{join(lines)}\n\n{len(common)} sounds."


def _mean(at: halves.Measured, metric: str) -> str:
  return number(float(np.mean([v for one in at.values() if (v := one[metric]) is not None])))


def table(model: str) -> str:
  """Tabulates every setup and mark of a model against its plain answers, and search to random."""
  found, voiced = logged(model)
  first = found["plain", "0"]
  rows = [(*row, at, first) for row, at in found.items()]
  for (setup, mark), at in found.items():
    if setup == "search" and ("random", mark) in found:
      other = found["random", mark]
      both = {sound: values for sound, values in at.items() if sound in other}
      rows.append(("search against random", mark, both, other))
  return halves.table([row for row in rows if len(row[2]) >= _FEWEST], voiced)


def main() -> None:
  """Searches for what the logs do not have yet."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--ood", type=Path, default=Path("ood"), help="folder of the benchmark")
  parser.add_argument("--workdir", type=Path, help="folder of a model; the released one")
  parser.add_argument("--half", choices=["choosing", "judging"], default="judging")
  parser.add_argument("--setups", default=";".join(KNOWN), help="names, between semicolons")
  parser.add_argument("--renders", type=int, default=MARKS[-1], help="budget of a search")
  options = parser.parse_args()
  sounds = halves.halves(sound_folder.load(options.ood))[options.half]
  with Matcher.open([options.workdir] if options.workdir else []) as matcher:
    for setup in options.setups.split(";"):
      run(matcher, sounds, setup, renders=options.renders if setup in SETUPS else 0)


if __name__ == "__main__":
  main()
