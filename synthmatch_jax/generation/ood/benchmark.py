"""Builds the out-of-domain benchmark: a fixed list of sounds that no synth of ours has made."""

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

_PEAK = 10 ** (-3 / 20)  # -3 dB of full scale.


def listed() -> dict[str, Any]:
  """Returns the list: `versions` of the sources, and `sounds` with their recipes and hashes."""
  text = (resources.files("synthmatch_jax.generation.ood") / "benchmark.json").read_text()
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
    report: Gets a sentence for every family with sounds that differ from the list's.

  Returns:
    What sounds.json holds: the list, with the versions and hashes of what was made here.

  Raises:
    UserError: A source is not installed, or fails, or the folder cannot be written.
  """
  wanted = wanted or listed()
  families = dict.fromkeys(entry["family"] for entry in wanted["sounds"])
  versions = {family: SOURCES[family].version() for family in families}
  made = [
    {**entry, "file": f"{entry['name']}.flac", "sha256": _make(entry, folder)}
    for entry in tqdm(wanted["sounds"], desc="sounds", unit="sound")
  ]
  for family, count in _differences(wanted["sounds"], made).items():
    recorded = wanted["versions"].get(family, "an unknown version")
    report(
      f"{count} of the sounds {family} differ from the list's: here is {versions[family]}, the"
      f" list was made with {recorded}"
    )
  manifest = {
    "versions": versions,
    "licences": {family: SOURCES[family].licence for family in families},
    "sounds": made,
  }
  files.write_json(folder / sound_folder.MANIFEST, manifest, indent=1)
  return manifest


def _make(entry: Mapping[str, Any], folder: Path) -> str:
  """Makes a sound unless it is there already as the list wants it; returns its hash."""
  path = folder / f"{entry['name']}.flac"
  if path.exists() and sound_folder.digest(path) == entry.get("sha256"):
    return entry["sha256"]
  audio = _levelled(SOURCES[entry["family"]].render(entry), entry["name"])
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
  return Counter(here["family"] for entry, here in pairs if here["sha256"] != entry.get("sha256"))
