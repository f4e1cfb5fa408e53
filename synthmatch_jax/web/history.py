"""The answers of a visit and their files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthmatch_jax import files
from synthmatch_jax.audio import io
from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.matching import output, stored
from synthmatch_jax.matching.result import Match
from synthmatch_jax.reports import figures
from synthmatch_jax.synths.pool import Pool
from synthmatch_jax.web import failures


@dataclass(frozen=True, kw_only=True)
class Entry:
  """An answer of the visit, with its files.

  Attributes:
    key: The number of the answer in the visit.
    label: The name of the answer in the history.
    match: The sound with this one answer.
    folder: The folder of the files.
    target: The file of the sound, as it was heard.
    sound: The file of the answer, at the same loudness.
    picture: The file with the spectrograms of both.
    preset: The preset for the synth.
    patch: The patch for programs.
    upload: The file of the sound as it was uploaded.
    locked: The parameters that a search leaves as they are: those that were moved by hand, and
      those that the visitor has chosen.
  """

  key: int
  label: str
  match: Match
  folder: Path
  target: Path
  sound: Path
  picture: Path
  preset: Path
  patch: Path
  upload: Path
  locked: frozenset[str]


def write(
  match: Match, folder: Path, *, key: int, pool: Pool, upload: Path, locked: frozenset[str]
) -> Entry:
  """Writes the files of an answer.

  Args:
    match: The sound with this one answer.
    folder: The folder of the files, which is made.
    key: The number of the answer in the visit.
    pool: The engines, one of which writes the preset.
    upload: The file of the sound as it was uploaded.
    locked: The parameters that a search leaves as they are.

  Raises:
    UserError: The files cannot be written.
  """
  with failures.of_disk():
    folder.mkdir()
    with failures.of_engine(match.recipe.engine):
      preset = output.save_preset(pool, match.best.patch, folder / f"match-{key}")
    return _write(match, folder, key, preset=preset, upload=upload, locked=locked)


def _write(match: Match, folder: Path, key: int, **known: Any) -> Entry:
  mel, best = match.recipe.mel, match.best
  target, sound, picture = (folder / n for n in ("target.wav", "match.wav", "match.png"))
  io.save(target, match.target, mel.sample_rate)
  io.save(sound, best.estimate, mel.sample_rate)
  pair = log_mel(match.target, mel), log_mel(best.estimate, mel)
  figures.spectrogram_pair(*pair, mel, picture)
  patch = folder / stored.PATCH
  description = output.describe(match)
  description["answers"][0]["confidence"]["advice"] = ""  # It says where a workdir is.
  files.write_json(patch, description)
  return Entry(
    key=key,
    label=f"{key}. {match.source}, {best.origin.words}, MSS {best.distances['mss']:.1f} dB",
    match=match,
    folder=folder,
    target=target,
    sound=sound,
    picture=picture,
    patch=patch,
    **known,
  )
