"""The command that a musician calls, on real sounds and bad ones."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from synthmatch_jax import matching
from synthmatch_jax.spaces.massive16 import VITAL

EXAMPLES = Path(__file__).parents[1] / "examples"


def match(*arguments, cwd=None):
  command = [sys.executable, "-m", "synthmatch_jax.match", *map(str, arguments)]
  return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


@pytest.fixture(scope="module")
def answers(tiny_run, tmp_path_factory):
  """Folder with the answers to two examples, one of them twice under one name, and to no sound."""
  folder = tmp_path_factory.mktemp("match")
  other = folder / "flute.wav"
  samples, rate = sf.read(EXAMPLES / "flute.flac")
  sf.write(other, np.column_stack([samples, samples]), rate)
  bad = folder / "text.wav"
  bad.write_text("no sound at all")
  sounds = [EXAMPLES / "flute.flac", bad, EXAMPLES / "guitar.flac", other]
  done = match(*sounds, f"--workdir={tiny_run}", f"--out={folder / 'out'}")
  return done, folder / "out"


def test_a_bad_sound_gets_a_sentence_and_the_others_their_answer(answers):
  done, out = answers
  assert done.returncode == 1
  (error,) = [line for line in done.stderr.splitlines() if "error" in line]
  assert error.startswith("match: error: ")
  assert "text.wav" in error
  assert "Traceback" not in done.stderr
  assert {p.name for p in out.iterdir()} == {"index.html", "flute", "guitar", "flute-2"}
  assert done.stdout.splitlines()[-1] == f"open {out / 'index.html'}"


def test_the_patch_is_whole_and_in_the_synths_terms(answers):
  _, out = answers
  patch = json.loads((out / "guitar" / "patch.json").read_text())
  assert list(patch["patch"]) == list(patch["controls"]) == list(VITAL.names)
  values = {name: entry["value"] for name, entry in patch["patch"].items()}
  np.testing.assert_allclose(VITAL.encode(values), list(patch["controls"].values()), atol=1e-6)
  assert patch["note"] == {"pitch": 60, "velocity": 127, "seconds": 1.0}
  assert patch["source"] == "guitar.flac"
  assert 0 < patch["distances"]["spectral_convergence"] < 10


def test_the_preset_plays_the_sound_that_was_written(answers):
  vita = pytest.importorskip("vita")
  _, out = answers
  synth = vita.Synth()
  synth.set_sample_rate(44_100)
  assert synth.load_json((out / "guitar" / "guitar.vital").read_text())
  synth.render(60, 0.0, 0.25, 0.5)
  written, rate = sf.read(out / "guitar" / "match.wav")
  assert rate == 44_100
  audio = synth.render(60, 1.0, 1.0, len(written) / rate).mean(0)
  gain = np.abs(written).max() / np.abs(audio).max()
  assert np.abs(gain * audio - written).max() < 1e-3 * np.abs(written).max()


def test_one_sound_in_two_files_has_one_answer(answers):
  _, out = answers
  one, two = (json.loads((out / f / "patch.json").read_text()) for f in ("flute", "flute-2"))
  np.testing.assert_allclose(
    list(one["controls"].values()), list(two["controls"].values()), atol=1e-5
  )


def test_every_file_that_a_page_names_is_there(answers):
  _, out = answers
  pages = [out / "index.html", *out.glob("*/index.html")]
  assert len(pages) == 4
  for page in pages:
    names = re.findall(r'(?:src|href)="([^"#:]+)"', page.read_text())
    assert len(names) >= 5
    for name in names:
      assert (page.parent / name).exists(), f"{page} names {name}"


def test_every_sound_gets_a_folder_of_its_own():
  names = ["a.wav", "b/a.flac", "a-2.wav", "c/a.wav"]
  folders = matching._folders([Path(n) for n in names], Path("out"))
  assert [f.name for f in folders] == ["a", "a-2", "a-2-2", "a-3"]


def test_a_second_run_replaces_the_answers(answers, tiny_run):
  _, out = answers
  before = {p: p.read_bytes() for p in (out / "guitar").glob("*.json")}
  done = match(EXAMPLES / "guitar.flac", f"--workdir={tiny_run}", f"--out={out}")
  assert (done.returncode, done.stderr) == (0, "")
  assert {p: p.read_bytes() for p in (out / "guitar").glob("*.json")} == before


@pytest.mark.parametrize(
  ("arguments", "status", "says"),
  [
    ([], 1, "name at least one sound"),
    ([EXAMPLES / "flute.flac", "--workdir=nowhere"], 1, "no trained model in nowhere"),
    ([EXAMPLES / "flute.flac", "--wrkdir=x"], 2, "wrkdir"),
  ],
)
def test_a_mistake_gets_one_sentence(arguments, status, says, tmp_path):
  done = match(*arguments, cwd=tmp_path)
  assert done.returncode == status
  assert says in done.stderr
  assert len(done.stderr.splitlines()) == 1
  assert not list(tmp_path.iterdir())


def test_an_output_folder_that_cannot_be_written_gets_a_sentence(tiny_run, tmp_path):
  (tmp_path / "file").touch()
  out = tmp_path / "file" / "out"
  done = match(EXAMPLES / "flute.flac", f"--workdir={tiny_run}", f"--out={out}")
  assert done.returncode == 1
  assert "cannot be written" in done.stderr
  assert "Traceback" not in done.stderr
