"""The two halves of the benchmark of sounds from outside, and what was measured on them.

One half chooses how a search works, the other one judges it.
"""

import argparse
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from synthmatch_jax.data.sound_folder import SoundFile
from synthmatch_jax.evaluation.summary import interval_of_mean
from synthmatch_jax.reports.tables import join

Half = Literal["choosing", "judging"]

Measured = Mapping[str, Mapping[str, Any]]
"""Sound -> metric -> value; None where a metric has no meaning."""

_RATIOS = {
  "mss": "MSS",
  "wmfcc": "wMFCC",
  "spectral_convergence": "SC",
  "sot": "SOT",
  "log_spectral_distance": "LSD",
  "loudness_pattern": "pattern",
}


def halves(sounds: Sequence[SoundFile]) -> dict[Half, list[SoundFile]]:
  """Halves the benchmark by instrument, so that no half knows an instrument of the other.

  The instruments of each family are put in the order of the SHA-256 of their names, and every
  second one judges. Where the list says what a sound is for, that counts. Each half is listed so
  that its first sounds are of all families.
  """
  families: dict[str, dict[str, list[SoundFile]]] = {}
  for sound in sounds:
    numbered = sound.name[-1].isdigit() and not sound.half
    stem = sound.name.rsplit("_", 1)[0] if numbered else sound.name
    families.setdefault(sound.family, {}).setdefault(stem, []).append(sound)
  found: dict[Half, list[tuple[float, SoundFile]]] = {"choosing": [], "judging": []}
  for stems in families.values():
    order = sorted(stems, key=_digest)
    free = [stem for stem in order if not stems[stem][0].half]
    parts: dict[Half, list[str]] = {"choosing": free[::2], "judging": free[1::2]}
    for half, mine in parts.items():
      mine += [stem for stem in order if stems[stem][0].half == half]
      # First one sound of every instrument, then the second of each.
      turns = [(turn, i, s) for i, m in enumerate(mine) for turn, s in enumerate(_mixed(stems[m]))]
      listed = [sound for _, _, sound in sorted(turns, key=lambda t: t[:2])]
      found[half] += [((i + 0.5) / len(listed), sound) for i, sound in enumerate(listed)]
  return {half: [s for _, s in sorted(two, key=lambda t: t[0])] for half, two in found.items()}


def read(path: Path) -> list[dict[str, Any]]:
  """Reads a log, and drops a last line that was not finished."""
  if not path.exists():
    return []
  lines = path.read_bytes().splitlines(keepends=True)
  if lines and not lines[-1].endswith(b"\n"):
    path.write_bytes(b"".join(lines[:-1]))
    lines.pop()
  return [json.loads(line) for line in lines]


def command(module: str, options: argparse.Namespace) -> str:
  """Returns the command line of a program with its options, without the folders of a machine."""
  words = [f"python -m {module}"]
  for name, value in vars(options).items():
    several = value if isinstance(value, list) else [value]
    said = " ".join(one.resolve().name if isinstance(one, Path) else str(one) for one in several)
    if isinstance(value, bool):
      words += [f"--{name}"] if value else []
    elif value is not None and several:
      words.append(f"--{name} {said}")
  return " ".join(words)


def over_seeds(
  found: Mapping[tuple[str, int], Mapping[str, Any]], chosen: Iterable[tuple[str, int]]
) -> Measured:
  """Averages what was measured over the seeds of each sound: seeds are no further sounds.

  Args:
    found: (sound, seed) -> metric -> value.
    chosen: The sounds and seeds that count.
  """
  by_sound: dict[str, list[Mapping[str, Any]]] = {}
  for sound, seed in chosen:
    by_sound.setdefault(sound, []).append(found[sound, seed])
  return {
    sound: {metric: _mean([one[metric] for one in lines], metric) for metric in lines[0]}
    for sound, lines in by_sound.items()
  }


def table(
  rows: Iterable[tuple[str, str, Measured, Measured]],
  voiced: Collection[str],
  *,
  budget: str = "renders",
) -> str:
  """Tabulates what was measured, sound by sound against something else.

  Args:
    rows: Label, budget, what was measured, and what it is compared with.
    voiced: The sounds that have a pitch.
    budget: What budgets are counted in.

  Returns:
    For each row: geometric means of ratios with 95 % intervals (bootstrap over sounds), the mean
    of the envelope, and what became of the pitch of the sounds that have one.
  """
  lines = [["", budget, "sounds", *_RATIOS.values(), "RMS ↑", "f0, median", "f0 lost"]]
  lines.append(["---", *["---:"] * (len(lines[0]) - 1)])
  for label, spent, found, other in rows:
    both = {sound: found[sound] for sound in found if sound in other}
    if both:
      ratios = [ratio(both, other, metric) for metric in _RATIOS]
      lines.append([label, spent, str(len(both)), *ratios, *_level_and_pitch(both, voiced)])
  return join(lines)


def ratio(one: Measured, other: Measured, metric: str) -> str:
  """Returns the geometric mean of the ratios of a metric, with its 95 % interval over sounds."""
  pairs = [(one[s][metric], other[s][metric]) for s in one]
  logs = np.array([np.log(a / b) for a, b in pairs if a and b])
  if not logs.size:
    return "-"
  low, high = np.exp(interval_of_mean(logs))
  mean = f"{np.exp(logs.mean()):.2f}"
  return f"{mean} ({low:.2f} to {high:.2f})" if logs.any() else mean


def _mean(values: Sequence[float | None], metric: str) -> float | None:
  """Returns the mean, a geometric one where ratios are told; None where a value has no meaning."""
  known = [value for value in values if value is not None]
  if len(known) < len(values):
    return None
  return float(np.exp(np.log(known).mean()) if metric in _RATIOS and all(known) else np.mean(known))


def _level_and_pitch(found: Measured, voiced: Collection[str]) -> tuple[str, str, str]:
  envelope = float(np.mean([values["rms_cosine"] or 0 for values in found.values()]))
  cents = [found[sound]["f0_cents"] for sound in found if sound in voiced]
  heard = [value for value in cents if value is not None]
  median = f"{np.median(heard):.0f}" if heard else "-"
  return f"{envelope:.3f}", median, f"{len(cents) - len(heard)} of {len(cents)}"


def _digest(name: str) -> str:
  return hashlib.sha256(name.encode()).hexdigest()


def _mixed(sounds: Sequence[SoundFile]) -> list[SoundFile]:
  return sorted(sounds, key=lambda sound: _digest(sound.name))
