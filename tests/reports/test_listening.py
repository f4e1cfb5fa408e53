import dataclasses
import html.parser
import json
import re
import shutil
import urllib.parse
from collections import Counter
from pathlib import Path

import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.reports import blind, cells, listening
from tests.reports import material

PAIR_ROWS = ("model", "nearest_mel", "mean")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  return tmp_path_factory.mktemp("listening")


@pytest.fixture(scope="module")
def sections(folder):
  sections = material.sections(folder)
  write_test(folder, sections)
  facts = {"model": "AST <small>"}
  listening.write_page(folder, title=material.HOSTILE, facts=facts, sections=sections)
  return sections


def write_test(folder, sections, *, seed=3, num_trials=12, rows=PAIR_ROWS):
  return blind.write_listening_test(
    folder, title="Blind", sections=sections, rows=rows, seed=seed, num_trials=num_trials
  )


@pytest.fixture
def copy(folder, sections, tmp_path):
  """A folder of the same sounds, to write to."""
  shutil.copytree(folder, tmp_path / "copy")
  return tmp_path / "copy"


class Page(html.parser.HTMLParser):
  """Tags with their attributes, text outside scripts, and the data inside."""

  def __init__(self, path):
    super().__init__()
    self.tags, self.text, self._inside = [], "", ""
    self.source = path.read_text()
    self.feed(self.source)
    self.close()

  def handle_starttag(self, tag, attrs):
    self.tags.append((tag, dict(attrs)))
    self._inside = dict(attrs).get("id", tag) if tag == "script" else ""

  def handle_endtag(self, tag):
    self._inside = ""

  def handle_data(self, data):
    if self._inside == "data":
      self.data = json.loads(data, parse_constant=pytest.fail)
    elif self._inside != "script":
      self.text += data


@pytest.mark.parametrize("name", ["index.html", "listening_test.html"])
def test_a_page_needs_nothing_but_its_folder(folder, sections, name):
  page = Page(folder / name)
  assert not re.search(r"https?:|fetch\(|XMLHttpRequest|import\(", page.source)
  links = [a.get("src") or a.get("href") for _, a in page.tags if "src" in a or "href" in a]
  links = [link for link in links if not link.startswith(("#", "data:,"))]
  links += re.findall(r'[^"]+\.(?:mp3|png)', json.dumps(page.data))
  assert len(links) > 10
  for link in links:
    assert (folder / urllib.parse.unquote(link)).is_file(), link


def test_names_are_text_whatever_they_say(folder, sections):
  page = Page(folder / "index.html")
  assert Counter(tag for tag, _ in page.tags)["script"] == 2
  assert not [a for _, a in page.tags if "onerror" in a]
  assert material.HOSTILE in page.text
  assert page.data[0]["sounds"][0]["name"] == material.HOSTILE
  assert "nearest neighbour <by mel>" in page.text


def test_the_data_hold_what_was_given(folder, sections):
  inside, outside = Page(folder / "index.html").data
  assert [row["name"] for row in inside["rows"]] == [row.name for row in material.ROWS]
  sound = inside["sounds"][1]
  assert sound["scores"][0] == [0.12, 0.988, None]
  assert sound["facts"] == [["licence", "CC0 <1>"]]
  assert sound["picks"] == ["best"]
  assert len(sound["audio"]) == len(sound["pictures"]) == 5
  assert outside["sounds"][0]["pictures"] == [None, None, None]


def test_what_is_no_number_is_null_and_a_row_may_lack_all(copy, sections):
  section = sections[1]
  scores = {"model": {"rms_cosine": float("nan"), "f0_cents": float("inf")}}
  sound = dataclasses.replace(section.sounds[0], scores=scores)
  section = dataclasses.replace(section, sounds=[sound], summaries={})
  listening.write_page(copy, title="", facts={}, sections=[section])
  assert Page(copy / "index.html").data[0]["sounds"][0]["scores"] == [[None] * 3] * 2


def test_the_best_that_does_not_know_the_answer_is_marked():
  def means(*values):
    return [{"mean": v, "low": v, "high": v, "median": v, "count": 5} for v in values]

  def marked(better, *values):
    contest = [True, True, True, False]
    found = cells.column(means(*values), better=better, contest=contest)
    return [cell.best for cell in found]

  assert marked("lower", 0.2, 0.1, None, 0.0) == [False, True, False, False]
  assert marked("higher", 0.2, 0.1, None, 0.9) == [True, False, False, False]
  assert marked("lower", None, None, None, 0.0) == [False] * 4


def test_bars_of_a_column_share_a_scale():
  ends = [(1.0, 0.5, 2.0), (3.0, 2.0, 4.0), (None, None, None)]
  summaries = [dict(zip(("mean", "low", "high"), e, strict=True)) | {"count": 9} for e in ends]
  summaries[0]["count"] = 7
  first, second, third = cells.column(summaries, better="lower", contest=[True] * 3)
  assert first.place == {"low": 12.5, "mean": 25.0, "high": 50.0}
  assert second.place == {"low": 50.0, "mean": 75.0, "high": 100.0}
  assert third.place is None
  assert (first.count, second.count) == (7, None)


@pytest.mark.parametrize(
  ("value", "text"),
  [
    (None, "\N{EN DASH}"),
    (float("nan"), "\N{EN DASH}"),
    (0.0, "0"),
    (0.12345, "0.123"),
    (0.0012345, "0.00123"),
    (1.2e-5, "1.2e-5"),
    (-3.14159, "-3.14"),
    (43.21, "43.2"),
    (1234.5678, "1,235"),
    (2.5e7, "2.5e7"),
  ],
)
def test_numbers_have_three_digits(value, text):
  assert cells.number(value) == text


@pytest.mark.parametrize("path", ["missing.mp3", "../outside.mp3", "/etc/hostname", "sounds"])
def test_a_file_outside_the_folder_is_refused(folder, sections, path):
  with pytest.raises(ValueError, match="is no file in"):
    listening.link(folder, Path(path))


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
  (tmp_path / "file").touch()
  with pytest.raises(UserError, match="cannot be written"):
    listening.write_page(tmp_path / "file", title="", facts={}, sections=[])


def test_the_same_seed_writes_the_same_test(folder, sections, copy):
  names = ("listening_test.html", "listening_test_key.json")
  write_test(copy, sections)
  again = [(copy / name).read_text() for name in names]
  assert again == [(folder / name).read_text() for name in names]
  write_test(copy, sections, seed=4)
  test = json.loads(again[1])["test"]
  assert (copy / f"listening_test_key-{test}.json").read_text() == again[1]  # Kept for answers.
  assert all((copy / n).read_text() != old for n, old in zip(names, again, strict=True))
  kept = {p.name for p in (copy / "listening_test").iterdir()}
  assert kept == {p.name for p in played(copy)}  # Nothing of the older test is left.


def played(folder):
  trials = Page(folder / "listening_test.html").data["trials"]
  return [folder / t[part] for t in trials for part in ("target", "a", "b")]


def test_the_page_of_the_test_tells_nothing(folder, sections):
  source = (folder / "listening_test.html").read_text()
  hidden = [*(row.name for row in material.ROWS), "In domain", "sound 9", "test_key"]
  assert [word for word in hidden if word in source] == []
  files = played(folder)
  assert len(set(files)) == len(files)
  assert all(re.fullmatch(r"[0-9a-f]{16}\.mp3", file.name) for file in files)


def test_the_key_says_what_was_played(folder, sections):
  key = json.loads((folder / "listening_test_key.json").read_text())
  data = Page(folder / "listening_test.html").data
  assert data["test"] == key["test"]
  assert data["seed"] == key["seed"] == 3
  for asked, entry in zip(data["trials"], key["trials"], strict=True):
    audio = next(s.audio for part in sections for s in part.sounds if s.name == entry["sound"])
    for part, name in (("target", "target"), ("a", entry["a"]), ("b", entry["b"])):
      assert (folder / asked[part]).read_bytes() == (folder / audio[name]).read_bytes()


def test_pairs_and_sides_are_even(copy, sections):
  inside, outside = sections
  many = [dataclasses.replace(inside.sounds[0], name=f"sound {i}") for i in range(12)]
  sections = [dataclasses.replace(inside, sounds=many), outside]
  write_test(copy, sections, num_trials=1000)
  trials = json.loads((copy / "listening_test_key.json").read_text())["trials"]
  # 12 sounds of 3 pairs; from outside one sound, to which the mean is no answer.
  assert Counter(t["section"] for t in trials) == {"In domain": 36, "Out of domain": 1}
  assert len({(t["section"], t["sound"], *sorted((t["a"], t["b"]))) for t in trials}) == 37
  sides = Counter((t["a"], t["b"]) for t in trials if t["section"] == "In domain")
  assert set(sides.values()) == {6}
  write_test(copy, sections, num_trials=9)
  few = json.loads((copy / "listening_test_key.json").read_text())["trials"]
  pairs = Counter((t["section"], *sorted((t["a"], t["b"]))) for t in few)
  assert len(pairs) == 4
  assert pairs.pop(("Out of domain", "model", "nearest_mel")) == 1
  assert sorted(pairs.values()) == [2, 3, 3]


def test_a_test_needs_two_rows_that_answer(copy, sections):
  with pytest.raises(ValueError, match="two rows or more"):
    write_test(copy, sections, rows=("model", "model"))
  with pytest.raises(ValueError, match="no sound has"):
    write_test(copy, sections, rows=("model", "nobody"))
