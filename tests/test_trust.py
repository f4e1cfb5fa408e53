"""What strangers send runs nothing: no native code, no Python, whatever a model folder holds."""

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
from synthmatch_jax.data import pipeline
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.matching.ensemble import RELEASED
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.synths import description, locate, play, registry
from synthmatch_jax.synths.plugin import fingerprint_frame
from tests.plugin import build
from tests.synths.remote import instrument

ROOT = Path(__file__).parents[1]
SOUND = ROOT / "examples" / "flute.flac"
PATH = [str(ROOT), str(ROOT / "datasets")]
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
  shutil.copytree(RELEASED, folder, dirs_exist_ok=True)
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


def test_modules_in_the_working_directory_are_not_imported(tmp_path):
  shutil.copytree(RELEASED, tmp_path / "model")
  for name in ("numpy", "absl", "json", "jax", "vita", "pedalboard", "sitecustomize"):
    (tmp_path / "model" / f"{name}.py").write_text("open('imported', 'w')\nraise SystemExit(9)\n")
  command = [sys.executable, "-m", "synthmatch_jax.match", "none.wav", "--workdir=."]
  done = subprocess.run(
    command, cwd=tmp_path / "model", capture_output=True, text=True, check=False
  )
  assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
  assert "none.wav" in done.stderr
  assert not (tmp_path / "model" / "imported").exists()


# What Python imports in a new process before anything of ours, and what we import first.
MODULES = (
  *("selectors", "numpy", "multiprocessing", "socket", "json", "pickle", "logging", "absl"),
  *("random", "signal", "threading", "hashlib", "_posixshmem", "psutil", "threadpoolctl", "grain"),
)


@pytest.fixture
def strangers(tmp_path):
  """A folder with modules that leave a trace behind when they are imported."""
  folder = tmp_path / "strangers"
  folder.mkdir()
  for name in MODULES:
    trace = f"open({str(tmp_path / 'imported')!r}, 'a').write({name!r})\n"
    (folder / f"{name}.py").write_text(trace + "raise SystemExit(9)\n")
  return folder


def started_in(folder, *command, **environment):
  """Runs Python in a folder; gives what it said."""
  done = subprocess.run(
    [sys.executable, *map(str, command)],
    cwd=folder,
    env={n: v for n, v in os.environ.items() if n != "PYTHONSAFEPATH"} | environment,
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr[-3000:]
  return done.stdout


FINGERPRINT = """
import sys
from operator import methodcaller
from pathlib import Path
from synthmatch_jax.synths import registry
from synthmatch_jax.synths.play import hosting
from tests.synths.remote import instrument
engine = registry.Engine(name="testbed", plugin=instrument(), path=sys.argv[1])
with hosting(engine) as host:
  print(host.call(methodcaller("fingerprint")))
"""


def test_a_plugins_process_imports_no_modules_of_the_working_directory(
  strangers, testbed, tmp_path
):
  """Neither does the fork server, nor its helper."""
  (tmp_path / "program.py").write_text(FINGERPRINT)
  said = started_in(strangers, tmp_path / "program.py", testbed, PYTHONPATH=os.pathsep.join(PATH))
  assert "testbed/" in said.lower()
  assert not (tmp_path / "imported").exists()


@pytest.mark.slow
def test_a_command_imports_no_modules_of_the_working_directory(strangers, testbed, tmp_path):
  options = ("--effort=quick", f"--out={tmp_path / 'one.json'}", "--controls=osc1_amp")
  started_in(strangers, "-m", "synthmatch_jax.probe", testbed, *options)
  assert (tmp_path / "one.json").exists()
  assert not (tmp_path / "imported").exists()


def test_workers_that_read_import_no_modules_of_the_working_directory(
  strangers, tiny_dataset, tmp_path
):
  where = (f"--config.data.name={tiny_dataset.name}", f"--config.data.dir={tiny_dataset.dir}")
  short = ("--config.train.steps=2", "--config.train.batch_size=8", "--config.data.workers=1")
  config = (f"--config={ROOT / 'configs' / 'mlp.py'}", "--config.model.name=mlp_tiny")
  options = (*config, *where, *short, f"--workdir={tmp_path / 'run'}")
  started_in(strangers, "-m", "synthmatch_jax.train", *options)
  assert (tmp_path / "run" / "config.json").exists()
  assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize("safe", [(), ("-P",)], ids=["usual", "safe"])
def test_the_users_own_search_path_stays(strangers, tmp_path, safe):
  """`python -P` puts no folder before it, so none is taken away."""
  (tmp_path / "own").mkdir()
  (tmp_path / "own" / "sitecustomize.py").write_text(
    "import atexit, sys\natexit.register(lambda: print(sys.path[0]))\n"
  )
  own = os.pathsep.join([str(tmp_path / "own"), *PATH])
  said = started_in(strangers, *safe, "-m", "synthmatch_jax", PYTHONPATH=own)
  assert said.splitlines()[-1] == str(tmp_path / "own")
  assert not (tmp_path / "imported").exists()


COMPILED = """
from synthmatch_jax import files
files.settle_caches()
import numba
@numba.njit(cache=True)
def doubled(x):
  return 2 * x
assert doubled(4) == 8
print(numba.config.CACHE_DIR)
"""


@pytest.mark.parametrize("home", ["home", ".", "none"])
def test_a_folder_does_not_say_where_compiled_code_is(tmp_path, home):
  """Numba unpickles what its cache holds, and a file in the working directory may name one."""
  folder = tmp_path / "strangers"
  (folder / "cache").mkdir(parents=True)
  (folder / ".numba_config.yaml").write_text(f"cache_dir: {folder / 'cache'}\n")
  (tmp_path / "home").mkdir()
  (tmp_path / "program.py").write_text(COMPILED)
  homes = {"home": tmp_path / "home", ".": ".", "none": os.devnull}
  environment = {"HOME": str(homes[home]), "NUMBA_CACHE_DIR": "", "XDG_CACHE_HOME": ".cache"}
  said = started_in(
    folder, tmp_path / "program.py", PYTHONPATH=os.pathsep.join(PATH), **environment
  )
  if home == "home":
    assert said.strip() == str(tmp_path / "home" / ".cache" / "synthmatch_jax" / "numba")
    assert list((tmp_path / "home").rglob("*.nbi"))
  else:
    assert "synthmatch-cache-" in said
  assert sorted(path.name for path in folder.iterdir()) == [".numba_config.yaml", "cache"]
  assert not list((folder / "cache").iterdir())


@pytest.mark.parametrize("key", ["pythonClassName", "python_class_name"])
def test_a_data_set_imports_no_module(tiny_dataset, tmp_path, monkeypatch, key):
  """TFDS imports whatever module a data set names for its features."""
  data_set = tmp_path / tiny_dataset.name / "2.0.0"
  shutil.copytree(tiny_dataset.dir / tiny_dataset.name / "2.0.0", data_set)
  (tmp_path / "hostile_features.py").write_text("raise SystemExit('imported')\n")
  monkeypatch.syspath_prepend(tmp_path)
  assert pipeline.open_dataset(tiny_dataset.name, dir=tmp_path).num_examples("train") == 48
  said = (data_set / "features.json").read_text()
  old = '"pythonClassName": "tensorflow_datasets.core.features.scalar.Scalar"'
  (data_set / "features.json").write_text(said.replace(old, f'"{key}": "hostile_features.Scalar"'))
  with pytest.raises(UserError, match=r"asks for the class hostile_features\.Scalar"):
    pipeline.open_dataset(tiny_dataset.name, dir=tmp_path)
  assert "hostile_features" not in sys.modules
