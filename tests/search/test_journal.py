"""Searches that were killed: what they had found is recalled, the rest is found as it would be."""

import os

import numpy as np
import pytest

from synthmatch_jax.search.journal import Entry, Journal


@pytest.fixture
def path(tmp_path):
  return tmp_path / "journal"


def run(task, path, *, key="key"):
  """A search with a journal, the number of its sounds that were rendered, and what was said."""
  said: list[str] = []
  search = task.search(journal=Journal(path, key=key, say=said.append))
  steps = list(search)
  return search, sum(step.sound is not None for step in steps), said


def tried(search):
  return [(one.controls.tobytes(), one.value, one.renders) for one in search.tried]


def killed(task, path):
  """What an uninterrupted search finds, and its journal as a kill after 13 sounds leaves it."""
  whole, _, _ = run(task, path)
  lines = path.read_bytes().splitlines(keepends=True)
  assert len(lines) == whole.renders == 20
  path.write_bytes(b"".join(lines[:13]) + lines[13][:20])
  return whole, lines


def test_a_search_goes_on_to_the_last_bit_where_the_engine_repeats_itself(plugin, path):
  whole, lines = killed(plugin, path)
  search, _, said = run(plugin, path)
  assert tried(search) == tried(whole)
  assert search.trace == whole.trace
  assert [step.renders for step in (search.start, search.best)] == [1, whole.best.renders]
  assert search.start.sound is None
  assert said == []
  again = path.read_bytes().splitlines(keepends=True)
  assert again[:13] == lines[:13]
  assert [line.split()[1:-1] for line in again] == [line.split()[1:-1] for line in lines]


def test_vital_finds_the_same_patches_and_nothing_is_rendered_twice(vital, path):
  whole, _ = killed(vital, path)
  search, _, _ = run(vital, path)
  # New engines differ by -110 dB from those that have played, and a strategy looks at the order.
  assert [one.controls.tobytes() for one in search.tried] == [
    one.controls.tobytes() for one in whole.tried
  ]
  np.testing.assert_allclose(
    [one.value for one in search.tried], [one.value for one in whole.tried], rtol=1e-3
  )
  assert [one.value for one in search.tried[:13]] == [one.value for one in whole.tried[:13]]
  recalled, rendered, _ = run(vital, path)
  assert tried(recalled) == tried(search)
  assert rendered == 0
  assert recalled.seconds == pytest.approx(search.seconds, abs=1.0)


CONTROLS = np.linspace(0, 1, 12, dtype=np.float32).reshape(4, 3)
ENTRIES = [Entry(seconds=k / 3, costs=np.array([k / 7, np.inf])) for k in range(4)]


def recalled(path, said, *, key="key"):
  journal = Journal(path, key=key, say=said.append)
  return journal, [journal.recall(controls) for controls in CONTROLS]


@pytest.mark.parametrize(
  ("key", "damage", "kept"),
  [
    ("key", lambda data: data, 4),
    ("key", lambda data: data[:-1], 3),
    ("key", lambda data: data.replace(b"0.3333", b"0.3334"), 1),
    ("key", lambda data: bytes(range(256)) + data, 0),
    ("other", lambda data: data, 0),
  ],
)
def test_what_is_damaged_or_of_another_search_is_not_recalled(key, damage, kept, path):
  journal = Journal(path, key="key", say=pytest.fail)
  for controls, entry in zip(CONTROLS, ENTRIES, strict=True):
    journal.write(controls, entry)
  whole = path.read_bytes()
  path.write_bytes(damage(whole))
  said: list[str] = []
  journal, entries = recalled(path, said, key=key)
  assert [entry and entry.seconds for entry in entries] == [
    *(entry.seconds for entry in ENTRIES[:kept]),
    *[None] * (4 - kept),
  ]
  for entry, wanted in zip(entries[:kept], ENTRIES, strict=False):
    np.testing.assert_array_equal(entry.costs, wanted.costs)
  assert len(said) == (kept < 3)
  for controls, entry in zip(CONTROLS[kept:], ENTRIES[kept:], strict=True):
    journal.write(controls, entry)
  assert (path.read_bytes() == whole) == (key == "key")
  assert None not in recalled(path, said, key=key)[1]


@pytest.mark.parametrize("odd", ["folder", "link", "pipe"])
def test_what_is_no_plain_file_is_told_once_and_left_alone(odd, path, tmp_path):
  mine = tmp_path / "mine"
  mine.write_text("mine")
  if odd == "folder":
    path.mkdir()
  elif odd == "link":
    path.symlink_to(mine)
  else:
    os.mkfifo(path)
  said: list[str] = []
  journal, entries = recalled(path, said)
  for controls, entry in zip(CONTROLS, ENTRIES, strict=True):
    journal.write(controls, entry)
  assert entries == [None] * 4
  assert len(said) == 1
  assert "cannot be used" in said[0]
  assert mine.read_text() == "mine"
