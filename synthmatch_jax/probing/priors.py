"""Measures a prior from a folder of presets: the values of each control in sounds of people."""

import dataclasses
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from synthmatch_jax import files
from synthmatch_jax.errors import UserError
from synthmatch_jax.probing.probe_sounds import nothing
from synthmatch_jax.spaces.discrete import Choice
from synthmatch_jax.spaces.parameters import Parameter
from synthmatch_jax.spaces.prior import Prior
from synthmatch_jax.spaces.space import Patch
from synthmatch_jax.synths import states
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.play import hosting
from synthmatch_jax.synths.registry import Engine

# Massive has about 1,300 factory presets; more quantiles would say no more.
_MOST_QUANTILES = 1001
_DIGITS = 6  # A float32 in [0, 1] has no more.

# Folders of presets also hold texts, pictures and previews; hidden files are no presets either.
_WORDS = (".txt", ".md", ".pdf", ".rtf", ".html", ".url", ".xml", ".json", ".ini", ".db", ".zip")
_MEDIA = (".png", ".jpg", ".jpeg", ".gif", ".wav", ".aif", ".aiff", ".flac", ".mp3", ".ogg", ".mid")


@dataclass(frozen=True, kw_only=True)
class Extracted:
  """A prior and the presets that it was measured from.

  Attributes:
    prior: An empirical distribution for every control.
    loaded: The number of presets that it was made of.
    copies: The number of files that hold the same bytes as one of these; they count once.
    failed: File, relative to the folder -> why it could not be loaded.
  """

  prior: Prior
  loaded: int
  copies: int
  failed: Mapping[str, str]


def extract(engine: Engine, folder: Path) -> Extracted:
  """Loads every preset in a folder and its folders, and keeps the values of the controls.

  The paper draws from "the distribution of parameters extracted across all the Massive factory
  presets" (section 3.1); so does this, each control by itself. A value outside of a control's
  `low` to `high` counts as the nearer end. A preset at which the plugin crashes or hangs twice
  has failed, as has one that it refuses; the others are read all the same.

  Args:
    engine: A plugin, whose description says the controls.
    folder: A folder of presets that have one of the suffixes in `states.SUFFIXES`.

  Raises:
    UserError: There is no such folder, not one preset of it could be loaded, or the plugin
      cannot be loaded.
  """
  require_folder(folder)
  values: dict[str, Float[np.ndarray, " d"]] = {}
  failed: dict[str, str] = {}
  copies = 0
  with hosting(_impatient(engine)) as host:
    host.call(nothing)  # A fault of the plugin itself is not blamed on a preset.
    for path in tqdm(list(_files(folder)), desc="presets", unit="preset"):
      try:
        digest = _digest(path)
        if digest in values:
          copies += 1
          continue
        values[digest] = engine.space.encode(_load(host, path))
      except (UserError, RenderError) as error:
        failed[path.relative_to(folder).as_posix()] = str(error)
  if not values:
    raise UserError(
      f"not one preset of {folder} could be loaded: " + _first(failed) + "; the uniform prior needs"
      " none"
    )
  table = np.stack(list(values.values()))
  prior = Prior(
    name="presets",
    space=engine.space.name,
    source=f"{len(table)} presets of the folder {folder.resolve().name}, read by {engine.name}",
    controls={
      p.name: _found(p, table[:, engine.space.slices[p.name]]) for p in engine.space.parameters
    },
  )
  return Extracted(prior=prior, loaded=len(table), copies=copies, failed=failed)


def require_folder(folder: Path) -> None:
  """Raises a UserError if there is no such folder of presets."""
  if not folder.is_dir():
    raise UserError(f"there is no folder {folder}; name one with presets of the plugin")


def _load(host: Host, path: Path) -> Patch:
  suffix = path.suffix.lower()
  if suffix not in (*states.SUFFIXES, *states.MASSIVE_SUFFIXES):
    known = ", ".join(states.SUFFIXES)
    raise UserError(f"{path.name} is no preset of a kind that is known here ({known})")
  return host.call(_read, str(path))


def _read(synth: Any, path: str) -> Patch:
  """Returns the controls of a preset; runs in the plugin's process."""
  states.apply(synth.plugin, Path(path))
  return synth.read_back()


def _impatient(engine: Engine) -> Engine:
  """Allows each preset two tries: one that fails again in a fresh process is itself at fault."""
  assert engine.plugin is not None, "only plugins load presets"
  care = dataclasses.replace(engine.plugin.care, tries=2)
  return dataclasses.replace(engine, plugin=dataclasses.replace(engine.plugin, care=care))


def _files(folder: Path) -> Iterator[Path]:
  for path in files.walk(folder):
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    is_file = os.path.isfile(path)  # noqa: PTH113 - a Path raises on some.
    if is_file and not hidden and path.suffix.lower() not in _WORDS + _MEDIA:
      yield path


def _digest(path: Path) -> str:
  return hashlib.sha256(states.read(path)).hexdigest()


def _first(failed: Mapping[str, str]) -> str:
  if not failed:
    return f"it has no preset files ({', '.join(states.SUFFIXES)})"
  return f"{len(failed)} failed, the first because {next(iter(failed.values()))}"


def _found(parameter: Parameter, columns: Float[np.ndarray, "i w"]) -> dict[str, Any]:
  """Returns a distribution: how often there is each option; else all values, or quantiles."""
  if isinstance(parameter, Choice):
    counts = columns.sum(axis=0).astype(int).tolist()
    return {"kind": "options", "weights": dict(zip(parameter.options, counts, strict=True))}
  column = columns[:, 0]
  quantiles = np.quantile(column, np.linspace(0, 1, min(len(column), _MOST_QUANTILES)))
  rounded = [round(float(q), _DIGITS) for q in quantiles]
  return {"kind": "empirical", "quantiles": rounded, "count": len(column)}
