"""A service's place: nothing can be written but the folder of temporary files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# All is read-only but one folder. In a namespace of its own, where the system allows one.
_READ_ONLY = (
  'mount --bind "$TMPDIR" "$TMPDIR" && mount -o remount,ro,bind / && exec "$@"',
  "sh",
)


def sandbox(folder: Path, *options: str) -> list[str]:
  """What goes before a command, for as far as the system can."""
  before = ["unshare", "-m", *options, "sh", "-c", *_READ_ONLY]
  if os.getuid():
    before.insert(1, "-r")
  try:
    works = subprocess.run(
      [*before, "true"], env=environment(folder), check=False, capture_output=True
    )
  except FileNotFoundError:
    return []
  return before if works.returncode == 0 else []


def environment(folder: Path) -> dict[str, str]:
  return {
    "PATH": os.environ["PATH"],
    "TMPDIR": str(folder),
    "HOME": os.devnull,  # No folder, so that nobody can write into it: root neither.
    "PYTHONPATH": str(ROOT),
  }


def run(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
  return subprocess.run(
    [*sandbox(folder), sys.executable, *map(str, arguments)],
    env=environment(folder),
    cwd="/",
    capture_output=True,
    text=True,
    check=False,
  )


@pytest.mark.parametrize("options", [("--search=0",), ("--search=0", "--top=2"), ("--search=4",)])
def test_a_match_is_made_and_nothing_is_left_behind(tmp_path, options):
  sound = ROOT / "examples" / "guitar.flac"
  out = tmp_path / "out"
  done = run(tmp_path, "-m", "synthmatch_jax.match", sound, f"--out={out}", "--workers=1", *options)
  assert (done.returncode, done.stderr) == (0, "")
  assert json.loads((out / "guitar" / "patch.json").read_text())["answers"]
  assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_too_little_memory_is_one_sentence(tmp_path):
  code = "from synthmatch_jax import cli; cli.run(lambda _: bytearray(1 << 50))"
  done = run(tmp_path, "-c", code)
  assert done.returncode == 1
  assert done.stderr == "-c: error: there is too little memory: allow more, or take less at once\n"
