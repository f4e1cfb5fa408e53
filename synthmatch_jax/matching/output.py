"""Writes the folder of a match: patch.json, presets, sounds, spectrograms and a page."""

import contextlib
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from synthmatch_jax import files
from synthmatch_jax.audio import io
from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.errors import UserError
from synthmatch_jax.matching import stored
from synthmatch_jax.matching.result import Answer, Match, Searched
from synthmatch_jax.matching.stored import PATCH, Description
from synthmatch_jax.metrics.suite import sound_metrics
from synthmatch_jax.reports import pages, spectrograms
from synthmatch_jax.selection import RANKED_BY
from synthmatch_jax.spaces.space import Patch
from synthmatch_jax.synths.base import Synth
from synthmatch_jax.synths.pool import Pool

_TARGET, _PARTIAL = "target.wav", ".partial"


def write(
  match: Match, folder: Path, *, pool: Pool, digest: str = "", origin: str = ""
) -> Description:
  """Writes a match into its folder: all of it, or nothing.

  The folder gets patch.json, target.wav and index.html, and for every answer the sound, the preset
  and a picture of both spectrograms. Those of the first answer are called match.wav, NAME.vital and
  spectrograms.png, those of the second match-2.wav and so on.

  Args:
    match: The match.
    folder: The folder, named after the sound; an older match in it is replaced, other files are
      kept.
    pool: The engines, of which one saves the presets.
    digest: A hash of all that the match depends on.
    origin: A hash of where the sound is from.

  Raises:
    UserError: The folder cannot be written.
    RenderError: The engine failed to save a preset.
  """
  with _replacing(folder) as partial:
    rate, mel = match.recipe.mel.sample_rate, match.recipe.mel
    io.save(partial / _TARGET, match.target, rate)
    heard = log_mel(match.target, mel)
    entries = []
    for number, answer in enumerate(match.answers, start=1):
      mark = "" if number == 1 else f"-{number}"
      names = {"sound": f"match{mark}.wav", "spectrograms": f"spectrograms{mark}.png"}
      io.save(partial / names["sound"], answer.estimate, rate)
      both = heard, log_mel(answer.estimate, mel)
      spectrograms.pair(*both, mel, partial / names["spectrograms"])
      preset = save_preset(pool, answer.patch, partial / f"{folder.name}{mark}")
      entries.append(describe_answer(answer, match) | {"preset": preset.name} | names)
    description = describe(match) | {
      "target": _TARGET,
      "answers": entries,
      "origin": origin,
      "digest": digest,
      "format": stored.FORMAT,
    }
    pages.write("match.html", partial / stored.PAGE, match=description, recipe=match.recipe)
    files.write_json(partial / PATCH, description)
  return description


def describe(match: Match) -> Description:
  """Returns the match as JSON-ready data."""
  recipe, heard = match.recipe, match.heard
  return {
    "source": match.source,
    "synth": recipe.engine,
    "engine": recipe.fingerprint,
    "space": recipe.space.name,
    "note": match.note.to_dict(),
    "assumed": {
      "onset_seconds": heard.onset_seconds,
      "gain_db": match.gain_db,
      "held_seconds": heard.hold_seconds,
      "pitch": asdict(heard.pitch) if heard.pitch else None,
      **({"predicted": asdict(heard.predicted)} if heard.predicted else {}),
      "cleared": asdict(heard.cleared),
      "guesses": heard.guesses(match.note),
      "told": heard.told.to_dict(),
    },
    "answers": [describe_answer(answer, match) for answer in match.answers],
    **({"search": _describe_search(match.searched)} if match.searched else {}),
  }


def describe_answer(answer: Answer, match: Match) -> Description:
  """Returns one answer of a match as JSON-ready data."""
  space = match.recipe.space
  units = {p.name: p.unit for p in space.parameters}
  return {
    "model": answer.origin.model,
    "hearing": answer.origin.words,
    "patch": {n: {"value": v, "unit": units[n]} for n, v in answer.patch.items()},
    "controls": space.named(answer.controls),
    "distances": _finite(answer.distances),
    "confidence": asdict(answer.confidence),
  }


def _describe_search(found: Searched) -> Description:
  return {
    "renders": found.renders,
    "seconds": round(found.seconds, 3),
    "start": _finite(found.start),
    "trace": [{"renders": renders, "value": value} for renders, value in found.trace],
    "stopped": found.was_stopped,
  }


def _finite(distances: Mapping[str, float]) -> dict[str, float | None]:
  return {n: v if math.isfinite(v) else None for n, v in distances.items()}


def save_preset(pool: Pool, patch: Patch, stem: Path) -> Path:
  """Lets an engine write a preset, and returns the path: the stem with the ending of its kind.

  Raises:
    RenderError: The engine failed.
  """
  with pool.lend() as host:
    return host.call(_save_preset, patch, stem)


def is_free(folder: Path, origin: str) -> bool:
  """Returns whether writing a match there loses nothing but an older one of the same sound."""
  if not folder.exists() and not folder.is_symlink():
    return True
  if not folder.is_dir():
    return False
  if not (folder / PATCH).is_file():
    try:
      return not any(folder.iterdir())
    except OSError:
      return False
  found = stored.said(folder)
  return "answers" not in found or found.get("origin") == origin  # Else a kill has left it so.


def clean(out: Path) -> None:
  """Removes what a kill has left in the folder of all matches."""
  for leftover in out.glob(f".*.[0-9]*{_PARTIAL}"):
    if leftover.is_dir():
      shutil.rmtree(leftover, ignore_errors=True)


def write_page(out: Path, rate: int, *, say: Callable[[str], None]) -> Path | None:
  """Writes the page over all matches in a folder.

  Args:
    out: The folder; what lies in it may be anybody's.
    rate: The sample rate of the sounds.
    say: Gets a line for each patch.json that is no finished match, which is left out.

  Returns:
    The page; None if there are no matches.

  Raises:
    UserError: The page cannot be written.
  """
  entries = []
  for folder in sorted(out.iterdir()):
    if folder.name.startswith(".") or not os.path.lexists(folder / PATCH):
      continue
    try:
      entries.append((folder.name, stored.load(folder)))
    except ValueError as error:
      say(f"{folder / PATCH} is left out of the page: {error}")
  if not entries:
    return None
  definition = sound_metrics(rate)[RANKED_BY].definition
  pages.write("matches.html", out / stored.PAGE, entries=entries, definition=definition)
  return out / stored.PAGE


def _save_preset(synth: Synth, patch: Patch, stem: Path) -> Path:
  return synth.save_preset(patch, stem.with_name(stem.name + synth.preset_suffix))


@contextlib.contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
  """Yields a folder to write to, which replaces another one at once if the block succeeds.

  Where there is a match already, its files are replaced one by one; until all are, it counts as
  not finished.
  """
  partial = folder.with_name(f".{folder.name}.{os.getpid()}{_PARTIAL}")
  try:
    partial.mkdir(parents=True)
    yield partial
    if not folder.exists():
      partial.replace(folder)
      return
    old = stored.said(folder)
    if (folder / PATCH).exists():
      files.write_text(folder / PATCH, "{}\n")
    for name in stored.names(old):
      if name != PATCH:
        (folder / name).unlink(missing_ok=True)
    for path in sorted(partial.iterdir(), key=lambda path: path.name == PATCH):
      files.replace(path, folder / path.name)
  except OSError as error:
    reason = (error.strerror or str(error)).lower()
    raise UserError(f"{folder} cannot be written ({reason}): choose another --out") from error
  finally:
    shutil.rmtree(partial, ignore_errors=True)
