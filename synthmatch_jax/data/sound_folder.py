"""A folder of sounds from outside."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from synthmatch_jax import files, untrusted
from synthmatch_jax.audio import formats
from synthmatch_jax.errors import UserError

MANIFEST = "sounds.json"
"""The list of the sounds in a folder that the benchmark's builder has made."""


@dataclass(frozen=True, kw_only=True)
class SoundFile:
  """A sound file.

  Attributes:
    name: The path within its folder, without the suffix.
    path: The file.
    family: The family that it belongs to; empty for none.
    half: What it is for, "choosing" or "judging", where its list says so; empty otherwise.
  """

  name: str
  path: Path
  family: str = ""
  half: str = ""


def load(folder: Path) -> list[SoundFile]:
  """Returns the sound files in a folder and its folders, in the order of their names.

  The sounds of the benchmark come in the order of its list and with their families. Sound files
  are those whose suffix says so (`formats.SUFFIXES`). Hidden files are left out: those that begin
  with a dot or lie in a folder that does, and the twins (._NAME, __MACOSX) in which macOS keeps
  what other systems' disks and archives cannot hold.

  Raises:
    UserError: There is no such folder, it cannot be read, or it holds no sound; or it is a
      benchmark of which a sound is missing or has been altered.
  """
  if not folder.is_dir():
    raise UserError(f"there is no folder {folder} of sounds: check the path")
  if os.path.exists(folder / MANIFEST):  # noqa: PTH110 - a Path raises on some.
    return _of_manifest(folder)
  paths = [path for path in files.walk(folder) if _is_sound(path, folder)]
  if not paths:
    raise UserError(f"{folder} holds no sound file ({', '.join(sorted(formats.SUFFIXES))})")
  return [
    SoundFile(name=path.relative_to(folder).with_suffix("").as_posix(), path=path) for path in paths
  ]


def digest(path: Path) -> str:
  """Returns the SHA-256 of a file's samples as 16-bit integers, whatever they are packed in.

  Raises:
    UserError: The file cannot be read.
  """
  try:
    samples, _ = sf.read(path, dtype="int16")
  except (OSError, sf.LibsndfileError) as error:
    raise UserError(f"{path} cannot be read ({error}); build the benchmark again") from None
  return hashlib.sha256(np.ascontiguousarray(samples, "<i2").tobytes()).hexdigest()


def _is_sound(path: Path, folder: Path) -> bool:
  """Whether a path within a folder is that of a sound file."""
  parts = path.relative_to(folder).parts
  is_hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
  return path.suffix.lower() in formats.SUFFIXES and not is_hidden


def _of_manifest(folder: Path) -> list[SoundFile]:
  try:
    manifest: dict[str, Any] = untrusted.read_json(folder / MANIFEST)
    entries = [
      (e["name"], e["family"], e["file"], e["sha256"], e.get("half", ""))
      for e in manifest["sounds"]
    ]
  except (OSError, ValueError, KeyError, TypeError) as error:
    raise UserError(
      f"{folder / MANIFEST} is no list of sounds ({error}); build the benchmark again"
    ) from None
  sounds = []
  for name, family, file, expected, half in entries:
    if digest(folder / file) != expected:
      raise UserError(f"{folder / file} was altered; build the benchmark again")
    sounds.append(SoundFile(name=name, path=folder / file, family=family, half=half))
  return sounds
