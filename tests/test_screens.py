"""Pictures in the docs show the product as it is."""

import json
import re
import shutil

import pytest

from study import report, screens

ROOT = screens.ROOT


@pytest.mark.parametrize("picture", [*screens.SOURCES, *screens.EVALUATION])
def test_a_picture_is_as_new_as_what_it_shows(picture):
  made = json.loads(screens.MADE.read_text())
  assert made[picture] == screens.state(picture), "run python -m study.screens"


def test_every_picture_is_made_by_the_command_and_shown():
  shown = set()
  for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
    shown |= set(re.findall(r"\]\((?:docs/)?images/(\w+\.png)\)", path.read_text()))
  there = {path.name for path in report.IMAGES.glob("*.png")}
  drawn = {name for name in there if name.startswith(("results_", "vital_"))}  # By the study.
  assert there == shown == drawn | {*screens.SOURCES, *screens.EVALUATION}


def test_the_list_of_what_was_made_has_every_picture_of_a_page_and_no_other():
  assert set(json.loads(screens.MADE.read_text())) == {*screens.SOURCES, *screens.EVALUATION}


CHANGES = {
  "model/weights.safetensors": ({"model"}, {"weights"}),
  "model/model.json": ({"model"}, set()),
  "package/web/static/app.js": ({"page"}, set()),
  "package/audio/onset.py": ({"answers"}, set()),
  "package/matching/matcher.py": ({"answers"}, set()),
  "examples/flute.flac": ({"sounds"}, set()),
  "package/web/door.py": (set(), set()),
}


@pytest.mark.parametrize("name", CHANGES)
def test_whatever_changes_a_picture_is_noticed(tmp_path, monkeypatch, name):
  model = tmp_path / "model"
  shutil.copytree(screens.RELEASED, model)
  shutil.copytree(screens._EXAMPLES, tmp_path / "examples")
  for part in ("web", "reports", "audio", "matching"):
    shutil.copytree(screens._PACKAGE / part, tmp_path / "package" / part)
  pictures = ("app.png", screens.EVALUATION[0])
  real = [screens.state(picture) for picture in pictures]
  monkeypatch.setattr(screens, "_PACKAGE", tmp_path / "package")
  monkeypatch.setattr(screens, "_EXAMPLES", tmp_path / "examples")
  before = [screens.state(picture, model) for picture in pictures]
  assert before == real
  with (tmp_path / name).open("ab") as file:
    file.write(b"\n")
  after = [screens.state(picture, model) for picture in pictures]
  changed = [
    {key for key in old if old[key] != new[key]} for old, new in zip(before, after, strict=True)
  ]
  assert changed == [*CHANGES[name]]
