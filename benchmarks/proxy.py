"""What a proxy takes beside the synth that it stands in for, and what many draws take.

    python -m benchmarks.proxy --workdir=W [SOUND] [--rounds=5]

W is a model with a proxy beside it. Times of a sound are the processor's, so that they are those of
one core whatever else it does; of a plugin in another process they are not seen. All is warm.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.measuring import seconds_of
from benchmarks.search import SOUND
from synthmatch_jax.audio.listen import AS_RECORDED
from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.data.example import Example
from synthmatch_jax.matching import ensemble
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths.play import hosting, play

_SOUNDS = 64  # That the proxy plays at once.
_PLAYED = 16  # That the synth plays.
_STEPS = 40  # Of Adam, by which patches are steered.


def main() -> None:
  """Prints the times and the ratio of the two."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("sound", nargs="?", default=str(SOUND))
  parser.add_argument("--workdir", required=True, help="folder of a model with a proxy")
  parser.add_argument("--rounds", type=int, default=5)
  options = parser.parse_args()
  with Matcher.open([Path(options.workdir)]) as matcher:
    recipe, recording = matcher.recipe, matcher.hear(options.sound)
    note, proxy = recording.heard.held_note(recipe.note), ensemble.proxy(matcher.models)
    target = matcher.models[0].listen(recording)[AS_RECORDED]
    mel = log_mel(target, proxy.recipe.mel)
    patches = prior.draws(recipe.prior, recipe.space)[:_SOUNDS].astype(np.float32)

    def heard() -> None:
      proxy.distances(mel, patches, note)

    with hosting(matcher.pool.engine) as host:

      def played(some: Sequence[np.ndarray] = tuple(patches[:_PLAYED])) -> None:
        for one in some:
          host.call(play, recipe, Example(controls=one, note=note))

      busy = {"rounds": options.rounds, "clock": time.process_time}
      one, other = seconds_of(heard, **busy) / _SOUNDS, seconds_of(played, **busy) / _PLAYED
    print(f"a sound: proxy {1e3 * one:.2f} ms, {recipe.engine} {1e3 * other:.1f} ms")
    print(f"the proxy is {other / one:.0f} times as fast on one core")
    starts = list(patches[:24])
    steered = seconds_of(
      lambda: matcher.steered(target, starts, note=note, steps=_STEPS), rounds=options.rounds
    )
    print(f"{_STEPS} steps from the best 8 of {len(starts)} patches: {steered:.2f} s")
    answers = seconds_of(
      lambda: matcher.answer(recording, top=4, listen="once"), rounds=options.rounds
    )
    print(f"four answers, of a model that draws out of 16: {answers:.2f} s")


if __name__ == "__main__":
  main()
