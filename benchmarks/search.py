"""Renders per second of a search, beside those of the bare engine on the same cores.

    python -m benchmarks.search [SOUND] [--workdir=W] [--renders=400] [--rounds=3]

The search is that of `match`, from the model's answers on. The bare engines then play the same
patches, one engine and one thread a core, and nothing else is done with the sounds. Both make their
engines within the time that is measured. They take turns, so that a busy machine slows down both;
what counts there is the processor's time, which of a plugin in another process is not seen.
"""

import argparse
import statistics
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from synthmatch_jax import cores
from synthmatch_jax.audio.listen import AS_RECORDED
from synthmatch_jax.data.example import Example
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.search.budget import Budget
from synthmatch_jax.search.objective import Objective
from synthmatch_jax.synths.hosts import host
from synthmatch_jax.synths.play import play

SOUND = Path(__file__).parents[1] / "examples" / "guitar.flac"


def bare(matcher: Matcher, examples: Sequence[Example], workers: int) -> float:
  """Sounds per second of engines that only play."""

  def work(part: Sequence[Example]) -> None:
    one = host(matcher.pool.engine)
    for example in part:
      one.call(play, matcher.recipe, example)
    one.close()

  threads = [threading.Thread(target=work, args=(examples[k::workers],)) for k in range(workers)]
  began = time.monotonic()
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  return len(examples) / (time.monotonic() - began)


def main() -> None:
  """Prints the two rates and their ratio, round by round, and what an analysis takes."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("sound", nargs="?", default=str(SOUND))
  parser.add_argument("--workdir", action="append", default=[])
  parser.add_argument("--plugin", default="")
  parser.add_argument("--renders", type=int, default=400)
  parser.add_argument("--rounds", type=int, default=3)
  options = parser.parse_args()
  workers, ratios = cores.available(), []
  with Matcher.open([Path(w) for w in options.workdir], plugin=options.plugin) as matcher:
    recording = matcher.hear(options.sound)
    for round in range(options.rounds):
      refinement = matcher.search(
        recording, budget=Budget(renders=options.renders), workers=workers, seed=round
      )
      began = time.process_time()
      for _ in refinement:
        pass
      busy = time.process_time() - began
      search = refinement.search
      rate = search.renders / search.seconds
      examples = [Example(controls=one.controls, note=refinement.note) for one in search.tried]
      began = time.process_time()
      limit = bare(matcher, examples, workers)
      least = time.process_time() - began
      ratios.append(rate / limit)
      print(
        f"{workers} workers: search {rate:.1f}/s, bare engine {limit:.1f}/s,"
        f" ratio {ratios[-1]:.2f} (of processor time {least / busy:.2f}),"
        f" objective {search.trace[0][1]:.2f} -> {search.trace[-1][1]:.2f}",
        flush=True,
      )
    print(f"ratio, median: {statistics.median(ratios):.2f}")
    target = matcher.models[0].listen(recording)[AS_RECORDED]
    objective = Objective(target, matcher.recipe)
    middle = np.full(matcher.recipe.space.width, 0.5, np.float32)
    with cores.one_each():
      began = time.thread_time()
      for _ in range(50):
        objective.costs(middle, target)
    print(f"analysis: {20 * (time.thread_time() - began):.1f} ms a sound")


if __name__ == "__main__":
  main()
