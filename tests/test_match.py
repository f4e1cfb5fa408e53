"""The command that a musician calls, on real sounds and bad ones."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from synthmatch_jax.synths import registry

VITAL = registry.engine("vital").space


EXAMPLES = Path(__file__).parents[1] / "examples"


def match(*arguments, cwd=None, data=None):
  command = [sys.executable, "-m", "synthmatch_jax.match", "--search=0", *map(str, arguments)]
  done = subprocess.run(command, input=data, capture_output=True, check=False, cwd=cwd)
  done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
  return done


def visible(folder):
  return {p.name for p in folder.iterdir() if not p.name.startswith(".")}


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
  assert "match: error: " in error
  assert "text.wav" in error
  assert "Traceback" not in done.stderr
  assert visible(out) == {"index.html", "flute", "guitar", "flute-2"}
  assert done.stdout.splitlines()[-1] == f"open {out / 'index.html'}"


def test_what_was_not_heard_is_said_and_how_to_tell_it(answers, tiny_run, tmp_path):
  """Noise has no pitch and does not end; the examples have one."""
  done, _ = answers
  assert "--note tells it" not in done.stdout
  noise = tmp_path / "noise.wav"
  sf.write(noise, np.random.default_rng(0).normal(0, 0.1, 30_000), 44_100)
  common = noise, f"--workdir={tiny_run}", f"--out={tmp_path / 'out'}"
  said = match(*common).stdout.splitlines()
  assert said[0].startswith("noise.wav: MSS ")
  assert said[1].startswith("  no clear pitch to compare, timbre unknown, envelope unknown: ")
  assert said[2] == "  no pitch was heard: C4 is assumed; --note tells it"
  assert re.fullmatch(
    r"  no end of the note was heard: \d\.\d\d s are assumed; --hold tells it", said[3]
  )
  assert len(said) == 5
  found = json.loads((tmp_path / "out" / "noise" / "patch.json").read_text())
  assert list(found["assumed"]["guesses"]) == ["note", "hold"]
  assert "tells it" not in match(*common, "--note=D4", "--hold=0.5").stdout


def test_the_patch_is_whole_and_in_the_synths_terms(answers):
  _, out = answers
  found = json.loads((out / "guitar" / "patch.json").read_text())
  (patch,) = found["answers"]
  assert list(patch["patch"]) == list(patch["controls"]) == list(VITAL.names)
  values = {name: entry["value"] for name, entry in patch["patch"].items()}
  np.testing.assert_allclose(VITAL.encode(values), list(patch["controls"].values()), atol=1e-6)
  assert found["note"] == {"pitch": 60, "velocity": 127, "seconds": 1.0}
  assert found["source"] == "guitar.flac"
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
  one, two = (
    json.loads((out / f / "patch.json").read_text())["answers"][0] for f in ("flute", "flute-2")
  )
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


@pytest.mark.slow
def test_the_same_match_is_kept_and_another_one_replaces_it(answers, tiny_run):
  _, out = answers
  folder = out / "guitar"
  before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()}
  arguments = (EXAMPLES / "guitar.flac", f"--workdir={tiny_run}", f"--out={out}")
  done = match(*arguments)
  assert (done.returncode, done.stderr) == (0, "")
  assert "was there already" in done.stdout
  assert {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()} == before
  done = match(*arguments, "--note=C5", "--hold=0.25")
  assert (done.returncode, done.stderr) == (0, "")
  found = json.loads((folder / "patch.json").read_text())
  assert found["note"] == {"pitch": 72, "velocity": 127, "seconds": 0.25}
  assert found["assumed"]["told"] == {"note": 72, "hold_seconds": 0.25}
  assert "That was told" in (folder / "index.html").read_text()
  match(*arguments)
  again = {p.name: p.read_bytes() for p in folder.iterdir()}
  # A used engine differs from itself in the last bits, a new one does not.
  assert again["patch.json"] == before["patch.json"][0]
  assert again["match.wav"] == before["match.wav"][0]


@pytest.fixture(scope="module")
def second_run(tiny_run, tmp_path_factory):
  """The same model under another name: as far as `match` knows, a second one."""
  other = tmp_path_factory.mktemp("runs") / "second_run"
  shutil.copytree(tiny_run, other)
  return other


@pytest.mark.slow
def test_several_models_give_distinct_answers_ranked_by_distance(tiny_run, second_run, tmp_path):
  """A folder, standard input, two models, three answers, one object for programs."""
  sounds = tmp_path / "sounds"
  (sounds / "brass").mkdir(parents=True)
  shutil.copy(EXAMPLES / "trumpet.flac", sounds / "brass")
  (sounds / "bad.wav").write_bytes((EXAMPLES / "flute.flac").read_bytes()[:20_000])
  out = sounds / "out"  # What lies here is not to be taken for a sound the next time.
  for time in (1, 2):
    done = match(
      *(sounds, "-", f"--workdir={tiny_run},{second_run}", f"--out={out}", "--json", "--top=3"),
      data=(EXAMPLES / "organ.flac").read_bytes(),
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    found = json.loads(done.stdout)
    (failure,) = found["failures"]
    assert failure["source"] == "bad.wav"
    assert "bad.wav is damaged or cut off" in failure["reason"]
    assert ("was there already" in done.stderr) == (time == 2)
  assert visible(out) == {"index.html", "brass-trumpet", "stdin"}
  trumpet, organ = found["matches"]
  assert (trumpet["source"], organ["source"]) == ("brass/trumpet.flac", "standard input")
  for one in (trumpet, organ):
    distances = [answer["distances"]["mss"] for answer in one["answers"]]
    assert distances == sorted(distances)
    assert 1 < len(distances) <= 3
    controls = [list(answer["controls"].values()) for answer in one["answers"]]
    assert len(np.unique(np.round(controls, 3), axis=0)) == len(controls)
    for answer in one["answers"]:
      assert answer["confidence"]["kind"] == "unknown"
      for key in ("preset", "sound", "spectrograms"):
        assert (Path(one["folder"]) / answer[key]).stat().st_size > 1_000


@pytest.mark.parametrize(
  ("arguments", "status", "says"),
  [
    ([], 1, "name at least one sound"),
    ([EXAMPLES / "flute.flac", "--workdir=nowhere"], 1, "no trained model in nowhere"),
    ([EXAMPLES / "flute.flac", "--wrkdir=x"], 2, "wrkdir"),
    ([EXAMPLES / "flute.flac", "--note=H4"], 1, "'H4' is no note"),
    ([EXAMPLES / "flute.flac", "--onset=-1"], 1, "an onset at -1 s"),
    ([EXAMPLES / "flute.flac", "--hold=0"], 1, "held for 0 s"),
    ([EXAMPLES / "flute.flac", "--level=3"], 1, "a level of 3 LUFS"),
    ([EXAMPLES / "flute.flac", "--top=0"], 2, "top"),
    ([EXAMPLES / "flute.flac", "--noise=some"], 2, "noise"),
    (["-", "-", "--workdir={run}"], 1, "name - once"),
    (["{empty}", "--workdir={run}"], 1, "holds no sound file"),
    ([EXAMPLES / "flute.flac", "--search=lots"], 1, "'lots' is no budget of a search"),
    ([EXAMPLES / "flute.flac", "--search=-1"], 1, "'-1' is no budget of a search"),
    ([EXAMPLES / "flute.flac", "--lock=osc1_amp"], 1, "are for a search"),
    (
      [EXAMPLES / "flute.flac", "--search=9", "--lock=osc1_am", "--workdir={run}"],
      1,
      "did you mean osc1_amp?",
    ),
    (
      [EXAMPLES / "flute.flac", "--search=9", "--lock=osc1_amp,osc1_amp=1", "--workdir={run}"],
      1,
      "osc1_amp is locked twice",
    ),
    (
      [EXAMPLES / "flute.flac", "--search=9", "--start=none.vital", "--workdir={run}"],
      1,
      "the start none.vital cannot be read",
    ),
  ],
)
def test_a_mistake_gets_one_sentence(arguments, status, says, tiny_run, tmp_path):
  arguments = [str(a).format(run=tiny_run, empty=tmp_path) for a in arguments]
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
