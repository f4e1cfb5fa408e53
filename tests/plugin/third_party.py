"""Builds two instruments of other people as VST3: Kars and Nekobi of Debian's dpf-plugins.

They show that nothing is fitted to our own test instrument: mono, 2,080 parameters for MIDI,
stepped parameters, noise from C's `rand` (Kars), a first sound unlike the later ones (Nekobi).
Kars is ISC, Nekobi GPL-2; sources are fetched and built, never kept with ours.
"""

import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from filelock import FileLock

from tests.plugin import build as testbed

NAMES = ("Kars", "Nekobi")

_SOURCE_PACKAGE = "dpf-plugins"
_DPF = Path("/usr/share/dpf/distrho")


def why_not() -> str | None:
  """Why they cannot be built here, or None if they can, given a network."""
  if shutil.which("apt-get") is None:
    return "Kars and Nekobi are built from a Debian source package; here is no apt-get"
  return testbed.why_not()


def build(folder: Path) -> dict[str, Path]:
  """Fetches the sources with apt-get, touching nothing of the system, and compiles them.

  Args:
    folder: Where the bundles go, and stay: a second call finds them there.

  Returns:
    The bundle of each of `NAMES`.

  Raises:
    RuntimeError: They cannot be built here (see `why_not`), or apt-get or the compiler refused.
  """
  if reason := why_not():
    raise RuntimeError(reason)
  folder.mkdir(parents=True, exist_ok=True)
  bundles = {name: folder / f"{name}.vst3" for name in NAMES}
  with FileLock(folder / "third_party.lock"):
    missing = [name for name, bundle in bundles.items() if not testbed.binary(bundle).exists()]
    if missing:
      with tempfile.TemporaryDirectory() as temporary:
        sources = _unpack(_fetch(Path(temporary)), Path(temporary))
        for name in missing:
          _compile(name, sources / name, testbed.binary(bundles[name]))
  return bundles


def _fetch(folder: Path) -> Path:
  """Downloads the upstream archive by a private apt configuration; apt checks signatures."""
  for part in ("lists/partial", "cache/archives/partial"):
    (folder / part).mkdir(parents=True)
  (folder / "sources.list").write_text(f"deb-src {_mirror()}\n")
  options = {
    "Dir::Etc::SourceList": folder / "sources.list",
    "Dir::Etc::SourceParts": "/dev/null",
    "Dir::State::Lists": folder / "lists",
    "Dir::Cache": folder / "cache",
    "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
  }
  apt = ["apt-get", "-qq", *(f"-o{option}={value}" for option, value in options.items())]
  _run([*apt, "update"], folder)
  _run([*apt, "--tar-only", "source", _SOURCE_PACKAGE], folder)
  (archive,) = folder.glob(f"{_SOURCE_PACKAGE}_*.orig.tar.*")
  return archive


def _mirror() -> str:
  """Address, suite and component from which this system would install the binary package."""
  # dpf-plugins |   1.6+ds-2 | MIRROR bookworm/main amd64 Packages
  known = _run(["apt-cache", "madison", _SOURCE_PACKAGE], Path.cwd())
  found = re.search(r"\| +(\S+) (\S+)/(\S+) \S+ Packages", known)
  if found is None:
    raise RuntimeError(f"apt knows no {_SOURCE_PACKAGE} here: apt-get update, or use Debian")
  return " ".join(found.groups())


def _unpack(archive: Path, folder: Path) -> Path:
  """Extracts the two plugins, without Nekobi's editor, which would need OpenGL."""
  wanted = re.compile(rf"[^/]+/plugins/({'|'.join(NAMES)})/")
  with tarfile.open(archive) as tar:
    members = [member for member in tar if wanted.match(member.name)]
    tar.extractall(folder, members, filter="data")
  (plugins,) = folder.glob("*/plugins")
  for info in plugins.glob("*/DistrhoPluginInfo.h"):
    info.write_text(re.sub(r"(DISTRHO_PLUGIN_HAS_UI +)1", r"\g<1>0", info.read_text()))
  return plugins


def _compile(name: str, source: Path, library: Path) -> None:
  library.parent.mkdir(parents=True, exist_ok=True)
  fresh = library.with_suffix(".new")
  _run(
    [
      *("g++", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-Wl,--no-undefined"),
      *("-DDISTRHO_PLUGIN_TARGET_VST3", "-DNDEBUG"),
      *(f"-I{source}", f"-I{_DPF}", f"-I{_DPF}/src"),
      *(f"{source}/DistrhoPlugin{name}.cpp", f"{_DPF}/DistrhoPluginMain.cpp"),
      *("-pthread", "-ldl", "-o", str(fresh)),
    ],
    source,
  )
  fresh.replace(library)


def _run(command: list[str], folder: Path) -> str:
  done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
  if done.returncode:
    raise RuntimeError(f"{' '.join(command[:2])} ... failed in {folder}:\n{done.stderr}")
  return done.stdout
