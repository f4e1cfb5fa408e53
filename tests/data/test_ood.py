"""Sounds from outside: any folder, and the benchmark that is built."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from synthmatch_jax.audio import formats
from synthmatch_jax.data.ood import build, sounds
from synthmatch_jax.data.ood.sources import SOURCES, GeneralMidi
from synthmatch_jax.errors import UserError


def installed(*families):
  """The families whose sources are here."""
  found = []
  for family in families or SOURCES:
    try:
      SOURCES[family].version()
    except UserError:
      continue
    found.append(family)
  return found


def some(*families, each=2):
  """The beginning of the benchmark's list."""
  listed = build.benchmark()
  by_family = {f: [e for e in listed["sounds"] if e["family"] == f] for f in families}
  return {
    "versions": listed["versions"],
    "sounds": [e for f in families for e in by_family[f][:each]],
  }


def test_the_list_is_fixed_and_whole():
  listed = build.benchmark()
  assert set(listed["versions"]) == set(SOURCES) == {e["family"] for e in listed["sounds"]}
  names = [e["name"] for e in listed["sounds"]]
  assert len(names) == len(set(names)) == 154
  assert all(len(e["sha256"]) == 64 for e in listed["sounds"])
  notes = [e["note"] for e in listed["sounds"] if "note" in e]
  assert min(notes) == 36
  assert max(notes) == 84
  assert sum(note != 60 for note in notes) > 60


def test_every_kind_that_is_read_is_found_and_nothing_that_is_hidden(tmp_path):
  kinds = [s for s in formats.SUFFIXES for s in (s, s.upper())]
  for number, suffix in enumerate(kinds):
    (tmp_path / f"{number}{suffix}").touch()
  hidden = ("._0.wav", ".x.wav", "__MACOSX/0.wav", "b/__MACOSX/._0.wav", ".git/0.wav")
  for name in (*hidden, ".DS_Store", "Thumbs.db", "desktop.ini", "cover.jpg", "a.mid", "wav"):
    (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
    (tmp_path / name).touch()
  (tmp_path / "loops.wav").mkdir()
  found = sounds.load_folder(tmp_path)
  assert {s.path.name for s in found} == {f"{n}{s}" for n, s in enumerate(kinds)}
  assert {".wav", ".wave", ".bwf", ".w64", ".rf64", ".aifc", ".oga", ".opus", ".caf", ".au"} < set(
    kinds
  )
  assert {".snd", ".mp2", ".m4a", ".aac", ".webm", ".mov", ".mkv", ".wmv", ".3g2"} < set(kinds)


def test_folders_that_cannot_be_walked_get_a_sentence_or_are_passed_over(tmp_path, monkeypatch):
  """A disk fails, and the kernel's own files come and go; root may read all others."""
  errors = {"gone": FileNotFoundError(2, "None"), "locked": PermissionError(13, "Not permitted")}
  for name in (*errors, "broken", "there"):
    (tmp_path / "in" / name).mkdir(parents=True)
    (tmp_path / "in" / name / "a.wav").touch()
  (tmp_path / "in" / "link.wav").symlink_to("nowhere")
  scan = os.scandir

  def scanned(path):
    if error := errors.get(Path(path).name):
      raise type(error)(*error.args, str(path))
    return scan(path)

  monkeypatch.setattr(os, "scandir", scanned)
  found = [s.name for s in sounds.load_folder(tmp_path / "in")]
  assert found == ["broken/a", "link", "there/a"]
  for bad in ({"broken": OSError(22, "Invalid argument")}, {"in": PermissionError(13, "Denied")}):
    errors = bad
    where = "in/broken" if "broken" in bad else "in"
    with pytest.raises(UserError, match=rf"{where} cannot be read .+: check the folder"):
      sounds.load_folder(tmp_path / "in")


def test_any_folder_of_sounds_will_do(tmp_path):
  (tmp_path / "b").mkdir()
  for name in ("z.wav", "b/a.FLAC", "b/c.mp3"):
    sf.write(tmp_path / name, np.zeros(100), 44_100, format=name[-4:].strip(".").upper())
  (tmp_path / "notes.txt").write_text("no sound")
  found = sounds.load_folder(tmp_path)
  assert [(s.name, s.family) for s in found] == [("b/a", ""), ("b/c", ""), ("z", "")]


@pytest.mark.parametrize(
  ("make", "says"),
  [
    (lambda folder: shutil.rmtree(folder), "there is no folder"),
    (lambda folder: None, "holds no sound file"),
    (lambda folder: (folder / "sounds.json").write_text("{"), "is no list of sounds"),
    (lambda folder: (folder / "sounds.json").write_text('{"sounds": [{}]}'), "is no list"),
  ],
)
def test_a_folder_without_sounds_gets_a_sentence(tmp_path, make, says):
  make(tmp_path)
  with pytest.raises(UserError, match=says):
    sounds.load_folder(tmp_path)


def test_what_is_built_is_what_the_list_says(tmp_path):
  families = installed()
  if not families:
    pytest.skip("none of the sources is installed (docs/ood.md says which)")
  told = []
  wanted = some(*families)
  manifest = build.build(tmp_path, wanted=wanted, report=told.append)
  if all(wanted["versions"][f] == manifest["versions"][f] for f in families):
    assert told == []
  found = sounds.load_folder(tmp_path)
  assert [(s.name, s.family) for s in found] == [(e["name"], e["family"]) for e in wanted["sounds"]]
  for sound in found:
    audio, rate = sf.read(sound.path)
    assert (rate, audio.ndim) == (44_100, 1)
    assert np.abs(audio).max() == pytest.approx(10 ** (-3 / 20), abs=1e-4)
    assert len(audio) <= 4 * rate
  before = {s.path: s.path.stat().st_mtime_ns for s in found}
  build.build(tmp_path, wanted=manifest)
  assert {s.path: s.path.stat().st_mtime_ns for s in found} == before, "made what was there"


def test_an_altered_or_missing_sound_is_found_and_made_again(tmp_path):
  families = installed("voice", "dx7")
  if not families:
    pytest.skip("neither espeak-ng nor dexed-py with hexter is installed")
  manifest = build.build(tmp_path, wanted=some(families[0]), report=str)
  path = sounds.load_folder(tmp_path)[0].path
  audio, rate = sf.read(path)
  sf.write(path, 0.9 * audio, rate)
  with pytest.raises(UserError, match="was altered; build the benchmark again"):
    sounds.load_folder(tmp_path)
  path.unlink()
  with pytest.raises(UserError, match="cannot be read"):
    sounds.load_folder(tmp_path)
  assert build.build(tmp_path, wanted=manifest, report=str)["sounds"] == manifest["sounds"]
  assert len(sounds.load_folder(tmp_path)) == 2


def test_a_difference_is_told_with_the_versions(tmp_path):
  families = installed("voice", "dx7")
  if not families:
    pytest.skip("neither espeak-ng nor dexed-py with hexter is installed")
  (family,) = families[:1]
  wanted = some(family)
  wanted["sounds"][0]["sha256"] = "0" * 64
  wanted["versions"] = {family: "an older one"}
  told = []
  manifest = build.build(tmp_path, wanted=wanted, report=told.append)
  here = manifest["versions"][family]
  assert told == [
    f"1 of the sounds {family} differ from the list's: here is {here}, the list was made with"
    " an older one"
  ]


def test_what_is_missing_is_named(tmp_path):
  with pytest.raises(UserError, match=r"apt-get install (fluidsynth|fluid-soundfont-gm)"):
    GeneralMidi(tmp_path / "none.sf2").version()


@pytest.mark.slow
def test_the_whole_benchmark_comes_out_to_the_last_bit(tmp_path):
  if set(installed()) != set(SOURCES):
    pytest.skip("not all sources are installed (docs/ood.md says which)")
  command = [sys.executable, "-m", "synthmatch_jax.ood", f"--out={tmp_path}"]
  done = subprocess.run(command, capture_output=True, text=True, check=False)
  assert done.returncode == 0, done.stdout
  made = json.loads((tmp_path / "sounds.json").read_text())
  expected = {e["name"]: e["sha256"] for e in build.benchmark()["sounds"]}
  assert {e["name"]: e["sha256"] for e in made["sounds"]} == expected
