"""Answers that a visitor's browser has kept, made again."""

from collections.abc import Mapping

import numpy as np

from synthmatch_jax.audio.hearing import Recording
from synthmatch_jax.audio.listen import AS_RECORDED
from synthmatch_jax.data.example import Example
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.matching.result import Match, Origin
from synthmatch_jax.web import failures
from synthmatch_jax.web.asking import Kept


def again(
  matcher: Matcher, recording: Recording, kept: Mapping[bytes, Kept]
) -> list[tuple[Match, Kept]]:
  """Returns the matches of answers to a sound, each with one answer, in their order.

  Args:
    matcher: The models and what plays.
    recording: The sound.
    kept: The bytes of the controls, which are 32-bit floats, -> what is kept of the answer.

  Raises:
    UserError: The engine fails on all of them.
  """
  if not kept:
    return []
  model, note = matcher.models[0], recording.heard.held_note(matcher.recipe.note)
  candidates = [
    (
      Origin(model=model.name, hearing=AS_RECORDED.name, step=one.step, by_hand=one.by_hand),
      Example(controls=np.frombuffer(controls, np.float32), note=note),
    )
    for controls, one in kept.items()
  ]
  target = model.listen(recording)[AS_RECORDED]
  with failures.of_engine(matcher.recipe.engine):
    answers = matcher.choose(target, candidates, count=None)
  known = {"source": recording.source, "target": target, "heard": recording.heard}
  return [
    (
      Match(recipe=matcher.recipe, answers=(answer,), **known),
      kept[answer.controls.tobytes()],
    )
    for answer in answers
  ]
