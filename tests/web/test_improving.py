"""Answers of a visit that are improved by a search, without a browser."""

import json
import shutil

import numpy as np
import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.search.budget import Budget
from synthmatch_jax.web import improving
from synthmatch_jax.web.improving import Progress
from synthmatch_jax.web.uploads import Uploads
from synthmatch_jax.web.visit import Visit
from tests.web.serving import EXAMPLES


@pytest.fixture(autouse=True)
def short(monkeypatch):
  """A search of few renders, so that tests are the same on every machine."""
  monkeypatch.setattr(improving, "allowed", lambda engine: Budget(renders=24))


@pytest.fixture
def entry(visit, tmp_path):
  """The plain answer to a flute."""
  return visit.match(shutil.copy(EXAMPLES / "flute.flac", tmp_path / "0.flac"), name="flute")


def test_a_search_improves_the_answer_and_each_step_can_be_gone_back_to(visit, entry):
  begun, *course = visit.improve(entry.key)
  assert begun == Progress(entry=entry, trace=(), renders=0, is_over=False)
  assert [p.is_over for p in course] == [False] * (len(course) - 1) + [True]
  last = course[-1]
  values = [value for _, value in last.trace]
  assert values[0] == pytest.approx(1.0)
  assert values == sorted(values, reverse=True)
  assert values[-1] < 1
  assert last.renders == 24
  keys = [p.entry.key for p in course]
  assert sorted(set(keys) | {entry.key}) == sorted(e.key for e in visit.history)
  assert visit.history[0] is last.entry
  # What is kept is clearly nearer than what was kept before, except for the best.
  kept = [e.match.searched.trace[-1][1] for e in reversed(visit.history[:-1])]
  assert all(now <= 0.9 * before for before, now in zip([1.0, *kept], kept[:-1], strict=False))
  searched = last.entry.match.searched
  assert searched.trace == last.trace
  assert json.loads(last.entry.patch.read_text())["search"]["renders"] == searched.renders
  for step in visit.history:
    assert visit.entry(step.key) is step
    assert step.sound.exists()


def test_a_search_can_be_stopped_and_keeps_the_best_so_far(visit, entry, monkeypatch):
  monkeypatch.setattr(improving, "allowed", lambda engine: Budget(renders=100_000))
  course = []
  for progress in visit.improve(entry.key):
    course.append(progress)
    if progress.entry is not entry:
      visit.stop()
  last = course[-1]
  assert last.is_over
  assert last.entry is visit.history[0] is not entry
  assert last.entry.match.searched.trace == last.trace
  assert last.renders < 1000


def test_what_was_moved_by_hand_is_kept_and_what_is_locked(visit, entry):
  names = visit.matcher.recipe.space.names
  controls = entry.match.best.controls.copy()
  moved = names.index("osc1_amp")
  controls[moved] = 0.123
  changed = visit.change(entry.key, controls.tolist(), ["noise_amp"])
  assert changed.locked == {"osc1_amp", "noise_amp"}
  last = list(visit.improve(changed.key, changed.locked))[-1].entry
  assert last.locked == changed.locked
  found = last.match.best.controls
  for name in changed.locked:
    assert found[names.index(name)] == changed.match.best.controls[names.index(name)]
  assert not np.array_equal(found, changed.match.best.controls)
  assert last.match.best.origin.hearing == "as given"  # It goes on from what was moved.
  assert visit.entry(entry.key).locked == frozenset()


def test_whatever_else_is_asked_ends_the_search_and_the_best_so_far_is_kept(
  visit, entry, monkeypatch
):
  monkeypatch.setattr(improving, "allowed", lambda engine: Budget(renders=100_000))
  course, changed = [], None
  for progress in visit.improve(entry.key):
    course.append(progress)
    if progress.entry is not entry and not changed:
      controls = entry.match.best.controls.copy()
      controls[1] = 0.987
      changed = visit.change(entry.key, controls.tolist())
  assert changed is not None
  assert changed.match.best.controls[1] == np.float32(0.987)
  np.testing.assert_array_equal(changed.match.best.controls[2:], entry.match.best.controls[2:])
  assert course[-1].is_over
  assert course[-1].renders < 1000
  kept = [one.key for one in visit.history]
  assert {course[-1].entry.key, changed.key, entry.key} <= set(kept)


def test_a_visit_that_ends_ends_its_search(matcher, tmp_path, monkeypatch):
  monkeypatch.setattr(improving, "allowed", lambda engine: Budget(renders=100_000))
  visit = Visit(matcher, Uploads(tmp_path))
  plain = visit.match(shutil.copy(EXAMPLES / "flute.flac", tmp_path / "0.flac"))
  with pytest.raises(UserError, match="this visit is over"):
    for progress in visit.improve(plain.key):
      if progress.entry is not plain:
        visit.close()
  assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_improved_gets_a_sentence(visit, entry, monkeypatch):
  names = visit.matcher.recipe.space.names
  asked = {
    "not kept any more": (99, ()),
    "all controls are locked: unlock one": (entry.key, names),
    "has no 'osc3_amp'": (entry.key, ["osc3_amp"]),
  }
  for sentence, (key, locked) in asked.items():
    with pytest.raises(UserError, match=sentence):
      list(visit.improve(key, locked))
  monkeypatch.setattr(improving, "allowed", lambda engine: Budget(renders=1))
  with pytest.raises(UserError, match="nothing nearer was found in 1 renders"):
    list(visit.improve(entry.key))
  assert visit.history == (entry,)
  entry.upload.unlink()
  with pytest.raises(UserError, match="is not here any more"):
    list(visit.improve(entry.key))
