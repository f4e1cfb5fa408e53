"""Makes a record: draws random patches until one can be heard, and describes its sound."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from synthmatch_jax.audio.loudness import loudness_db
from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.data import records
from synthmatch_jax.data.example import Example
from synthmatch_jax.data.recipe import REVISION, Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation.plan import split_of
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths.base import RenderError, Synth
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.play import play

MAX_ATTEMPTS = 100
# The number of a record's attempts on which the engine may fail: one that fails on so many patches
# fails on all.
MAX_FAILURES = 10
# Keeps the random numbers of splits and of patches apart.
_PATCH_STREAM = 0
_NOTE_STREAM = 3  # 1 and 2 belong to the splits and to the rows of an evaluation.


@dataclass(frozen=True, kw_only=True)
class Rejection:
  """A patch that did not become a record.

  Attributes:
    index: The index of the record that it was drawn for.
    attempt: The number of the draw, from 1.
    reason: Reason, e.g. "-71.3 LUFS", or what the engine did.
    failed: Whether the engine failed on it; otherwise it was too quiet.
  """

  index: int
  attempt: int
  reason: str
  failed: bool


def draw(recipe: Recipe, index: int, attempt: int) -> Example:
  """Draws the patch and the note of a record's n-th attempt (from 1).

  Both are functions of seed, index and attempt, as the split of a record is one of seed and index;
  patches do not depend on how notes are drawn.

  Raises:
    UserError: The prior needs voices that are not there.
  """

  def rng(stream: int) -> np.random.Generator:
    key = (stream, index, attempt)
    return np.random.default_rng(np.random.SeedSequence(recipe.seed, spawn_key=key))

  split = split_of(recipe.seed, index)
  return Example(
    controls=prior.sample(recipe.prior, recipe.space, rng(_PATCH_STREAM), split=split),
    note=recipe.note if recipe.notes is None else recipe.notes.sample(rng(_NOTE_STREAM)),
  )


def require_revision(recipe: Recipe) -> None:
  """Raises a UserError if this version makes other records of the recipe than those stored."""
  if recipe.revision != REVISION:
    raise UserError(
      f"the data set was made by revision {recipe.revision} of the record code, here is revision"
      f" {REVISION}; build the data set again"
    )


def make_record(
  recipe: Recipe, index: int, host: Host
) -> tuple[dict[str, Any], tuple[Rejection, ...]]:
  """Draws patches until one is loud enough (paper section 3.1), and describes its sound.

  Returns:
    The record, and the rejections before it.

  Raises:
    UserError: 100 draws in a row were too quiet, or the engine failed on ten of them.
  """
  rejected: list[Rejection] = []
  for attempt in range(1, MAX_ATTEMPTS + 1):
    try:
      level_db, rest = host.call(_render, recipe, index, attempt)
    except RenderError as error:
      rejected.append(Rejection(index=index, attempt=attempt, reason=str(error), failed=True))
      if sum(r.failed for r in rejected) == MAX_FAILURES:
        raise UserError(
          f"record {index}: {recipe.engine} failed on {MAX_FAILURES} patches of"
          f" {attempt}, at last: {error}; probe the plugin again"
        ) from None
      continue
    if rest is not None:
      about = {"index": index, "attempts": attempt, "level_db": np.float32(level_db)}
      return {**about, **rest}, tuple(rejected)
    reason = f"{level_db:.1f} LUFS"
    rejected.append(Rejection(index=index, attempt=attempt, reason=reason, failed=False))
  raise UserError(
    f"record {index}: {MAX_ATTEMPTS} patches in a row from the prior {recipe.prior.name} were"
    f" below {recipe.threshold_db:g} LUFS on {recipe.engine}; take another prior or a lower"
    " threshold_db"
  )


def _render(
  synth: Synth, recipe: Recipe, index: int, attempt: int
) -> tuple[float, Mapping[str, Any] | None]:
  """Renders an attempt where the engine is, as a sound itself never travels.

  Returns:
    Its loudness in LUFS and, if that suffices, the rest of the record.
  """
  example = draw(recipe, index, attempt)
  audio = play(synth, recipe, example)
  level_db = loudness_db(audio, recipe.mel.sample_rate)
  if not level_db >= recipe.threshold_db:  # Also if it is NaN.
    return level_db, None
  return level_db, {
    "mel": log_mel(audio, recipe.mel),
    "controls": example.controls,
    "read_back": recipe.space.encode(synth.read_back()),
    **(records.note_columns(example.note) if recipe.notes is not None else {}),
  }
