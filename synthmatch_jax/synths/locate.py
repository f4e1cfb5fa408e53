"""Finding a plugin on this machine: where plugins are installed, or where the user says.

A plugin is native code that runs as the user. Its file name may come from a stranger, with a model
or a description; the folder never does.
"""

import glob
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from synthmatch_jax.errors import UserError
from synthmatch_jax.synths import bundle

VARIABLE = "SYNTHMATCH_PLUGIN"
"""The environment variable with plugin files, or folders with plugins, separated as in PATH."""

SUFFIXES = (".vst3", ".component")

# What leads out of a folder, to another drive or stream, or to what a shell would put in its place.
_LEADS_ELSEWHERE = re.compile(r"[/\\:$\x00-\x1f\x7f]|^[~.]|%\w+%")


def locate(names: Sequence[str], *, option: str = "") -> Path:
  """Returns the path of the first plugin that is found.

  Args:
    names: File names, e.g. ("Massive.vst3", "Massive.component"), in order of preference.
    option: A plugin file, or a folder with plugins. If it is given, it is the only place looked
      at; else the environment variable and the usual folders are.

  Raises:
    UserError: There is none, and the sentence lists where it was looked for; or a name is no file
      name of a plugin.
  """
  for name in names:
    require_bare(name)
  told = [Path(p) for p in os.environ.get(VARIABLE, "").split(os.pathsep) if p]
  places = [Path(option)] if option else [*told, *usual_folders()]
  for candidate in (path for place in places for path in _candidates(names, place)):
    if os.path.exists(candidate):  # noqa: PTH110 - False also where this user may not look.
      return candidate
  named = option and Path(option).suffix and os.path.lexists(option)
  if named and (why := bundle.trouble(Path(option))):
    raise UserError(f"{option} cannot be loaded as a plugin: it {why}")
  raise UserError(
    f"no plugin {' or '.join(names)} found; looked for at {', '.join(map(str, places))}; install"
    ' it, or name its path with --plugin (for `tfds build`: "plugin" in --config) or in'
    f" {VARIABLE}"
  )


def require_bare(name: Any) -> None:
  """Raises a UserError unless a name is a plugin's file name alone, without any path.

  The name must end in .vst3 or .component. It is joined to folders as it is: nothing is expanded.
  """
  bare = isinstance(name, str) and len(name) <= 200 and not _LEADS_ELSEWHERE.search(name)
  if not (bare and name.endswith(SUFFIXES)):
    raise UserError(
      f"{name!r:.80} is no file name of a plugin: a description names a .vst3 or .component"
      " without its folder; --plugin says where it is"
    )


def usual_folders() -> list[Path]:
  """Returns where plugins are installed on this system, by Steinberg's and Apple's conventions."""
  try:
    home = Path.home()
  except RuntimeError:  # A user whom the system does not know has none.
    home = Path("~")
  if sys.platform == "darwin":
    roots = [home / "Library/Audio/Plug-Ins", Path("/Library/Audio/Plug-Ins")]
    places = [root / kind for root in roots for kind in ("VST3", "Components")]
  elif sys.platform == "win32":
    own = os.environ.get("LOCALAPPDATA", str(home / "AppData/Local"))
    shared = os.environ.get("COMMONPROGRAMFILES", "C:/Program Files/Common Files")
    places = [Path(own) / "Programs/Common/VST3", Path(shared) / "VST3"]
  else:
    places = [home / ".vst3", Path("/usr/local/lib/vst3"), Path("/usr/lib/vst3")]
  # A home that is not an absolute path would be in the working directory.
  return [place for place in places if place.is_absolute()]


def _candidates(names: Sequence[str], place: Path) -> Iterator[Path]:
  """Yields the place itself if it is a plugin of that name, else plugins in it, one folder deep."""
  if place.suffix in SUFFIXES:
    if place.name in names:
      yield place
    return
  for name in names:
    yield place / name
    if os.path.isdir(place):  # noqa: PTH112 - as above.
      # Many makers keep a folder of their own.
      yield from sorted(place.glob(f"*/{glob.escape(name)}"))
