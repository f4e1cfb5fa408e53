"""From a sound to the patch that makes it, and the folder that shows it."""

import itertools
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax import files
from synthmatch_jax.audio import io
from synthmatch_jax.audio.hearing import Heard, hear
from synthmatch_jax.audio.loudness import loudness_db, match_loudness
from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.inference import Predictor
from synthmatch_jax.metrics.suite import measure, sound_metrics
from synthmatch_jax.reports import figures, pages
from synthmatch_jax.spaces.space import Patch
from synthmatch_jax.synths.base import RenderError, Synth
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.play import engine, hosting, play


@dataclass(frozen=True, kw_only=True)
class Match:
  """A sound and its answer.

  Attributes:
    source: name of the sound's file.
    heard: the sound as the model heard it, with what was assumed about it.
    note: that the answer is played at.
    estimate: the synth's answer, at the loudness of what was heard.
    controls: what the model predicts.
    patch: the same in the synth's terms.
    distances: metric -> number, of (target, estimate); NaN where a metric has no meaning.
  """

  source: str
  heard: Heard
  note: Note
  estimate: Float[np.ndarray, " n"]
  controls: Float[np.ndarray, " d"]
  patch: Patch
  distances: Mapping[str, float]


def match(path: Path, predictor: Predictor, host: Host) -> Match:
  """Finds the patch for a sound file, and plays it at the pitch heard (paper section 4).

  Raises:
    UserError: the file is no sound that can be matched.
    RenderError: the engine failed on the answer.
  """
  recipe = predictor.recipe
  rate = recipe.mel.sample_rate
  heard = hear(
    io.load(path, sample_rate=rate),
    sample_rate=rate,
    seconds=recipe.seconds,
    level_db=predictor.statistics.level_db,
  )
  note = heard.note(recipe.note)
  controls = predictor.predict(log_mel(heard.audio, recipe.mel)[None])[0]
  played = host.call(play, recipe, controls, note)
  estimate = match_loudness(played, loudness_db(heard.audio, rate), rate)
  return Match(
    source=path.name,
    heard=heard,
    note=note,
    estimate=estimate,
    controls=controls,
    patch=recipe.space.decode(controls),
    distances=measure(heard.audio, estimate, sound_metrics(rate)),
  )


def write(found: Match, folder: Path, *, recipe: Recipe, host: Host) -> Path:
  """Writes patch.json, the preset, both sounds, their spectrograms and the page; returns it."""
  files.write_text(folder / "patch.json", json.dumps(describe(found, recipe), indent=2) + "\n")
  rate = recipe.mel.sample_rate
  io.save(folder / "target.wav", found.heard.audio, rate)
  io.save(folder / "match.wav", found.estimate, rate)
  preset = host.call(_save_preset, found.patch, folder / folder.name)
  figures.spectrogram_pair(
    log_mel(found.heard.audio, recipe.mel),
    log_mel(found.estimate, recipe.mel),
    recipe.mel,
    folder / "spectrograms.png",
  )
  page = folder / "index.html"
  pages.write("match.html", page, match=found, recipe=recipe, preset=preset.name)
  return page


def describe(found: Match, recipe: Recipe) -> dict[str, Any]:
  """The match as JSON-ready data."""
  units = {p.name: p.unit for p in recipe.space.parameters}
  controls = zip(recipe.space.names, found.controls.tolist(), strict=True)
  return {
    "source": found.source,
    "engine": recipe.fingerprint,
    "space": recipe.space.name,
    "note": asdict(found.note),
    "patch": {n: {"value": v, "unit": units[n]} for n, v in found.patch.items()},
    "controls": dict(controls),
    "distances": {n: None if math.isnan(v) else v for n, v in found.distances.items()},
    "assumed": {
      "onset_seconds": found.heard.onset_seconds,
      "gain_db": found.heard.gain_db,
      "pitch": asdict(found.heard.pitch) if found.heard.pitch else None,
    },
  }


def _save_preset(synth: Synth, patch: Patch, stem: Path) -> Path:
  return synth.save_preset(patch, stem.with_name(stem.name + synth.preset_suffix))


def match_files(paths: Sequence[Path], *, workdir: Path, out: Path, plugin: str = "") -> int:
  """Matches sound files one by one into folders of `out`, and writes a page over all of them.

  Returns:
    The number of files that could not be matched; each has been named with its reason.

  Raises:
    UserError: there is no model in `workdir`, or `out` cannot be written.
  """
  predictor = Predictor.load(workdir)
  recipe = predictor.recipe
  entries, failures = [], 0
  folders = _folders(paths, out)
  with hosting(engine(recipe, path=plugin)) as host:
    for path, folder in zip(paths, folders, strict=True):
      host.renew()  # So that an answer does not depend on the sounds before it.
      try:
        found = match(path, predictor, host)
      except UserError as error:
        print(f"match: error: {error}", file=sys.stderr)
        failures += 1
        continue
      except RenderError as error:
        print(f"match: error: {path}: {recipe.engine} failed: {error}", file=sys.stderr)
        failures += 1
        continue
      page = write(found, folder, recipe=recipe, host=host)
      entries.append((folder.name, found))
      print(
        f"{path.name}: spectral convergence {found.distances['spectral_convergence']:.2f}, {page}"
      )
  if entries:
    pages.write("matches.html", out / "index.html", entries=entries, recipe=recipe)
    print(f"open {out / 'index.html'}")
  return failures


def _folders(paths: Sequence[Path], out: Path) -> list[Path]:
  """One folder a sound, named after it; where the name is taken, with a number."""
  folders: list[Path] = []
  for path in paths:
    names = itertools.chain([path.stem], (f"{path.stem}-{n}" for n in itertools.count(2)))
    folders.append(next(out / name for name in names if out / name not in folders))
  return folders
