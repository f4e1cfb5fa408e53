"""What a browser loads: every word has a text in every language, and files are short."""

import configparser
import json
import re
from pathlib import PurePosixPath

import pytest

from synthmatch_jax.web.api import STATIC
from tests.web.serving import REPO

WORDS = {path.name: json.loads(path.read_text()) for path in STATIC.glob("words.*.json")}


def used():
  """The names of texts in the page and in its modules."""
  found = set(re.findall(r'data-t(?:-\w+)?="(\w+)"', (STATIC / "index.html").read_text()))
  for path in STATIC.glob("*.js"):
    for call in re.findall(r"\bt\(([^)]*)", path.read_text()):
      found |= set(re.findall(r'"(\w+)"', call.split("{")[0]))
  return found


def test_every_text_that_is_used_is_there_and_no_other():
  words = set(WORDS["words.en.json"])
  assert used() <= words
  loaded = "".join(path.read_text() for path in STATIC.iterdir() if path.suffix in (".js", ".html"))
  assert {name for name in words if f'"{name}"' not in loaded} == {
    name for name in words if name.startswith("help_")
  }


def test_all_languages_have_the_same_texts_with_the_same_values():
  for name, words in WORDS.items():
    assert set(words) == set(WORDS["words.en.json"]), name
    for key, text in words.items():
      wanted = sorted(re.findall(r"\{\w+\}", WORDS["words.en.json"][key]))
      assert sorted(re.findall(r"\{\w+\}", text)) == wanted, (name, key)


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_modules_stay_short_and_load_nothing_from_elsewhere(path):
  text = path.read_text()
  assert len(text.splitlines()) <= 300
  assert all(name.startswith("./") for name in re.findall(r'from "([^"]+)"', text))
  assert not re.findall(r"https?://(?!www\.w3\.org)", text)


def test_an_installation_has_all_of_it():
  config = configparser.ConfigParser()
  config.read(REPO / "setup.cfg")
  patterns = config["options.package_data"]["synthmatch_jax"].split()
  for path in STATIC.iterdir():
    name = PurePosixPath(path.relative_to(STATIC.parents[1]).as_posix())
    assert any(name.match(pattern) for pattern in patterns), name
