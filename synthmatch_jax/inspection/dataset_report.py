"""Reports an inspection on the terminal and as an HTML page."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from synthmatch_jax.audio import io
from synthmatch_jax.audio.loudness import match_loudness
from synthmatch_jax.audio.note import name_of
from synthmatch_jax.data import pipeline
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation.record import require_revision
from synthmatch_jax.inspection.file_checks import TOO_QUIET
from synthmatch_jax.inspection.inspect import Inspection, inspect
from synthmatch_jax.inspection.replay import Replay, spoken
from synthmatch_jax.reports import distributions, pages, spectrograms
from synthmatch_jax.synths import play
from synthmatch_jax.synths.registry import Engine

# Loudness to which examples are brought for listening: random patches may be 40 dB apart.
_EXAMPLE_DB = -20.0
_MOST_DAMAGES = 100  # On the page.
_MOST_ATTEMPTS = 5  # Numbers with a row of their own.
_MOST_REASONS = 20
# A wide space has no more pictures than this, unless groups of parameters are named.
_MOST_PICTURES = 64


def describe(
  name: str,
  *,
  dir: Path,
  out: Path | None,
  sample: int,
  examples: int,
  plugin: str = "",
  seed: int = 0,
  groups: Sequence[str] = (),
) -> None:
  """Inspects a data set, writes the page and prints a summary.

  Args:
    name: The name of the data set, as for `pipeline.open_dataset`.
    dir: TFDS's `data_dir`.
    out: The folder for the page; None is `described/NAME`.
    sample: The number of random records to render again and compare.
    examples: The number of these to play on the page.
    plugin: The path of the engine's plugin; empty to search the usual folders.
    seed: The seed of the random choices.
    groups: The groups of the parameters that get pictures; see `pictured`.

  Raises:
    UserError: The space has no such group, the data set cannot be inspected, or it is damaged (the
      page is written first).
  """
  dataset = pipeline.open_dataset(name, dir=dir)
  if unknown := sorted(set(groups) - set(dataset.recipe.space.groups)):
    known = ", ".join(dataset.recipe.space.groups) or "none"
    raise UserError(f"{name} has no group of parameters {unknown[0]}; it has {known}")
  engine = _engine(dataset.recipe, plugin) if sample or examples else None
  folder = _folder(out or Path("described") / name)
  found = inspect(dataset, engine=engine, sample=sample, examples=examples, seed=seed)
  page = write(found, folder, groups=groups)
  print(summary(found))
  print(f"open {page}")
  if found.verdict == "damaged":
    first, *others = found.damages
    more = f" and {len(others)} more damages" if others else ""
    raise UserError(
      f"{dataset.name} is damaged: {first}{more}; `tfds build` with the same options and"
      " --overwrite renders again what is damaged"
    )


def summary(found: Inspection) -> str:
  """Summarises an inspection in a few lines."""
  dataset, recipe = found.dataset, found.dataset.recipe
  counts = ", ".join(f"{split} {len(source):,}" for split, source in dataset.sources.items())
  lines = [
    f"{dataset.name} {dataset.version}: {recipe.engine}, {recipe.seconds:g} s each, {counts};"
    f" {found.megabytes:,.1f} MB"
  ]
  if recipe.notes:
    lines.append("notes: " + recipe.notes.words)
  if found.history is not None:
    reasons = Counter(found.history.rejected)
    quiet = reasons.pop(TOO_QUIET, 0)
    lines.append(f"drawn again: {quiet:,} too quiet, {reasons.total():,} failed")
    if found.history.seconds.size:
      lines.append(
        f"rendered in {found.history.hours:,.2f} worker-hours,"
        f" {np.median(found.history.seconds):.2f} s a record"
      )
  lines += [f"{check.name}: {check.status}; {check.finding}" for check in found.checks]
  return "\n".join([*lines, f"verdict: {found.verdict}{found.caveat}"])


def pictured(found: Inspection, groups: Sequence[str] = ()) -> list[int]:
  """Returns the places of the parameters that get pictures.

  Args:
    found: The inspection.
    groups: The groups of these parameters. Without any they are all parameters, or of a wide space
      the 64 whose data are furthest from the prior.
  """
  space = found.dataset.recipe.space
  if groups:
    return sorted(i for name in groups for i in space.groups[name])
  apart = [-found.distances[part].max() for part in space.slices.values()]
  return sorted(np.argsort(apart, kind="stable")[:_MOST_PICTURES].tolist())


def write(found: Inspection, folder: Path, *, groups: Sequence[str] = ()) -> Path:
  """Writes the pictures, the sounds and the page; returns the page."""
  recipe, records = found.dataset.recipe, found.records
  shown = pictured(found, groups)
  for i in shown:  # A plugin's names may hold any character.
    name = recipe.space.names[i]
    data, prior = (x[:, recipe.space.slices[name]] for x in (records.controls, found.prior))
    path = folder / "controls" / f"{i}.png"
    if data.shape[1] > 1:
      distributions.options(data, prior, path, title=name)
    else:
      distributions.control(data[:, 0], prior[:, 0], path, title=name)
  distributions.levels(records.level_db, recipe.threshold_db, folder / "levels.png")
  if len(records.notes):
    distributions.notes(records.notes, folder / "notes.png")
  if found.history is not None and found.history.seconds.size:
    distributions.render_times(found.history.seconds, folder / "render_times.png")
  page = folder / "index.html"
  pages.write(
    "dataset.html",
    page,
    found=found,
    recipe=recipe,
    shown=shown,
    note_name=name_of(recipe.note.pitch),
    attempts=_attempts(records.attempts),
    examples=[_example(one, found, folder / "examples") for one in found.replays if one.sound],
    spoken=spoken,
    most_damages=_MOST_DAMAGES,
    most_reasons=_MOST_REASONS,
  )
  return page


def _engine(recipe: Recipe, plugin: str) -> Engine:
  try:
    require_revision(recipe)
    return play.engine(recipe, path=plugin)
  except UserError as error:
    raise UserError(f"{error}; --sample=0 --examples=0 describes it without a sound") from None


def _folder(folder: Path) -> Path:
  """Creates the folder, before the work, which takes a while."""
  try:
    for part in ("controls", "examples"):
      (folder / part).mkdir(parents=True, exist_ok=True)
  except OSError as error:
    reason = (error.strerror or str(error)).lower()
    raise UserError(f"{folder} cannot be written ({reason}): choose another with --out") from error
  return folder


def _attempts(attempts: np.ndarray) -> list[tuple[str, int]]:
  """Counts the records by the number of draws they took; high numbers share a row."""
  counts = Counter(attempts.tolist())
  rows = [(str(n), counts[n]) for n in range(1, _MOST_ATTEMPTS + 1)]
  more = int((attempts > _MOST_ATTEMPTS).sum())
  return [*rows, (f"{_MOST_ATTEMPTS + 1} or more", more)]


def _example(one: Replay, found: Inspection, folder: Path) -> dict[str, Any]:
  """Writes the sound and the spectrograms of a record; returns what the page says of it."""
  assert one.sound is not None
  recipe, sound = found.dataset.recipe, one.sound
  name = f"{one.place.split}-{one.place.index}"
  audible = match_loudness(sound.audio, _EXAMPLE_DB, recipe.mel.sample_rate)
  io.save(folder / f"{name}.wav", audible, recipe.mel.sample_rate)
  spectrograms.pair(
    sound.stored,
    sound.mel,
    recipe.mel,
    folder / f"{name}.png",
    titles=("stored", "rendered again"),
  )
  peaks = [float(np.abs(x).max(initial=0)) for x in (audible, sound.audio)]
  return {
    "name": name,
    "replay": one,
    "patch": recipe.space.decode(one.controls),
    "gain_db": 20 * float(np.log10(peaks[0] / peaks[1])) if all(peaks) else 0.0,
  }
