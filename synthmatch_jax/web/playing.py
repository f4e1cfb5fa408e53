"""Notes of an answer, as its keyboard plays them, and what it sounds like while a knob is held."""

import dataclasses

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.loudness import loudness_db, match_loudness
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.synths.play import play
from synthmatch_jax.web import failures
from synthmatch_jax.web.history import Entry


def sound(
  matcher: Matcher,
  entry: Entry,
  *,
  controls: Float[np.ndarray, " d"] | None = None,
  pitch: int | None = None,
) -> Float[np.ndarray, " n"]:
  """Renders a note of an answer, on whichever engine is free.

  Args:
    matcher: What plays.
    entry: The answer.
    controls: The controls; those of the answer by default. Other ones are played at the loudness
      of the target, as a changed answer is.
    pitch: The MIDI note number; that of the answer by default. Other ones are played with the gain
      of the answer, so that keys sound as loud as the synth makes them.

  Raises:
    UserError: The engine fails.
  """
  match = entry.match
  recipe, example, rate = match.recipe, match.best.example, match.recipe.mel.sample_rate
  changed = example
  if controls is not None:
    changed = dataclasses.replace(changed, controls=controls)
  if pitch is not None:
    changed = dataclasses.replace(changed, note=dataclasses.replace(example.note, pitch=pitch))
  with failures.of_engine(recipe.engine), matcher.pool.lend() as host:
    made = host.call(play, recipe, changed)
    if pitch is None:
      return match_loudness(made, loudness_db(match.target, rate), rate)
    if not entry.gains:
      own = host.call(play, recipe, example)
      power = float(np.square(own).sum()) or 1.0
      entry.gains.append((float(np.square(match.best.estimate).sum()) / power) ** 0.5)
  return (made * entry.gains[0]).astype(np.float32)
