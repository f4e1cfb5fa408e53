"""One record: a random patch that can be heard, and its sound."""

from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.loudness import loudness_db
from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths.base import Synth
from synthmatch_jax.synths.play import play

MAX_ATTEMPTS = 100
# Keeps the random numbers of splits and of patches apart.
_PATCH_STREAM = 0


def draw(recipe: Recipe, index: int, attempt: int) -> Float[np.ndarray, " d"]:
  """Controls of a record's n-th attempt (from 1): a function of seed, index and attempt."""
  key = (_PATCH_STREAM, index, attempt)
  rng = np.random.default_rng(np.random.SeedSequence(recipe.seed, spawn_key=key))
  return prior.sample(recipe.prior, recipe.space, rng)


def make_record(recipe: Recipe, index: int, synth: Synth) -> dict[str, Any]:
  """Draws patches until one is loud enough (paper section 3.1), and describes its sound.

  Raises:
    UserError: 100 draws in a row were too quiet.
  """
  for attempt in range(1, MAX_ATTEMPTS + 1):
    controls = draw(recipe, index, attempt)
    audio = play(synth, recipe, controls)
    level_db = loudness_db(audio, recipe.mel.sample_rate)
    if level_db >= recipe.threshold_db:
      return {
        "mel": log_mel(audio, recipe.mel),
        "controls": controls,
        "read_back": recipe.space.encode(synth.read_back()),
        "index": index,
        "attempts": attempt,
        "level_db": np.float32(level_db),
      }
  raise UserError(
    f"record {index}: {MAX_ATTEMPTS} patches in a row from the prior {recipe.prior.name} were"
    f" below {recipe.threshold_db:g} LUFS on {recipe.engine}; take another prior or a lower"
    " threshold_db"
  )
