"""Puts presets where Vital shows them: into the user's presets, never over another file."""

import contextlib
import os
import sys
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from synthmatch_jax.errors import UserError

SUFFIX = ".vital"


def folder(platform: str = sys.platform, environment: Mapping[str, str] = os.environ) -> Path:
  """Returns the folder of the user's presets, as Vital itself finds it (load_save.cpp, 1.0).

  Args:
    platform: The name of the system, as `sys.platform` has it.
    environment: The environment variables.

  Raises:
    UserError: Vital has no folder here.
  """
  try:
    home = Path.home()
  except RuntimeError:
    raise UserError("--install needs a home folder, which is not known here") from None
  if platform == "win32":
    vital = home / "Documents" / "Vital"
  elif platform == "darwin":
    vital = home / "Music" / "Vital"
  else:
    vital = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share") / "vital"
  if not vital.is_dir():
    raise UserError(f"Vital has no folder {vital} here: start Vital once, or leave out --install")
  return vital / "User" / "Presets"


def install(preset: Path, presets: Path, *, name: str = "") -> Path:
  """Copies a preset; returns where it is.

  Args:
    preset: The preset.
    presets: The folder for it. Where another file has its name, it gets a number behind it; the
      same preset is not copied twice.
    name: The name of the copy, without its ending; that of the preset by default.

  Raises:
    UserError: It is no preset of Vital, or the folder cannot be written.
  """
  if preset.suffix != SUFFIX:
    raise UserError(f"--install is for Vital, whose presets end in {SUFFIX}: {preset} does not")
  data = preset.read_bytes()
  partial = presets / f".{preset.name}.{os.getpid()}.partial"
  try:
    presets.mkdir(parents=True, exist_ok=True)
    partial.write_bytes(data)
    # Neither of them replaces a file.
    put = os.rename if sys.platform == "win32" else os.link
    for number in count(1):
      path = presets / f"{name or preset.stem}{f' {number}' if number > 1 else ''}{SUFFIX}"
      try:
        put(partial, path)
      except FileExistsError:
        if not path.is_file() or path.read_bytes() != data:
          continue
      return path
  except OSError as error:
    reason = (error.strerror or str(error)).lower()
    raise UserError(f"{presets} cannot be written ({reason}): leave out --install") from None
  finally:
    with contextlib.suppress(OSError):
      partial.unlink()
  raise AssertionError("there is always another number")
