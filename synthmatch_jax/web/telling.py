"""What the page is told about an answer, as JSON-ready data."""

import math
from dataclasses import asdict
from typing import Any

from synthmatch_jax.audio.note import name_of
from synthmatch_jax.selection import RANKED_BY
from synthmatch_jax.web.history import Entry
from synthmatch_jax.web.improving import Progress

Told = dict[str, Any]
"""JSON-ready data: finite numbers, texts, lists and objects."""


def answer(entry: Entry) -> Told:
  """Returns all that is shown of an answer but its sound."""
  match, best = entry.match, entry.match.best
  space, distance = match.recipe.space, best.distances[RANKED_BY]
  searched = None if best.origin.by_hand else match.searched
  return {
    "key": entry.key,
    "number": entry.number,
    "sound": entry.upload.name,
    "source": match.source,
    "title": entry.title,
    "origin": best.origin.words,
    "model": best.origin.model,
    "step": best.origin.step,
    "by_hand": best.origin.by_hand,
    "distance": distance if math.isfinite(distance) else None,
    "confidence": {
      "kind": best.confidence.kind,
      "words": best.confidence.words,
      "beside": [one.beside for one in best.confidence.aspects if one.beside],
    },
    "controls": best.controls.tolist(),
    "heard": space.heard(best.controls[None])[0].tolist(),
    "locked": [name for name in space.names if name in entry.locked],
    "note": match.note.to_dict() | {"name": name_of(match.note.pitch)},
    "assumed": _assumed(entry),
    "searched": _course(searched.trace, searched.renders) if searched else None,
    "files": {name: shown for name, (_, shown) in entry.files.items()},
  }


def progress(found: Progress) -> Told:
  """Returns how far a search is."""
  return _course(found.trace, found.renders) | {"key": found.entry.key, "over": found.is_over}


def _course(trace: tuple[tuple[int, float], ...], renders: int) -> Told:
  return {"trace": [list(step) for step in trace], "renders": renders}


def _assumed(entry: Entry) -> Told:
  match, heard = entry.match, entry.match.heard
  return {
    "onset": heard.onset_seconds,
    "hold": match.note.hold_seconds,
    "held": heard.hold_seconds,
    "gain": match.gain_db,
    "pitch": asdict(heard.pitch) if heard.pitch else None,
    "predicted": asdict(heard.predicted) if heard.predicted else None,
    "guesses": list(heard.guesses(match.note).values()),
    "told": heard.told.to_dict(),
  }
