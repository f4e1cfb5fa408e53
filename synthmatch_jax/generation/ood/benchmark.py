"""Builds the out-of-domain benchmark: fixed lists of sounds that no synth of ours has made."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
from jaxtyping import Float
from tqdm import tqdm

from synthmatch_jax import files
from synthmatch_jax.data import sound_folder
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation.ood.sources import SAMPLE_RATE, SOURCES

LISTS = ("benchmark", "one_shots")
"""The names of the lists: what synthesizers and a voice make, and samples of producers."""

_PEAK = 10 ** (-3 / 20)  # -3 dB of full scale.


def listed(name: str = LISTS[0]) -> dict[str, Any]:
  """Returns a list: `versions` of the sources, and `sounds` with their recipes and hashes."""
  text = (resources.files("synthmatch_jax.generation.ood") / f"{name}.json").read_text()
  return json.loads(text)


def build(
  folder: Path,
  *,
  wanted: Mapping[str, Any] | None = None,
  report: Callable[[str], None] = print,
) -> dict[str, Any]:
  """Makes the sounds of the list that are not in the folder yet, and sounds.json.

  Args:
    folder: The folder for the sounds.
    wanted: The list; by default `listed()`.
    report: Gets a sentence for every source with sounds that differ from the list's.

  Returns:
    What sounds.json holds: the list, with the versions and hashes of what was made here.

  Raises:
    UserError: A source is not installed, or fails, or the folder cannot be written.
  """
  wanted = wanted or listed()
  sources = dict.fromkeys(map(_source, wanted["sounds"]))
  versions = {source: SOURCES[source].version() for source in sources}
  made = [
    {**entry, "file": f"{entry['name']}.flac", "sha256": _make(entry, folder)}
    for entry in tqdm(wanted["sounds"], desc="sounds", unit="sound")
  ]
  for source, count in _differences(wanted["sounds"], made).items():
    recorded = wanted["versions"].get(source, "an unknown version")
    report(
      f"{count} of the sounds {source} differ from the list's: here is {versions[source]}, the"
      f" list was made with {recorded}"
    )
  manifest = {
    "versions": versions,
    "licences": {source: SOURCES[source].licence for source in sources},
    "sounds": made,
  }
  files.write_json(folder / sound_folder.MANIFEST, manifest, indent=1)
  return manifest


def _source(entry: Mapping[str, Any]) -> str:
  """Returns the name of a sound's source, which is that of its family unless the list has it."""
  return entry.get("source", entry["family"])


def _make(entry: Mapping[str, Any], folder: Path) -> str:
  """Makes a sound unless it is there already as the list wants it; returns its hash."""
  path = folder / f"{entry['name']}.flac"
  if path.exists() and sound_folder.digest(path) == entry.get("sha256"):
    return entry["sha256"]
  audio = _levelled(SOURCES[_source(entry)].render(entry), entry["name"])
  with files.writing(path) as partial:
    sf.write(partial, audio, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
  return sound_folder.digest(path)


def _levelled(audio: Float[np.ndarray, " n"], name: str) -> Float[np.ndarray, " n"]:
  peak = np.abs(audio).max(initial=0)
  if peak == 0:
    raise UserError(f"the sound {name} came out silent; are all of its source's files installed?")
  return audio * _PEAK / peak


def _differences(wanted: list[dict[str, Any]], made: list[dict[str, Any]]) -> Counter[str]:
  pairs = zip(wanted, made, strict=True)
  return Counter(_source(here) for entry, here in pairs if here["sha256"] != entry.get("sha256"))
