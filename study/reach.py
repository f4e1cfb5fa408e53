"""What the model that comes along does with its synth's own sounds when it hears them as files.

    python -m study.reach [--matches=100] [--answers=500]

The sounds are those of a data set with another seed than the training's, so the model has heard
none of them. The first are matched as `match` does it, once with nothing told and once with the
note and the length told, and it is counted how many are called out of the synth's reach. To more
of them the model answers from the mel spectrogram, as in `eval`, and it is counted in how many of
those in which oscillator 2 can be heard its pitch is off by more than a semitone.
"""

import argparse
import dataclasses
from collections import Counter

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.hearing import NOTHING, Assume
from synthmatch_jax.audio.loudness import loudness_db
from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.generation.record import draw
from synthmatch_jax.matching import ensemble
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.spaces.space import SILENT_CONTROL
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.play import engine, play
from synthmatch_jax.synths.pool import Pool


def sound(
  recipe: Recipe, index: int, host: Host
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " n"]]:
  """Returns the controls and the samples of a record: its first draw that is loud enough."""
  attempt = 1
  while True:
    example = draw(recipe, index, attempt)
    audio = host.call(play, recipe, example)
    if loudness_db(audio, recipe.mel.sample_rate) >= recipe.threshold_db:
      return example.controls, audio
    attempt += 1


def main() -> None:
  """Measures and prints."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--matches", type=int, default=100)
  parser.add_argument("--answers", type=int, default=500)
  options = parser.parse_args()
  (model,) = ensemble.load([])
  recipe = dataclasses.replace(model.predictor.recipe, seed=model.predictor.recipe.seed + 1)
  note = recipe.note
  ways = {
    "nothing told": NOTHING,
    "note and length told": Assume(pitch=note.pitch, hold_seconds=note.hold_seconds),
  }
  out: Counter[str] = Counter()
  pairs = []
  with Pool(engine(model.predictor.recipe), size=2) as pool, pool.lend() as host:
    matcher = Matcher([model], pool)  # With an engine of its own.
    for index in range(max(options.matches, options.answers)):
      controls, audio = sound(recipe, index, host)
      pairs.append((controls, log_mel(audio, recipe.mel)))
      for way, assume in ways.items() if index < options.matches else ():
        found = matcher.match(audio, sample_rate=recipe.mel.sample_rate, assume=assume)
        out[way] += found.best.confidence.kind == "out_of_reach"
  for way in ways:
    print(f"{way}: {out[way]} of {options.matches} are called out of reach")
  true = np.stack([controls for controls, _ in pairs[: options.answers]])
  answers = model.predictor.predict(np.stack([mel for _, mel in pairs[: options.answers]]))
  names = recipe.space.names
  level = true[:, names.index("osc2_amp")]  # Gain is its square.
  pitch = [
    np.array([recipe.space.decode(row)["osc2_pitch"] for row in rows]) for rows in (true, answers)
  ]
  off = np.abs(pitch[1] - pitch[0]) > 1
  for what, least in {"is not silent": SILENT_CONTROL, "is above -20 dB": 10**-0.5}.items():
    heard = level > least
    print(
      f"oscillator 2 {what} in {heard.sum()} of {len(heard)}; in {off[heard].sum()} of these"
      f" ({100 * off[heard].mean():.0f} %) its pitch is off by more than a semitone"
    )


if __name__ == "__main__":
  main()
