"""What strangers send, or leave in the working directory, is not imported or run as Python."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from synthmatch_jax import files
from synthmatch_jax.bundled import VITAL16
from synthmatch_jax.data import pipeline
from synthmatch_jax.errors import UserError

ROOT = Path(__file__).parents[1]
PATH = [str(ROOT), str(ROOT / "datasets")]


def test_modules_in_the_working_directory_are_not_imported(tmp_path):
  shutil.copytree(VITAL16, tmp_path / "model")
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


@pytest.mark.parametrize("home", ["home", ".", os.devnull])
def test_the_working_directory_does_not_say_where_compiled_code_is(tmp_path, monkeypatch, home):
  """JAX runs what its cache holds."""
  monkeypatch.chdir(tmp_path)
  monkeypatch.setenv("XDG_CACHE_HOME", ".cache")
  monkeypatch.setenv("HOME", str(tmp_path / home) if home == "home" else home)
  found = files.user_cache.__wrapped__()
  assert found == (tmp_path / "home" / ".cache" if home == "home" else None)
  assert not (tmp_path / ".cache").exists()


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
