"""The package as it is published: an sdist, the wheel that comes of it, and a bare environment."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.test_locked_down import environment, sandbox

ROOT = Path(__file__).parents[1]
SOUND = ROOT / "examples" / "guitar.flac"
HEAVY = (
  "matplotlib",
  "tensorflow",
  "tensorflow_datasets",
  "grain",
  "starlette",
  "apache_beam",
  "librosa",
  "numba",
)


def said(*command, **options):
  done = subprocess.run(
    [*map(str, command)], capture_output=True, text=True, check=False, **options
  )
  assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
  return done.stdout


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
  """A bare environment with the tools that build, and a copy of what git keeps."""
  folder = tmp_path_factory.mktemp("bare")
  said(sys.executable, "-m", "venv", folder / "venv")
  for name in said("git", "ls-files", "-z", cwd=ROOT).split("\0"):
    if name and (ROOT / name).is_file():
      (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
      shutil.copy(ROOT / name, folder / "source" / name)
  return folder


@pytest.fixture(scope="module")
def wheel(bare):
  """The wheel of the sdist; its environment has it installed, at the pinned versions."""
  python = bare / "venv" / "bin" / "python"
  pip = (python, "-m", "pip", "--disable-pip-version-check", "--quiet")
  said(*pip, "install", "setuptools>=77")
  build = f"import setuptools.build_meta as b; print(b.build_sdist({str(bare)!r}))"
  name = said(python, "-c", build, cwd=bare / "source").splitlines()[-1]
  said(*pip, "wheel", "--no-deps", "-w", bare, bare / name)
  (found,) = bare.glob("*.whl")
  with tarfile.open(bare / name) as archive:
    assert any(member.name.endswith("/CHANGELOG.md") for member in archive)
  said(*pip, "install", "-c", ROOT / "constraints.txt", found)
  return found


@pytest.mark.slow
def test_everything_comes_along(wheel):
  expected = set()
  for name in said("git", "ls-files", "synthmatch_jax", "configs", "datasets", cwd=ROOT).split():
    inside = name if name.startswith("synthmatch_jax/") else f"synthmatch_jax/{name}"
    if not name.endswith("_test.py") and "dummy_data" not in name:
      expected.add(inside)
  found = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
  assert found == expected


@pytest.mark.slow
def test_a_sound_is_matched_offline_from_where_nothing_can_be_written(wheel, bare, tmp_path):
  """As in the checkout, to the last bit; what was measured is in the test's output (-rP)."""
  site = next((bare / "venv" / "lib").glob("python*/site-packages"))
  size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
  print(f"{len(list(site.glob('*.dist-info')))} packages, {size / 1e6:.0f} MB")
  assert not [name for name in HEAVY if (site / name).exists()]
  answers = []
  for program in (
    [bare / "venv" / "bin" / "synthmatch", "match"],
    [sys.executable, "-m", "synthmatch_jax.match"],
  ):
    out = tmp_path / f"out{len(answers)}"
    command = [*sandbox(tmp_path, "-n"), *program, SOUND, f"--out={out}", "--search=6"]
    own = environment(tmp_path) | ({} if answers else {"PYTHONPATH": ""})
    before = os.times()
    said(*command, cwd="/", env=own)
    after = os.times()
    seconds = sum(after[2:4]) - sum(before[2:4])
    print(f"{Path(program[0]).name}: {seconds:.1f} processor seconds")
    answers.append(json.loads((out / "guitar" / "patch.json").read_text())["answers"])
  assert answers[0] == answers[1]


@pytest.mark.slow
@pytest.mark.parametrize(
  ("words", "extra"),
  [("train --config=ast.py", "train"), ("build massive16", "build"), ("app", "app")],
)
def test_what_is_not_installed_is_told(wheel, bare, words, extra):
  program = bare / "venv" / "bin" / "synthmatch"
  done = subprocess.run(
    [program, *words.split()], capture_output=True, text=True, check=False, cwd="/"
  )
  assert done.returncode == 1
  (line,) = done.stderr.splitlines()
  assert f"pip install 'synthmatch_jax[{extra}]'" in line
