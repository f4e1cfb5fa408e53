"""Sounds from outside: any folder."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from synthmatch_jax.audio import formats
from synthmatch_jax.data import sound_folder
from synthmatch_jax.errors import UserError


def test_every_kind_that_is_read_is_found_and_nothing_that_is_hidden(tmp_path):
  kinds = [s for s in formats.SUFFIXES for s in (s, s.upper())]
  for number, suffix in enumerate(kinds):
    (tmp_path / f"{number}{suffix}").touch()
  hidden = ("._0.wav", ".x.wav", "__MACOSX/0.wav", "b/__MACOSX/._0.wav", ".git/0.wav")
  for name in (*hidden, ".DS_Store", "Thumbs.db", "desktop.ini", "cover.jpg", "a.mid", "wav"):
    (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
    (tmp_path / name).touch()
  (tmp_path / "loops.wav").mkdir()
  found = sound_folder.load(tmp_path)
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
  found = [s.name for s in sound_folder.load(tmp_path / "in")]
  assert found == ["broken/a", "link", "there/a"]
  for bad in ({"broken": OSError(22, "Invalid argument")}, {"in": PermissionError(13, "Denied")}):
    errors = bad
    where = "in/broken" if "broken" in bad else "in"
    with pytest.raises(UserError, match=rf"{where} cannot be read .+: check the folder"):
      sound_folder.load(tmp_path / "in")


def test_any_folder_of_sounds_will_do(tmp_path):
  (tmp_path / "b").mkdir()
  for name in ("z.wav", "b/a.FLAC", "b/c.mp3"):
    sf.write(tmp_path / name, np.zeros(100), 44_100, format=name[-4:].strip(".").upper())
  (tmp_path / "notes.txt").write_text("no sound")
  found = sound_folder.load(tmp_path)
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
    sound_folder.load(tmp_path)
