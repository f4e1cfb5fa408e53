"""Presets in the user's folder of Vital."""

from pathlib import Path

import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.matching import installing


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
  monkeypatch.setattr(Path, "home", lambda: tmp_path)
  return tmp_path


@pytest.mark.parametrize(
  ("platform", "environment", "vital"),
  [
    ("linux", {}, ".local/share/vital"),
    ("linux", {"XDG_DATA_HOME": "."}, "vital"),
    ("darwin", {}, "Music/Vital"),
    ("win32", {}, "Documents/Vital"),
  ],
)
def test_the_folder_is_vitals_own(home, monkeypatch, platform, environment, vital):
  monkeypatch.chdir(home)
  with pytest.raises(UserError, match=r"Vital has no folder .* here: start Vital once"):
    installing.folder(platform, environment)
  (home / vital).mkdir(parents=True)
  found = installing.folder(platform, environment)
  assert found.resolve() == (home / vital / "User" / "Presets").resolve()


def test_a_preset_never_replaces_another(home):
  presets = home / "Presets"
  (home / "a.vital").write_text("mine")
  assert installing.install(home / "a.vital", presets) == presets / "a.vital"
  assert installing.install(home / "a.vital", presets) == presets / "a.vital"
  (home / "a.vital").write_text("better")
  assert installing.install(home / "a.vital", presets) == presets / "a 2.vital"
  assert {p.name: p.read_text() for p in presets.iterdir()} == {
    "a.vital": "mine",
    "a 2.vital": "better",
  }


def test_what_is_no_preset_of_vital_and_a_folder_that_cannot_be_written_are_told(home):
  with pytest.raises(UserError, match="--install is for Vital"):
    installing.install(home / "a.vstpreset", home)
  (home / "a.vital").write_text("mine")
  with pytest.raises(UserError, match=r"a\.vital cannot be written"):
    installing.install(home / "a.vital", home / "a.vital")
