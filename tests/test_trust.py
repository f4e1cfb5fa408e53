"""What strangers send runs no native code, whatever a model folder holds."""

import ctypes
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from synthmatch_jax import exported
from synthmatch_jax.bundled import VITAL16
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.synths import description, locate, play, registry
from synthmatch_jax.synths.plugin import fingerprint_frame
from tests.plugin import build
from tests.synths.remote import instrument

ROOT = Path(__file__).parents[1]
SOUND = ROOT / "examples" / "flute.flac"
SOURCE = """
#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void run(void) {
  FILE *file = fopen(getenv("TRUST_MARKER"), "w");
  if (file) fclose(file);
}
"""


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
  """A library that leaves a file behind wherever it is loaded."""
  if reason := build.why_not():
    (pytest.fail if build.is_debian() else pytest.skip)(reason)
  folder = tmp_path_factory.mktemp("evil")
  (folder / "evil.c").write_text(SOURCE)
  command = ["gcc", "-shared", "-fPIC", str(folder / "evil.c"), "-o", str(folder / "evil.so")]
  subprocess.run(command, check=True)
  return folder / "evil.so"


@pytest.fixture
def marker(tmp_path, monkeypatch):
  monkeypatch.setenv("TRUST_MARKER", str(tmp_path / "marker"))
  return tmp_path / "marker"


def install(evil, folder, *, name="evil"):
  """The library as a plugin, in both forms that a VST3 may have on Linux."""
  inside = folder / f"{name}.vst3" / "Contents" / f"{platform.machine()}-linux"
  inside.mkdir(parents=True)
  shutil.copy(evil, inside / f"{name}.so")
  shutil.copy(evil, folder / f"{name}-flat.vst3")


def plugin_model(folder, *, files, **changes):
  """A whole model of a plugin, as far as can be told without the plugin: only its name is odd."""
  shutil.copytree(VITAL16, folder, dirs_exist_ok=True)
  described = json.loads((folder / "model.json").read_text())
  del described["files"], described["digest"]
  plugin = instrument(name="evil", **changes)
  before, after = fingerprint_frame(plugin)
  recipe = described["data"]["recipe"]
  recipe |= {"engine": "evil", "fingerprint": f"{before}evil/1.0{after}"}
  recipe["plugin"] = plugin.essentials() | {"files": list(files)}
  recipe["space"] = plugin.space.to_dict()
  (folder / "model.json").write_text(json.dumps(described))
  return folder


def test_the_library_would_run(evil, marker, tmp_path):
  """Else the tests below would show nothing."""
  install(evil, tmp_path)
  program = f"import pedalboard; pedalboard.load_plugin({str(tmp_path / 'evil.vst3')!r})"
  subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
  assert marker.exists()
  marker.unlink()
  ctypes.CDLL(str(tmp_path / "evil-flat.vst3"))
  assert marker.exists()


def spellings(folder):
  """Ways to say where the file beside model.json is."""
  home = os.path.relpath(folder, Path.home())
  return [
    *("evil.vst3", "evil-flat.vst3", "./evil.vst3", "model/evil.vst3", "model/../model/evil.vst3"),
    *("../model/evil.vst3", "..", ".", "", "/", "//", "evil.vst3/", "evil.vst3/Contents/.."),
    *(f"{folder}/evil.vst3", f"//{folder}/evil.vst3", f"/proc/self/cwd/{folder.name}/evil.vst3"),
    *("/proc/self/cwd/evil.vst3", f"/proc/{os.getpid()}/root{folder}/evil.vst3", "/dev/fd/3"),
    *(f"~/{home}/evil.vst3", "~/evil.vst3", "~evil.vst3", "$PWD/evil.vst3", "${PWD}.vst3"),
    *("%CD%/evil.vst3", "%CD%.vst3", "C:evil.vst3", "C:\\evil.vst3", "..\\model\\evil.vst3"),
    *(f"file://{folder}/evil.vst3", "evil.vst3\0", "\0evil.vst3", "evil\n.vst3", "*.vst3"),
    *("*/evil.vst3", "[e]vil.vst3", "evil.so", "../evil.so", "link.vst3", "evil", ".evil.vst3"),
    *(f"\\\\localhost{folder}\\evil.vst3", "evil.vst3:stream.vst3", "a" * 5000 + ".vst3"),
    *("model/link.vst3", "EVIL.VST3/../evil.vst3", "\uff0fevil.vst3", "\u2024\u2024/evil.vst3"),
  ]


@pytest.fixture
def model(evil, tmp_path):
  folder = tmp_path / "model"
  folder.mkdir()
  install(evil, folder)
  (folder / "link.vst3").symlink_to(folder / "evil.vst3")
  return folder


@pytest.mark.parametrize("inside", [False, True], ids=["beside", "inside"])
def test_no_spelling_of_a_path_makes_a_model_run_native_code(model, marker, monkeypatch, inside):
  monkeypatch.chdir(model if inside else model.parent)
  monkeypatch.delenv(locate.VARIABLE, raising=False)
  monkeypatch.setenv("HOME", "." if inside else str(model.parent / "home"))
  plugin_model(model, files=["evil.vst3"])
  plain = exported.read(model).data.recipe
  for name in spellings(model):
    hostile = Recipe(**{**vars(plain), "plugin": {**plain.plugin, "files": [name]}})
    with pytest.raises(UserError, match=r"is no file name of a plugin|no plugin .* found"):
      play.engine(hostile)
    with pytest.raises(UserError, match=r"is no file name of a plugin|no plugin .* found"):
      locate.locate([name])
    assert not marker.exists(), name


def test_the_commands_refuse_such_a_model_by_a_sentence(model, marker, tmp_path):
  plugin_model(model, files=["/proc/self/cwd/model/evil.vst3"])
  with pytest.raises(UserError, match="is no file name of a plugin"), Matcher.open([model]):
    pass
  command = [
    sys.executable,
    "-m",
    "synthmatch_jax.match",
    "--search=0",
    str(SOUND),
    f"--workdir={model}",
  ]
  done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
  assert done.returncode == 1
  (line,) = done.stderr.splitlines()
  assert "is no file name of a plugin" in line
  assert not marker.exists()


def test_what_can_be_told_without_the_plugin_is_told_before_it_is_loaded(
  evil, marker, tmp_path, monkeypatch
):
  """The user has such a plugin, but the model was made with another reset, state or version."""
  usual = tmp_path / "usual"
  usual.mkdir()
  install(evil, usual)
  monkeypatch.setenv(locate.VARIABLE, str(usual))
  folder = plugin_model(tmp_path / "model", files=["evil.vst3"])
  recipe = exported.read(folder).data.recipe
  for old, new in (("reset/clear", "reset/flush"), ("base/", "base/0"), ("pedalboard/", "p/")):
    changed = Recipe(**{**vars(recipe), "fingerprint": recipe.fingerprint.replace(old, new)})
    with pytest.raises(UserError, match="the engine here is"):
      play.engine(changed)
  assert not marker.exists()
  with pytest.raises(UserError):  # Now it is loaded, since the user has installed it.
    play.engine(recipe)
  assert marker.exists()


def test_a_description_names_files_only(tmp_path):
  path = description.write(instrument(), tmp_path / "one.json")
  said = json.loads(path.read_text())
  for names in (["../x.vst3"], "x.vst3", [], ["x.vst3"] * 99, [7], [["x.vst3"]], None, ["x.dll"]):
    path.write_text(json.dumps(said | {"files": names}))
    with pytest.raises(UserError, match=r"one\.json is no plugin description"):
      registry.engine(str(path))
