"""Whatever comes in: an answer or a sentence, and the next sound is answered as ever."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from synthmatch_jax.errors import UserError
from tests.matching.bad_inputs import bad_inputs

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "flute.flac"


def test_the_corpus_is_large_and_always_the_same():
  corpus = list(bad_inputs())
  assert len(corpus) >= 200
  assert len({what for what, _, _ in corpus}) == len(corpus)
  for (what, data, _), (_, again, _) in zip(corpus, bad_inputs(), strict=True):
    if not what.startswith(("vorbis", "opus")):  # Which have a serial number by chance.
      assert data == again, what


def test_bad_inputs_get_a_sentence_or_an_answer(matcher, tmp_path):
  first = matcher.match(EXAMPLE).best
  resting = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  refused = answered = 0
  for what, data, _ in bad_inputs():
    path = tmp_path / "sound"
    path.write_bytes(data)
    began = time.monotonic()
    try:
      found = matcher.match(path, source="the sound")
    except UserError as error:
      refused += 1
      assert "\n" not in str(error), what
      assert ": " in str(error), what  # What is wrong, and what to do.
    else:
      answered += 1
      assert np.isfinite(found.best.estimate).all(), what
      assert np.isfinite(found.best.controls).all(), what
    assert time.monotonic() - began < 30, what
  assert refused > 100
  assert answered > 50
  grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resting
  assert grown < 1 << 20, f"{grown >> 10} MB more"  # In kB: less than a gigabyte.
  np.testing.assert_array_equal(matcher.match(EXAMPLE).best.estimate, first.estimate)


def test_bad_inputs_on_the_command_line(tiny_run, tmp_path):
  """Under their names, as far as a file system takes them, and one on standard input."""
  sounds, out = tmp_path / "sounds", tmp_path / "out"
  corpus = list(bad_inputs())
  for number, (_, data, name) in enumerate(corpus):
    folder = sounds / f"{number:03d}"
    folder.mkdir(parents=True)
    plain = name.replace("/", "").replace("\0", "").encode("utf-8", "replace")
    fit = plain[:200].strip(b".") or b"sound"
    (folder / os.fsdecode(fit)).write_bytes(data)
  files = sorted(path for path in sounds.rglob("*") if path.is_file())
  assert len(files) == len(corpus)
  command = [
    sys.executable,
    "-m",
    "synthmatch_jax.match",
    "--search=0",
    *map(str, files),
    "-",
    "--json",
  ]
  done = subprocess.run(
    [*command, f"--workdir={tiny_run}", f"--out={out}"],
    input=b"Dear diary", capture_output=True, check=False,
    env=os.environ | {"PYTHONPATH": str(EXAMPLE.parents[1])},
    cwd=tmp_path,
    timeout=30 * 60,  # Four seconds a sound; none may hang.
  )  # fmt: skip
  most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
  assert most < 3 << 20, f"{most >> 10} MB"  # In kB: JAX and the engine are in it.
  assert done.returncode == 1
  assert b"Traceback" not in done.stderr
  said = json.loads(done.stdout)
  assert len(said["matches"]) + len(said["failures"]) == len(corpus) + 1
  assert len(said["matches"]) > 50
  assert len(said["failures"]) > 100
  # Nothing was written elsewhere.
  assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "sounds"]
  assert all(Path(match["folder"]).parent == out for match in said["matches"])
