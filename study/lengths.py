"""Whether a search may listen to a part of each sound, until the target is over.

    python -m study.lengths --ood=FOLDER [--sounds=24] [--renders=120]

FOLDER is the benchmark of `python -m synthmatch_jax.ood` (docs/ood.md), of which the choosing half
is used. Both searches have the same budget in renders, and every answer is measured over its whole
length by every metric. Each finished sound is a line of study/logs/lengths.jsonl, from which the
command goes on.
"""

import argparse
import json
from pathlib import Path
from unittest import mock

import numpy as np

from study import halves
from study.curve import measured
from study.runs import LOGS
from synthmatch_jax.audio.hearing import Recording
from synthmatch_jax.data import sound_folder
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.search import objective
from synthmatch_jax.search.budget import Budget

LOG = LOGS / "lengths.jsonl"


def searched(matcher: Matcher, recording: Recording, *, renders: int, seed: int) -> dict:
  """Searches once and measures the answer; also how long candidates were, and the time."""
  refinement = matcher.search(recording, budget=Budget(renders=renders), seed=seed)
  for _ in refinement:
    pass
  search = refinement.search
  return {
    "seconds": round(search.objective.recipe.seconds, 3),
    "took": round(search.seconds, 2),
    "distances": measured(refinement.match().best),
  }


def pair(matcher: Matcher, recording: Recording, *, renders: int) -> dict[str, dict]:
  """Searches by a part of each sound, by all of it, and once more with another seed."""
  part = searched(matcher, recording, renders=renders, seed=0)
  whole = mock.patch.object(objective, "seconds_heard", lambda _, recipe, **__: recipe.seconds)
  with whole:
    return {
      "part": part,
      "whole": searched(matcher, recording, renders=renders, seed=0),
      "whole, seed 1": searched(matcher, recording, renders=renders, seed=1),
    }


def table() -> str:
  """Tabulates each way against a search by whole sounds: ratios, by their geometric means."""
  lines = halves.read(LOG)
  metrics = ("mss", "wmfcc", "spectral_convergence", "loudness_pattern", "f0_cents")
  rows = [f"| way, {len(lines)} sounds | " + " | ".join(metrics) + " | time |", "|---" * 7 + "|"]
  for way in ("part", "whole, seed 1"):
    cells = []
    for metric in metrics:
      both = [
        (line[way]["distances"][metric], line["whole"]["distances"][metric]) for line in lines
      ]
      logs = np.log([(a + 1e-3) / (b + 1e-3) for a, b in both if a is not None and b is not None])
      error = 1.96 * logs.std(ddof=1) / np.sqrt(len(logs))
      low, high = np.exp(logs.mean() - error), np.exp(logs.mean() + error)
      cells.append(f"{np.exp(logs.mean()):.2f} ({low:.2f} to {high:.2f})")
    took = np.exp(np.mean([np.log(line[way]["took"] / line["whole"]["took"]) for line in lines]))
    rows.append(f"| {way} | " + " | ".join(cells) + f" | {took:.2f} |")
  return "\n".join(rows)


def main() -> None:
  """Searches for what the log does not have yet, and prints the table."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--ood", type=Path, default=Path("ood"), help="folder of the benchmark")
  parser.add_argument("--sounds", type=int, default=24, help="number of sounds")
  parser.add_argument("--renders", type=int, default=120, help="budget of a search")
  options = parser.parse_args()
  done = {line["sound"] for line in halves.read(LOG)}
  with Matcher.open() as matcher:
    for sound in halves.halves(sound_folder.load(options.ood))["choosing"][: options.sounds]:
      if sound.name in done:
        continue
      found = pair(matcher, matcher.hear(sound.path), renders=options.renders)
      with LOG.open("a") as file:
        file.write(json.dumps({"sound": sound.name, **found}) + "\n")
      print(sound.name, *(one["distances"]["mss"] for one in found.values()), flush=True)
  print(table())


if __name__ == "__main__":
  main()
