"""Pictures in the docs show the product as it is."""

import json
import re
import shutil

import pytest

from study import report, screens

ROOT = screens.ROOT
NEEDS_A_RUN = {"evaluation_table.png", "evaluation_sounds.png"}


@pytest.mark.parametrize("picture", sorted(set(screens.SOURCES) - NEEDS_A_RUN))
def test_a_picture_is_as_new_as_what_it_shows(picture):
  made = json.loads(screens.MADE.read_text())
  assert made[picture] == screens.state(picture), "run python -m study.screens"


def test_every_picture_is_made_by_the_command_and_shown():
  shown = set()
  for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
    shown |= set(re.findall(r"\]\((?:docs/)?images/(\w+\.png)\)", path.read_text()))
  there = {path.name for path in report.IMAGES.glob("*.png")}
  drawn = {name for name in there if name.startswith("results_")}
  assert there == shown == drawn | set(screens.SOURCES)


def test_another_model_or_another_page_is_noticed(tmp_path, monkeypatch):
  model = tmp_path / "model"
  shutil.copytree(screens.RELEASED, model)
  before = screens.state("app.png", model)
  weights = bytearray((model / "weights.safetensors").read_bytes())
  weights[-1] ^= 1
  (model / "weights.safetensors").write_bytes(weights)
  after = screens.state("app.png", model)
  assert after["model"] != before["model"]
  assert after["page"] == before["page"]
  package = tmp_path / "package"
  shutil.copytree(screens._PACKAGE / "web", package / "web")
  shutil.copytree(screens._PACKAGE / "reports", package / "reports")
  monkeypatch.setattr(screens, "_PACKAGE", package)
  assert screens.state("app.png", model) == after
  with (package / "web" / "page.py").open("a") as page:
    page.write("# Changed.\n")
  assert screens.state("app.png", model)["page"] != after["page"]
