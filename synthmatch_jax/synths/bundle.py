"""Whether this machine can load a file as a plugin, as its format says before any code runs."""

import ctypes
import platform
import struct
import sys
from collections.abc import Mapping
from pathlib import Path

_SYSTEMS = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
OTHERS: Mapping[str, str] = {
  ".so": "a library, as VST2 plugins of Linux are",
  ".dll": "a library, as VST2 plugins of Windows are",
  ".dylib": "a library of macOS",
  ".vst": "a VST2 plugin of macOS",
  ".clap": "a CLAP plugin",
  ".lv2": "an LV2 plugin",
  ".aaxplugin": "an AAX plugin",
}
"""The suffixes of files that are mistaken for VST3, and what they are; none can be loaded."""

# The first bytes of a library of another system than Linux.
_OTHER_SYSTEMS: Mapping[bytes, str] = {
  b"MZ": "Windows",
  b"\xcf\xfa\xed\xfe": "macOS",
  b"\xce\xfa\xed\xfe": "macOS",
  b"\xca\xfe\xba\xbe": "macOS",
  b"\xca\xfe\xba\xbf": "macOS",
}
# The processors by their numbers in the header of an ELF file, and the bytes of that header.
_ELF: Mapping[int, str] = {3: "i386", 40: "armv7l", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
_ELF_HEADER = 64


def trouble(path: Path) -> str:
  """Says what is wrong with a plugin's file or bundle.

  Returns:
    The end of a sentence that begins with the path, e.g. "is made for Windows (x86_64), and this is
    Linux (x86_64): get the plugin for Linux (x86_64)"; empty where nothing is found.
  """
  try:
    if path.is_symlink() and not path.exists():
      return f"is a link to {path.readlink()}, which does not exist"
    if not path.exists():
      return "does not exist"
    if path.suffix.lower() in OTHERS:
      return _other(path)
    if path.suffix == ".component" and sys.platform != "darwin":
      return f"is an Audio Unit; only macOS has them, and this is {_here()}: take its .vst3"
    return _bundle(path) if path.is_dir() else _library(path)
  except OSError as error:
    blamed = f" ({error.filename})" if error.filename not in (None, str(path)) else ""
    return f"cannot be read: {error.strerror}{blamed}"


def refusal(path: Path) -> str:
  """Says why the system's loader refuses the plugin's library; the text is empty if it does not.

  This is asked in the process that may load the plugin, as code of the library runs.
  """
  for library in _libraries(path) if path.is_dir() else [path]:
    try:
      loaded = ctypes.CDLL(str(library))
    except OSError as error:
      return " ".join(str(error).split())
    if not hasattr(loaded, "GetPluginFactory"):
      return f"{library.name} is a library, but no VST3 plugin"
  return ""


def _here() -> str:
  """Returns this system and its processor, e.g. "Linux (x86_64)"."""
  machine = platform.machine().lower()
  return f"{_SYSTEMS.get(sys.platform, sys.platform)} ({_MACHINES.get(machine, machine)})"


def _is_here(made_for: str) -> bool:
  """Returns whether this process can run what is made for a system, as far as can be told."""
  # Windows and macOS can run the programs of other processors, Python among them.
  system = made_for.split()[0]
  return system == _here().split()[0] and (system != "Linux" or made_for in (system, _here()))


def _other(path: Path) -> str:
  for parent in path.parents:
    if parent.suffix == ".vst3":
      return f"is a part of {parent}: name that"
  return f"is {OTHERS[path.suffix.lower()]}; only .vst3 and, on macOS, .component are loaded"


def _bundle(path: Path) -> str:
  contents = path / "Contents"
  if not contents.is_dir():
    return "is a folder without Contents, so it is no plugin; install the plugin anew"
  folders = sorted(f for f in contents.iterdir() if f.is_dir() and _system(f.name))
  libraries = [f for folder in folders for f in folder.iterdir() if f.is_file()]
  if not libraries:
    return "holds no program; install the plugin anew"
  if any(_is_here(_system(f.parent.name).split()[0]) for f in libraries):
    return next((why for f in _libraries(path) if (why := _library(f, of=path))), "")
  return _foreign({_system(f.parent.name) for f in libraries})


def _libraries(path: Path) -> list[Path]:
  """Returns the library that a VST3 host loads on Linux; elsewhere the system finds it."""
  if sys.platform != "linux":
    return []
  return [path / "Contents" / f"{platform.machine()}-linux" / f"{path.stem}.so"]


def _library(path: Path, *, of: Path | None = None) -> str:
  inside = f" ({path.relative_to(of)})" if of else ""
  if of and not path.exists():
    found = sorted(str(f.relative_to(of)) for f in path.parents[1].glob("*-linux/*"))
    return f"lacks {path.relative_to(of)}; it has {', '.join(found)}: this is {_here()}"
  with path.open("rb") as file:
    head = file.read(4096)
  if not head:
    return f"is empty{inside}; install the plugin anew"
  made_for = _made_for(head)
  if not made_for:
    return f"is no program of any system{inside}; install the plugin anew"
  if not _is_here(made_for):
    return _foreign({made_for})
  if not made_for.startswith("Linux"):
    return ""
  if path.stat().st_size < _elf_size(head):
    return f"is cut off{inside}; install the plugin anew"
  if not of:
    return "is a library; on Linux a .vst3 is a folder with the library in it: take that folder"
  return ""


def _foreign(systems: set[str]) -> str:
  here = _here()
  made_for = " and ".join(sorted(systems))
  return f"is made for {made_for}, and this is {here}: get the plugin for {here}"


def _system(folder: str) -> str:
  """Returns what a folder in a bundle is for: "Windows (x86_64)" for the name "x86_64-win"."""
  machine, _, kind = folder.lower().rpartition("-")
  system = {"win": "Windows", "macos": "macOS", "linux": "Linux"}.get(kind, "")
  return f"{system} ({machine})" if system and machine else system


def _made_for(head: bytes) -> str:
  """Returns the system that a library is made for, by its first bytes; empty if it is no library.

  Of Linux the processor is told as well.
  """
  if head[:4] == b"\x7fELF" and len(head) >= 20:
    (number,) = struct.unpack_from(">H" if head[5] == 2 else "<H", head, 18)
    return f"Linux ({_ELF[number]})" if number in _ELF else "Linux"
  return next((name for magic, name in _OTHER_SYSTEMS.items() if head.startswith(magic)), "")


def _elf_size(head: bytes) -> int:
  """Returns the least size of an ELF file, whose table of sections is its end."""
  if len(head) < _ELF_HEADER:
    return _ELF_HEADER
  order, wide = (">" if head[5] == 2 else "<"), head[4] == 2
  (start,) = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", head, 40 if wide else 32)
  each, count = struct.unpack_from(f"{order}HH", head, 58 if wide else 46)
  return start + each * count
