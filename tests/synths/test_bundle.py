"""What cannot be loaded is told apart: system, processor, format, damage, rights."""

import os
import platform
import re
import shutil
import struct
import subprocess
import sys

import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.probing import probed_plugin
from synthmatch_jax.synths import bundle, hosts, locate
from synthmatch_jax.synths.registry import Engine
from tests.plugin import build
from tests.synths.remote import instrument

HERE = f"Linux ({platform.machine()})"


PE, MACH, FAT = b"MZ" + bytes(90), b"\xcf\xfa\xed\xfe" + bytes(68), b"\xca\xfe\xba\xbe" + bytes(68)


def elf(machine):
  """A header that ends the file: it has no sections."""
  head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 3, machine, 1)
  return head + bytes(40)


@pytest.fixture
def make(tmp_path):
  """Makes a plugin `Testbed.vst3` of files: their paths in the bundle, and what they hold."""

  def made(files):
    path = tmp_path / "Testbed.vst3"
    for name, data in files.items():
      file = path / name
      file.parent.mkdir(parents=True, exist_ok=True)
      file.write_bytes(data)
    return path

  return made


WIN, MAC = "Contents/x86_64-win/Testbed.vst3", "Contents/MacOS/Testbed"
X86, ARM = "Contents/x86_64-linux/Testbed.so", "Contents/aarch64-linux/Testbed.so"
ON_X86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="written for x86_64")


@pytest.mark.parametrize(
  ("files", "says"),
  [
    ({WIN: PE}, f"is made for Windows (x86_64), and this is {HERE}: get the plugin for"),
    ({MAC: MACH}, f"is made for macOS, and this is {HERE}"),
    (
      {MAC: FAT, WIN: PE},
      f"is made for Windows (x86_64) and macOS, and this is {HERE}",
    ),
    ({WIN: b"?"}, "is made for Windows (x86_64)"),
    pytest.param({ARM: elf(183)}, "lacks Contents/x86_64-linux/Testbed.so; it has", marks=ON_X86),
    pytest.param({X86: elf(183)}, f"is made for Linux (aarch64), and this is {HERE}", marks=ON_X86),
    pytest.param({X86: PE}, "is made for Windows, and", marks=ON_X86),
    pytest.param({X86: b""}, f"is empty ({X86}); install the plugin anew", marks=ON_X86),
    pytest.param({X86: b"text"}, "is no program of any system", marks=ON_X86),
    pytest.param({X86: b"\x7fELF"}, "is no program of any system", marks=ON_X86),
    pytest.param(
      {X86.replace("Testbed.so", "Other.so"): elf(62)},
      f"lacks {X86}; it has Contents/x86_64-linux/Other.so",
      marks=ON_X86,
    ),
    ({"Contents/Resources/moduleinfo.json": b"{}"}, "holds no program"),
    ({"readme.txt": b"hello"}, "is a folder without Contents"),
  ],
)
def test_a_bundle_that_this_machine_cannot_load_says_for_which_it_is(make, files, says):
  path = make(files)
  assert says in bundle.trouble(path)
  engine = Engine(name="x", plugin=instrument(), path=str(path))
  host = hosts.host(engine)
  try:
    with pytest.raises(UserError) as refused:
      host.call(str)
  finally:
    host.close()
  assert str(refused.value).startswith(f"{path} cannot be loaded as a plugin: it {says}"[:60])
  assert says in str(refused.value)
  with pytest.raises(UserError) as error:
    probed_plugin.find(str(path))
  assert says in str(error.value)


@pytest.mark.parametrize(
  ("name", "data", "says"),
  [
    ("Massive.dll", PE, "is a library, as VST2 plugins of Windows are; only .vst3"),
    ("Massive.so", elf(62), "is a library, as VST2 plugins of Linux are; only .vst3"),
    ("Massive.DLL", b"", "is a library, as VST2 plugins of Windows are"),
    ("Massive.clap", elf(62), "is a CLAP plugin"),
    ("Massive.vst3", PE, "is made for Windows, and"),
    ("Massive.vst3", b"text", "is no program of any system"),
    ("Massive.vst3", b"", "is empty"),
    pytest.param("Massive.vst3", elf(62), "on Linux a .vst3 is a folder", marks=ON_X86),
    ("Massive.component", b"?", "is an Audio Unit; only macOS has them, and this is Linux"),
  ],
)
def test_a_file_of_another_kind_is_named(tmp_path, name, data, says):
  path = tmp_path / name
  path.write_bytes(data)
  assert says in bundle.trouble(path)
  with pytest.raises(UserError) as named:
    probed_plugin.find(str(path))
  assert says in str(named.value)
  if path.suffix != ".vst3":
    with pytest.raises(UserError) as located:
      locate.locate(("Other.vst3",), option=str(path))
    assert says in str(located.value)


def test_a_link_to_nowhere_and_a_part_of_a_bundle_are_named(tmp_path, testbed):
  link = tmp_path / "Testbed.vst3"
  link.symlink_to(tmp_path / "gone")
  for find in (probed_plugin.find, lambda path: locate.locate((link.name,), option=path)):
    with pytest.raises(UserError, match=r"is a link to .*gone, which does not exist"):
      find(str(link))
  part = build.binary(testbed)
  assert bundle.trouble(part) == f"is a part of {testbed}: name that"
  assert bundle.trouble(testbed) == ""


def test_what_nobody_may_read_is_said_to_be_so(tmp_path, make):
  path = make({X86: elf(62)})
  path.parent.chmod(0)
  if os.geteuid() == 0:
    os.seteuid(65_534)  # Root may read everything.
  try:
    found = bundle.trouble(path)
    with pytest.raises(UserError, match=r"no plugin Testbed\.vst3 found"):
      locate.locate((path.name,), option=str(path.parent))
  finally:
    if os.getuid() == 0:
      os.seteuid(0)
    path.parent.chmod(0o700)
  assert found == "cannot be read: Permission denied"


def test_other_systems_say_what_they_are(make, monkeypatch):
  path = make({WIN: PE})
  monkeypatch.setattr(sys, "platform", "darwin")
  monkeypatch.setattr(platform, "machine", lambda: "arm64")
  says = "is made for Windows (x86_64), and this is macOS (aarch64): get the plugin for macOS"
  assert bundle.trouble(path).startswith(says)
  make({MAC: FAT})
  assert bundle.trouble(path) == ""  # Rosetta may run it.
  monkeypatch.setattr(sys, "platform", "win32")
  assert bundle.trouble(path) == ""


def test_a_truncated_plugin_is_found_before_it_can_crash(testbed, tmp_path):
  copy = shutil.copytree(testbed, tmp_path / testbed.name)
  library = build.binary(copy)
  whole = library.read_bytes()
  for size in (*range(20), *range(20, 100, 7), 5000, len(whole) - 1):
    library.write_bytes(whole[:size])
    says = "cut off" if size >= 20 else "is no program of any system" if size else "is empty"
    assert re.search(rf"{says} \(Contents/", bundle.trouble(copy))
  library.write_bytes(whole)
  assert bundle.trouble(copy) == ""


@pytest.mark.parametrize(
  ("source", "says"),
  [
    ("int nothing() { return 1; }", "Testbed.so is a library, but no VST3 plugin"),
    ('extern "C" int GetPluginFactory();', "Testbed.so is a library, but no VST3 plugin"),
    (
      'int lost(); extern "C" int GetPluginFactory() { return lost(); }',
      "undefined symbol: _Z4lostv",
    ),
  ],
)
def test_what_the_systems_loader_says_is_passed_on(make, testbed, source, says):
  path = make({})
  library = build.binary(path)
  library.parent.mkdir(parents=True)
  options = ("-shared", "-fPIC", "-Wl,-z,now", "-xc++", "-", "-o", str(library))
  subprocess.run(["g++", *options], input=source, text=True, check=True)
  host = hosts.host(Engine(name="x", plugin=instrument(), path=str(path)))
  try:
    with pytest.raises(UserError, match=says):
      host.call(str)
  finally:
    host.close()
