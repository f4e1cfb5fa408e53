"""Whether this machine can load a file as a plugin, as its format says before any code runs."""

import ctypes
import platform
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
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

# The processors by their numbers in the headers of ELF, PE and Mach-O files.
_ELF: Mapping[int, str] = {3: "i386", 40: "armv7l", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
_PE: Mapping[int, str] = {0x14C: "i386", 0x8664: "x86_64", 0xAA64: "aarch64"}
_MACH: Mapping[int, str] = {7: "i386", 0x01000007: "x86_64", 0x0100000C: "aarch64"}
_ELF_HEADER = 64  # The bytes of a header of ELF.
_MOST_MACHINES = 16  # The largest number of processors in one Mach-O file.


@dataclass(frozen=True, kw_only=True)
class Binary:
  """What a library is made for.

  Attributes:
    system: The system: "Linux", "macOS" or "Windows".
    machines: The processors; empty where the header is not understood.
  """

  system: str
  machines: tuple[str, ...] = ()

  @property
  def here(self) -> bool:
    """Whether this process can run it, as far as can be told."""
    # Windows and macOS can run the programs of other processors, Python among them.
    return self.system == _here().system and (
      not self.machines or self.system != "Linux" or _here().machines[0] in self.machines
    )

  def __str__(self) -> str:
    return f"{self.system} ({' and '.join(self.machines)})" if self.machines else self.system


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


def _here() -> Binary:
  machine = platform.machine().lower()
  system = _SYSTEMS.get(sys.platform, sys.platform)
  return Binary(system=system, machines=(_MACHINES.get(machine, machine),))


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
  if any(_system(f.parent.name) == _here().system for f in libraries):
    return next((why for f in _libraries(path) if (why := _library(f, of=path))), "")
  return _foreign([binary for f in libraries if (binary := _by_folder(f))])


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
  binary = _read(head)
  if binary is None:
    return f"is no program of any system{inside}; install the plugin anew"
  if not binary.here:
    return _foreign([binary])
  if binary.system != "Linux":
    return ""
  if path.stat().st_size < _elf_size(head):
    return f"is cut off{inside}; install the plugin anew"
  if not of:
    return "is a library; on Linux a .vst3 is a folder with the library in it: take that folder"
  return ""


def _foreign(binaries: list[Binary]) -> str:
  made_for = " and ".join(sorted({str(binary) for binary in binaries}))
  here = _here()
  return f"is made for {made_for}, and this is {here}: get the plugin for {here}"


def _system(folder: str) -> str:
  """Returns the system of a folder in a bundle's Contents, e.g. "x86_64-win"; empty for others."""
  kind = folder.rpartition("-")[2].lower()
  return {"win": "Windows", "macos": "macOS", "linux": "Linux"}.get(kind, "")


def _by_folder(library: Path) -> Binary | None:
  """Returns what a library in a bundle is made for, by its folder if its header says nothing."""
  with library.open("rb") as file:
    found = _read(file.read(4096))
  machine = library.parent.name.rpartition("-")[0]
  return found or Binary(system=_system(library.parent.name), machines=(machine,) * bool(machine))


def _read(head: bytes) -> Binary | None:
  """Returns what a library is made for, by its first bytes; None if they are no library's."""
  try:
    if head[:4] == b"\x7fELF":
      order = ">" if head[5] == 2 else "<"
      return _known("Linux", _ELF, struct.unpack_from(f"{order}H", head, 18))
    if head[:2] == b"MZ":
      (at,) = struct.unpack_from("<I", head, 60)
      return _known("Windows", _PE, struct.unpack_from("<H", head, at + 4))
    if head[:4] in (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe"):
      return _known("macOS", _MACH, struct.unpack_from("<I", head, 4))
    if head[:4] in (b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"):
      (count,) = struct.unpack_from(">I", head, 4)
      width = 20 if head[3] == 0xBE else 32
      starts = range(8, 8 + width * min(count, _MOST_MACHINES), width)
      return _known("macOS", _MACH, [struct.unpack_from(">I", head, at)[0] for at in starts])
  except (struct.error, IndexError):  # It is shorter than its own header.
    return _known("Windows", {}, ()) if head[:2] == b"MZ" else None
  return None


def _known(system: str, names: Mapping[int, str], numbers) -> Binary:
  return Binary(system=system, machines=tuple(names[n] for n in numbers if n in names))


def _elf_size(head: bytes) -> int:
  """Returns the least size of an ELF file, whose table of sections is its end."""
  if len(head) < _ELF_HEADER:
    return _ELF_HEADER
  order, wide = (">" if head[5] == 2 else "<"), head[4] == 2
  (start,) = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", head, 40 if wide else 32)
  each, count = struct.unpack_from(f"{order}HH", head, 58 if wide else 46)
  return start + each * count
