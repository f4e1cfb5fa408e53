"""The page over all matches, in a folder in which anything may lie."""

import json
import os

import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.matching import output, stored

FILES = {"preset": "a.vital", "sound": "match.wav", "spectrograms": "spectrograms.png"}


def finished(folder, **changes):
  """A folder with what `output.write` writes, as far as the page needs it."""
  folder.mkdir()
  for name in ("index.html", "target.wav", *FILES.values()):
    (folder / name).write_bytes(b"")
  answer = FILES | {
    "distances": {"mss": 1.5, "sot": None},
    "confidence": {"kind": "near", "percentile": 5.0, "of": 100, "words": "near", "advice": ""},
  }
  found = {"source": f"{folder.name}.wav", "synth": "vital", "target": "target.wav", "format": 1}
  found |= {"answers": [answer]} | changes
  (folder / "patch.json").write_text(json.dumps(found))
  return found


def answer(**changes):
  def change(found):
    found["answers"][0] |= changes

  return change


def dropped(key):
  return lambda found: found.pop(key)


DAMAGED = {
  "no source": dropped("source"),
  "no format": dropped("format"),
  "another format": lambda found: found.update(format=2),
  "a source that is a number": lambda found: found.update(source=3),
  "a source that is half a character": lambda found: found.update(source="\ud800"),
  "answers that are an object": lambda found: found.update(answers={"a": 1}),
  "answers that are texts": lambda found: found.update(answers=["a", "b"]),
  "no answer": lambda found: found.update(answers=[]),
  "a target elsewhere": lambda found: found.update(target="../b/target.wav"),
  "a target that is a list": lambda found: found.update(target=["target.wav"]),
  "a sound with a zero in its name": answer(sound="match\0.wav"),
  "a sound of a very long name": answer(sound="a" * 5000),
  "a sound that is not there": answer(sound="none.wav"),
  "a preset that is none": answer(preset=None),
  "no distances": answer(distances=None),
  "a distance that is a text": answer(distances={"mss": "1.5"}),
  "a distance that is true": answer(distances={"mss": True}),
  "a distance of 400 digits": answer(distances={"mss": 10**400}),
  "a distance that is NaN": answer(distances={"mss": float("nan")}),
  "an infinite number anywhere": lambda found: found.update(note={"seconds": float("inf")}),
  "no confidence": answer(confidence=None),
  "a confidence without words": answer(confidence={"kind": "near", "words": "", "advice": ""}),
}
CONTENTS = {
  "nothing": b"",
  "no JSON": b"{",
  "no object": b"[1, 2]",
  "a text": b'"answers"',
  "left by a kill": b"{}\n",
  "no UTF-8": b"\xff\xfe{}",
  "a bare NaN": b'{"answers": NaN}',
  "deep lists": b"[" * 200_000,
  "deep objects": b'{"a":' * 200_000,
  "a number of a million digits": b'{"answers": ' + b"1" * 1_000_000 + b"}",
  "huge": b'{"answers": "' + b"a" * (5 << 20) + b'"}',
}


def pipe(path):
  os.mkfifo(path)


KINDS = {
  "a pipe": pipe,
  "a folder": lambda path: path.mkdir(),
  "a link to nowhere": lambda path: path.symlink_to("nowhere"),
  "a link to itself": lambda path: path.symlink_to(path.name),
  "an endless device": lambda path: path.symlink_to("/dev/zero"),
  "a link to a pipe": lambda path: (os.mkfifo(path.with_name("p")), path.symlink_to("p")),
}


def lay(folder, what):
  """Puts a patch.json of a kind into a folder."""
  if what in DAMAGED:
    found = finished(folder)
    DAMAGED[what](found)
    (folder / "patch.json").write_text(json.dumps(found))
    return
  folder.mkdir()
  path = folder / "patch.json"
  if what in CONTENTS:
    path.write_bytes(CONTENTS[what])
  else:
    KINDS[what](path)


@pytest.mark.parametrize("what", [*DAMAGED, *CONTENTS, *KINDS])
def test_one_bad_match_is_told_in_a_line_and_left_out(tmp_path, what):
  finished(tmp_path / "good")
  lay(tmp_path / "bad", what)
  said = []
  page = output.write_page(tmp_path, 44_100, say=said.append)
  assert page == tmp_path / "index.html"
  text = (tmp_path / "index.html").read_text()
  assert "good.wav" in text
  assert "1 sound, matched" in text
  assert "bad" not in text
  (line,) = said
  assert line.startswith(f"{tmp_path / 'bad' / 'patch.json'} is left out of the page: ")
  assert "\n" not in line
  assert stored.read(tmp_path / "bad") is None


def test_all_bad_ones_at_once(tmp_path):
  for number, what in enumerate([*DAMAGED, *CONTENTS, *KINDS]):
    lay(tmp_path / f"bad-{number:02d}", what)
  finished(tmp_path / "good")
  (tmp_path / os.fsdecode(b"\xff")).mkdir()
  finished(tmp_path / os.fsdecode(b"\xfe"))
  said = []
  assert output.write_page(tmp_path, 44_100, say=said.append)
  assert len(said) == len(DAMAGED) + len(CONTENTS) + len(KINDS) + 1
  assert "1 sound, matched" in (tmp_path / "index.html").read_text()


def test_a_folder_without_a_match_has_no_page(tmp_path):
  (tmp_path / "a").mkdir()
  (tmp_path / "file").write_text("")
  said = []
  assert output.write_page(tmp_path, 44_100, say=said.append) is None
  assert said == []


def test_a_page_that_cannot_be_written_is_told_in_a_sentence(tmp_path):
  finished(tmp_path / "good")
  (tmp_path / "index.html").mkdir()
  with pytest.raises(UserError, match=r"index\.html cannot be written"):
    output.write_page(tmp_path, 44_100, say=print)


@pytest.mark.parametrize("what", [*DAMAGED, *CONTENTS])
def test_a_match_replaces_a_damaged_one(tmp_path, what):
  """The names that a damaged one says are of no files but its own."""
  (tmp_path / "b").mkdir()
  (tmp_path / "b" / "target.wav").write_bytes(b"mine")
  folder = tmp_path / "a"
  lay(folder, what)
  with output._replacing(folder) as partial:
    (partial / "patch.json").write_text("{}")
  assert (folder / "patch.json").read_text() == "{}"
  assert (tmp_path / "b" / "target.wav").read_bytes() == b"mine"
