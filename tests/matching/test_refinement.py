"""Searches for recordings, from what a model says on."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.matching import bulk, stored
from synthmatch_jax.matching.bulk import Request
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.matching.progress import Bar
from synthmatch_jax.search import neighbours
from synthmatch_jax.search.budget import Budget
from synthmatch_jax.search.locks import Locks
from synthmatch_jax.search.search import LANES

EXAMPLES = Path(__file__).parents[2] / "examples"
FLUTE = EXAMPLES / "flute.flac"


@pytest.fixture(scope="module")
def recording(matcher):
  return matcher.hear(FLUTE)


def test_a_search_begins_with_the_answers_and_ends_nearer(matcher, recording):
  refinement = matcher.search(recording, budget=Budget(renders=24))
  steps = list(refinement)
  found = refinement.match(top=2)
  plain = matcher.answer(recording)
  assert found.searched is not None
  assert found.searched.renders == 24
  assert found.searched.trace == tuple((step.renders, step.value) for step in steps)
  assert found.searched.start["mss"] == pytest.approx(plain.best.distances["mss"], abs=0.01)
  assert steps[-1].value < steps[0].value
  assert len(found.answers) == 2
  np.testing.assert_array_equal(found.best.controls, steps[-1].controls)
  assert found.best.origin.step == (0 if steps[-1].is_seed else steps[-1].renders)
  assert found.best.origin.words.endswith("then searched") == (found.best.origin.step > 0)
  assert found.note == plain.note
  # A sound of the answer is that of an engine as good as new, whatever the search has played.
  again = matcher.change(found, found.best.controls).best
  np.testing.assert_array_equal(found.best.estimate, again.estimate)
  assert found.best.distances == again.distances


def test_searches_at_once_find_what_each_finds_alone(matcher, recording):
  def search():
    refinement = matcher.search(recording, budget=Budget(renders=20))
    list(refinement)
    return refinement.search.trace, refinement.match().best.estimate.tobytes()

  alone = search()
  with ThreadPoolExecutor(2) as threads:
    assert [done.result() for done in [threads.submit(search) for _ in range(2)]] == [alone] * 2


def test_it_can_be_left_and_looked_at_anytime(matcher, recording):
  refinement = matcher.search(recording, budget=Budget(seconds=600.0))
  for step in refinement:
    if not step.is_seed or step.renders > 3:
      break
  np.testing.assert_array_equal(refinement.match().best.controls, step.controls)


def test_a_given_start_and_locks_are_kept(matcher, recording):
  start = np.full(16, 0.6, np.float32)
  locks = Locks.parse(["osc2_pitch", "noise_amp=0"], matcher.recipe.space)
  refinement = matcher.search(recording, budget=Budget(renders=9), start=start, locks=locks)
  list(refinement)
  best = refinement.match().best
  assert best.origin.hearing == "as given"
  assert best.patch["noise_amp"] == 0
  assert best.controls[matcher.recipe.space.names.index("osc2_pitch")] == np.float32(0.6)


@pytest.mark.slow
def test_what_a_bound_search_has_not_reached_may_be_in_reach(matcher, recording, monkeypatch):
  told = []
  monkeypatch.setattr(Matcher, "choose", lambda *_, renders, **__: told.append(renders) or ())
  start = np.full(16, 0.6, np.float32)
  locks = Locks.parse(["noise_amp=0"], matcher.recipe.space)
  for asked in ({}, {"start": start}, {"locks": locks}):
    refinement = matcher.search(recording, budget=Budget(renders=4), **asked)
    list(refinement)
    refinement.match()
  assert told == [4, 0, 0]


def test_the_nearest_training_sounds_are_tried(tiny_run, tmp_path):
  path, _ = neighbours.make(tiny_run, data_dir=None, limit=48)
  try:
    asked = Request(search=Budget(renders=24), top=24)
    (outcome,), _ = bulk.match_all(
      [str(FLUTE)], workdirs=[tiny_run], out=tmp_path, request=asked, say=lambda line: None
    )
  finally:
    path.unlink()
  assert outcome.match
  tried = {answer["hearing"] for answer in outcome.match["answers"]}
  assert {"nearest training sound", "middle of the prior"} & tried


@pytest.mark.slow
def test_models_that_say_the_same_are_heard_once(matcher, recording):
  (model,) = matcher.models
  twin = dataclasses.replace(model, name="twin")
  both = Matcher([model, twin], matcher.pool)
  alone, together = (m.search(recording, budget=Budget(renders=20)) for m in (matcher, both))
  list(alone)
  list(together)
  assert together.search.trace == alone.search.trace
  assert {answer.origin.model for answer in together.match(top=9).answers} == {model.name}


def match_all(tiny_run, out, **request):
  (outcome,), _ = bulk.match_all(
    [str(FLUTE)], workdirs=[tiny_run], out=out, request=Request(**request), say=lambda line: None
  )
  assert outcome.match, outcome.failure
  return outcome


def test_a_match_with_its_search_is_written_kept_and_repeatable(tiny_run, tmp_path):
  asked = {"search": Budget(renders=14), "locks": ("noise_amp=0",)}
  one = match_all(tiny_run, tmp_path / "one", **asked)
  assert one.match["search"]["renders"] == 14
  assert one.match["search"]["start"]["mss"] > 0
  assert one.match["search"]["trace"][0]["renders"] == 1
  assert one.match["answers"][0]["patch"]["noise_amp"]["value"] == 0
  assert "Found by a search of 14 renders" in (one.job.folder / stored.PAGE).read_text()
  assert match_all(tiny_run, tmp_path / "one", **asked).kept
  outcomes, _ = bulk.match_all(
    [str(FLUTE)],
    workdirs=[tiny_run],
    out=tmp_path / "two",
    request=Request(**asked),
    workers=2,
    say=lambda line: None,
  )
  two = outcomes[0]
  for name in ("match.wav", "flute.vital", "target.wav"):
    assert (one.job.folder / name).read_bytes() == (two.job.folder / name).read_bytes()
  for found in (one.match, two.match):
    found["search"].pop("seconds")
  assert one.match == two.match


@pytest.mark.slow
def test_an_answer_can_be_searched_on(tiny_run, tmp_path):
  first = match_all(tiny_run, tmp_path / "a", search=Budget(renders=10))
  start = first.job.folder / stored.PATCH
  on = match_all(tiny_run, tmp_path / "b", search=Budget(renders=10), start=start)
  before, now = (o.match["search"] for o in (first, on))
  assert now["start"]["mss"] == pytest.approx(
    first.match["answers"][0]["distances"]["mss"], abs=0.1
  )
  assert before["renders"] == now["renders"] == 10


def test_what_cannot_be_asked_of_a_search_is_told_before_anything_is_rendered(tiny_run, tmp_path):
  for asked, says in (
    ({"locks": ("osc3_amp",)}, "has no 'osc3_amp'; did you mean"),
    ({"locks": ("osc1_amp", "osc1_amp=1")}, "osc1_amp is locked twice"),
    ({"start": tmp_path / "none.json"}, "cannot be read"),
  ):
    with pytest.raises(UserError, match=says):
      match_all(tiny_run, tmp_path / "out", search=Budget(renders=5), **asked)


def test_an_error_ends_the_searches_under_way(tiny_run, tmp_path, monkeypatch):
  search, begun = Matcher.search, threading.Event()

  def fails_on_the_guitar(self, recording, **asked):
    if recording.source == "guitar.flac":
      begun.wait()
      raise UserError("the disk is full")
    begun.set()
    return search(self, recording, **asked)

  monkeypatch.setattr(Matcher, "search", fails_on_the_guitar)
  with pytest.raises(UserError, match="the disk is full"):
    bulk.match_all(
      [str(FLUTE), str(EXAMPLES / "guitar.flac")],
      workdirs=[tiny_run],
      out=tmp_path,
      request=Request(search=Budget(seconds=86_400.0)),
      workers=2 * LANES,
      say=lambda line: None,
    )


def test_a_search_that_was_killed_goes_on(tiny_run, tmp_path, monkeypatch):
  asked = {"search": Budget(renders=14)}
  whole = match_all(tiny_run, tmp_path / "whole", **asked)
  watch, journal = Bar.watch, tmp_path / "out" / ".flute.search"

  def killed(self, folder, search):
    watch(self, folder, search)
    if search.renders == 9:
      raise KeyboardInterrupt

  with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
    patch.setattr(Bar, "watch", killed)
    match_all(tiny_run, tmp_path / "out", **asked)
  assert len(journal.read_bytes().splitlines()) == 9
  again = match_all(tiny_run, tmp_path / "out", **asked)
  assert not journal.exists()
  for name in ("match.wav", "flute.vital"):
    assert (again.job.folder / name).read_bytes() == (whole.job.folder / name).read_bytes()
  said = [one.match["search"] for one in (again, whole)]
  assert said[0]["start"] == said[1]["start"]
  assert [step["renders"] for step in said[0]["trace"]] == [
    step["renders"] for step in said[1]["trace"]
  ]


STOPPED = """
import os, signal, sys
from synthmatch_jax.matching import progress
from synthmatch_jax.search.search import Search
watch = progress.Bar.watch
def interrupted(self, folder, search):
  watch(self, folder, search)
  if search.renders == 9:
    os.kill(os.getpid(), signal.SIGINT)
progress.Bar.watch = interrupted
from absl import app
from synthmatch_jax import cli, match
cli.run(match.main)
"""


@pytest.mark.slow
def test_ctrl_c_writes_the_best_so_far_and_begins_nothing_more(tiny_run, tmp_path):
  out = tmp_path / "out"
  sounds = [str(FLUTE), str(EXAMPLES / "guitar.flac"), str(EXAMPLES / "organ.flac")]
  flags = [f"--workdir={tiny_run}", f"--out={out}", "--search=100000", "--workers=2"]
  done = subprocess.run(
    [sys.executable, "-c", STOPPED, *sounds, *flags],
    capture_output=True,
    text=True,
    env={**os.environ, "TQDM_DISABLE": "1"},
  )
  assert done.returncode == 1, done.stderr
  assert "stopped: 2 of 3 sounds are left; the same command goes on" in done.stderr
  assert "Traceback" not in done.stderr
  found = json.loads((out / "flute" / "patch.json").read_text())
  assert found["search"]["stopped"]
  assert 9 <= found["search"]["renders"] < 100
  assert (out / "index.html").exists()
  assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
  # It is no finished search: the next time it goes on, or is done again if asked for otherwise.
  assert (out / ".flute.search").exists()
  assert not match_all(tiny_run, out, search=Budget(renders=6)).kept
  assert not (out / ".flute.search").exists()
