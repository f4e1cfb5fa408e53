"""Answers out of many draws, and what a proxy of the synth does for a match and its search."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from synthmatch_jax.audio.listen import AS_RECORDED, HEARINGS
from synthmatch_jax.errors import UserError
from synthmatch_jax.exported import PROXY
from synthmatch_jax.matching import bulk, ensemble
from synthmatch_jax.matching.bulk import Request
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.matching.progress import Bar
from synthmatch_jax.search.budget import NO_USE, Budget, Use
from synthmatch_jax.search.seeds import BY_PROXY, STEERED

FLUTE = Path(__file__).parents[2] / "examples" / "flute.flac"


@pytest.fixture(scope="module")
def drawing(tiny_flow):
  with Matcher.open([tiny_flow]) as opened:
    yield opened


@pytest.fixture(scope="module")
def recording(drawing):
  return drawing.hear(FLUTE)


def test_several_answers_are_draws_and_one_is_the_first_of_them(drawing, recording):
  note = recording.heard.held_note(drawing.recipe.note)
  drawn = drawing.candidates(recording, HEARINGS, note=note)
  share = math.ceil(16 / len(HEARINGS))
  ways = list(dict.fromkeys(origin.hearing for origin, _ in drawn))
  assert [o.sample for o, _ in drawn] == list(range(share)) * len(ways)
  assert len({example.controls.tobytes() for _, example in drawn}) == share * len(ways)
  (plain,) = drawing.answer(recording, proxy=NO_USE).answers
  assert (plain.origin.hearing, plain.origin.sample) == (AS_RECORDED.name, 0)
  np.testing.assert_allclose(plain.controls, drawn[0][1].controls, atol=1e-6)
  answers = drawing.answer(recording, top=4, listen="once", proxy=NO_USE).answers
  assert len(answers) == 4
  assert {answer.origin.hearing for answer in answers} == {AS_RECORDED.name}
  assert max(answer.origin.sample for answer in answers) > share


def test_a_proxy_makes_answers_better_before_they_are_played(drawing, recording):
  found = drawing.answer(recording, top=30, listen="once", proxy=Use(steps=3))
  steered = [a for a in found.answers if a.origin.hearing == BY_PROXY]
  assert 1 <= len(steered) <= STEERED
  refinement = drawing.search(recording, budget=Budget(renders=3), proxy=Use(steps=3))
  list(refinement)
  tried = refinement.search.tried
  nearest = min((one for one in tried[1:]), key=lambda one: one.value)
  assert refinement._first is nearest
  assert [refinement._origins[one.seed].hearing for one in tried[:2]] == [
    AS_RECORDED.name,
    BY_PROXY,
  ]


def test_where_there_is_a_proxy_the_answer_is_the_nearest_of_a_few_that_it_steered(
  drawing, recording, monkeypatch
):
  played = []
  choose = drawing.choose
  monkeypatch.setattr(
    drawing, "choose", lambda target, some, **asked: played.extend(some) or choose(target, some)
  )
  (answer,) = drawing.answer(recording).answers
  assert 1 <= len(played) <= STEERED
  assert {origin.hearing for origin, _ in played} == {BY_PROXY} == {answer.origin.hearing}
  search = drawing.search(recording, budget=Budget(renders=2), known=answer).search
  list(search)
  np.testing.assert_array_equal(search.tried[0].controls, answer.controls)
  plain = drawing.search(recording, budget=Budget(renders=2), start=answer.controls)
  assert [origin.hearing for origin in plain._origins] == ["as given"]


def match_all(workdir, out, *, workers=1, **request):
  (outcome,), _ = bulk.match_all(
    [str(FLUTE)],
    workdirs=[workdir],
    out=out,
    request=Request(**request),
    workers=workers,
    say=lambda line: None,
  )
  assert outcome.match, outcome.failure
  return outcome


@pytest.mark.slow
def test_a_sieved_search_is_repeatable_and_goes_on_after_a_kill(
  tiny_run, tiny_proxy, tmp_path, monkeypatch
):
  run = shutil.copytree(tiny_run, tmp_path / "run")
  shutil.copytree(tiny_proxy, run / PROXY)
  asked = {"search": Budget(renders=17), "proxy": Use(steps=2, sieve=3)}
  whole = match_all(run, tmp_path / "whole", workers=2, **asked)
  watch, journal = Bar.watch, tmp_path / "out" / ".flute.search"

  def killed(self, folder, search):
    watch(self, folder, search)
    if search.renders == 14:  # In the first population after the seeds.
      raise KeyboardInterrupt

  with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
    patch.setattr(Bar, "watch", killed)
    match_all(run, tmp_path / "out", **asked)
  assert len(journal.read_bytes().splitlines()) == 14
  again = match_all(run, tmp_path / "out", **asked)
  for name in ("match.wav", "flute.vital"):
    assert (again.job.folder / name).read_bytes() == (whole.job.folder / name).read_bytes()
  assert match_all(run, tmp_path / "out", **asked).kept


def test_without_a_proxy_there_is_nothing_to_steer_by(tiny_run, tmp_path):
  for use in (Use(steps=1), Use(sieve=2)):
    with pytest.raises(UserError, match="tiny_run has no proxy of the synth, and --steer"):
      match_all(tiny_run, tmp_path, search=Budget(renders=5), proxy=use)
  with pytest.raises(UserError, match="--steer and --sieve need one"):
    ensemble.proxy(ensemble.load([tiny_run]))
