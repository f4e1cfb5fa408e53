"""What is said of an answer, beside an evaluation whose numbers are known."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from synthmatch_jax.audio.pitch import HeardPitch
from synthmatch_jax.exported import ANSWERED, HELD, PROXY
from synthmatch_jax.inference import Predictor
from synthmatch_jax.matching import confidence, ensemble
from synthmatch_jax.matching.confidence import ENOUGH, Pair, Reference
from synthmatch_jax.search.seeds import DRAWS


@pytest.fixture
def run(tiny_run, tmp_path):
  """A workdir of its own."""
  return shutil.copytree(tiny_run, tmp_path / "run", ignore=shutil.ignore_patterns("eval"))


def evaluate(workdir, distances, *, step, row="model"):
  """What `eval` leaves, of what matters here."""
  folder = workdir / "eval" / "test"
  folder.mkdir(parents=True, exist_ok=True)
  timbre = np.array(distances, float)
  arrays = {f"{row}/loudness_spectrum": timbre, f"{row}/rms_cosine": 1 - timbre}
  np.savez(folder / "per_sound.npz", **arrays, **{HELD: np.ones(timbre.size)})
  (folder / "results.json").write_text(json.dumps({"step": step, "rows": {row: {}}}))


def note(midi):
  return midi and HeardPitch(midi=float(midi), confidence=1.0, share=1.0, voiced_share=1.0)


def pair(timbre=0.0, envelope=0.0, *, target=60.0, estimate=60.0, held=1.0, renders=0):
  return Pair(
    distances={"loudness_spectrum": timbre, "rms_cosine": 1 - envelope},
    target=note(target),
    estimate=note(estimate),
    held=held,
    renders=renders,
  )


HUNDRED = Reference(
  distances={name: np.arange(1.0, 101.0) for name in ("loudness_spectrum", "rms_cosine")},
  held=np.ones(100),
)


@pytest.mark.parametrize(
  ("distance", "kind", "percentile", "words", "share"),
  [
    (0.5, "near", 0, "timbre near", 100),
    (49.5, "near", 49, "timbre near", 51),
    (50.5, "usual", 50, "timbre fair", 50),
    (94.5, "usual", 94, "timbre fair", 6),
    (95.5, "far", 95, "timbre far", 5),
    (1e6, "far", 100, "timbre far", 0),
  ],
)
def test_timbre_is_judged_by_its_rank(distance, kind, percentile, words, share):
  found = HUNDRED.confidence(pair(timbre=distance))
  _, timbre, envelope = found.aspects
  assert (timbre.kind, timbre.percentile, timbre.of) == (kind, percentile, 100)
  assert (timbre.words, envelope.words) == (words, "envelope near")
  assert timbre.beside.startswith(f"nearer than {share} % of the model's answers to 100 of")
  assert (found.kind, found.percentile) == (kind, percentile)
  assert found.words == f"in tune, {words}, envelope near"


@pytest.mark.parametrize(
  ("target", "estimate", "kind", "words"),
  [
    (60, 60.03, "near", "in tune (3 cents off)"),
    (60, 59.8, "usual", "20 cents too low"),
    (60, 60.6, "far", "60 cents too high"),
    (60, 61, "far", "a semitone too high"),
    (60, 53.1, "far", "a fifth too low"),
    (60, 71.8, "far", "an octave too high"),
    (60, 84, "far", "2 octaves too high"),
    (60, 41, "far", "19 semitones too low"),
    (60, None, "far", "no pitch in the answer"),
    (None, 60, "none", "no clear pitch to compare"),
  ],
)
def test_pitch_is_told_as_an_interval(target, estimate, kind, words):
  for reference in (HUNDRED, Reference(unknown="why")):  # It needs no evaluation.
    pitch = reference.confidence(pair(target=target, estimate=estimate)).aspects[0]
    assert (pitch.kind, pitch.words) == (kind, words)
  assert HUNDRED.confidence(pair(target=target, estimate=estimate)).kind == (
    "near" if kind == "none" else kind
  )


def test_only_what_a_search_has_not_reached_is_out_of_reach():
  for renders, kind in ((0, "far"), (ENOUGH - 1, "far"), (ENOUGH, "out_of_reach")):
    found = HUNDRED.confidence(pair(envelope=200.0, estimate=67.0, renders=renders))
    assert [verdict.kind for verdict in found.aspects] == ["far", "near", kind]
    assert found.kind == kind
  assert found.words == "a fifth too high, timbre near, envelope out of reach"
  assert HUNDRED.confidence(pair(envelope=97.5, renders=ENOUGH)).kind == "far"


def test_an_answer_is_judged_beside_sounds_that_last_as_long():
  short, long = np.full(200, 0.1), np.full(200, 3.0)
  reference = Reference(
    distances={"loudness_spectrum": np.r_[short, long], "rms_cosine": np.r_[short, long]},
    held=np.r_[short, long],
  )
  for held, kind, lasting in ((0.2, "far", "0.1 to 0.1 s"), (2.5, "near", "3 to 3 s")):
    timbre = reference.confidence(pair(timbre=1.0, held=held)).aspects[1]
    assert timbre.kind == kind
    assert timbre.beside.endswith(f"held for {lasting}")


def test_an_answer_is_judged_beside_sounds_that_are_as_high():
  low, high = np.full(200, 36.0), np.full(200, 84.0)
  notes = {"pitch": np.r_[low, high], "held": np.ones(400)}
  reference = Reference(
    distances=dict.fromkeys(("loudness_spectrum", "rms_cosine"), np.r_[low, high]), **notes
  )
  for pitch, kind in ((40.0, "far"), (80.0, "near")):
    assert reference.confidence(pair(timbre=50.0, target=pitch)).aspects[1].kind == kind
  unpitched = reference.confidence(pair(timbre=50.0, target=None)).aspects[1]
  assert unpitched.kind == "far"  # Beside the first ones: all are held equally long.


def test_an_evaluation_is_read_without_the_sounds_that_failed(run):
  predictor = Predictor.load(run)
  evaluate(run, [*range(40, 0, -1), np.nan, np.nan], step=predictor.step)
  reference = confidence.reference(run, predictor)
  for distances in reference.distances.values():
    np.testing.assert_allclose(distances, np.arange(40, 0, -1))
  assert reference.confidence(pair(timbre=10.5)).percentile == 25


def test_what_is_unknown_is_said_with_the_command_that_makes_it_known(run):
  predictor = Predictor.load(run)
  command = f"`python -m synthmatch_jax.eval --workdir={run}` makes it known"
  reasons = []

  def unknown():
    found = confidence.reference(run, predictor).confidence(pair())
    assert (found.kind, found.percentile, found.of) == ("unknown", None, 0)
    assert found.words.startswith("in tune, timbre unknown, envelope unknown: ")
    assert found.advice == command
    assert str(run) not in found.words  # They are shown to visitors of the page.
    reasons.append(found.words)

  unknown()
  evaluate(run, range(6), step=predictor.step)
  unknown()
  evaluate(run, range(100), step=predictor.step + 1)
  unknown()
  evaluate(run, range(100), step=predictor.step)
  file = run / "eval" / "test" / "per_sound.npz"
  file.write_bytes(file.read_bytes()[:300])
  unknown()
  file.write_bytes(b"")
  unknown()
  evaluate(run, range(100), step=predictor.step)
  whole = bytearray(file.read_bytes())
  whole[len(whole) // 2] ^= 0xFF
  file.write_bytes(whole)
  unknown()
  np.savez(file, **{"model/mss": np.arange(100.0)})
  unknown()
  (run / "eval" / "test" / "results.json").write_text("[]")
  unknown()
  says = ["not been evaluated", "6 sounds only", "trained on since", *["is damaged"] * 3]
  says += ["earlier version, or has no row", "is damaged"]
  for reason, words in zip(reasons, says, strict=True):
    assert words in reason


def test_with_a_proxy_answers_are_judged_beside_what_a_match_makes_of_it(run):
  predictor = Predictor.load(run)
  (run / PROXY).mkdir()
  assert f"answered_{DRAWS}" == ANSWERED
  for row, is_known in {"model": True, ANSWERED: True, "answered_8": False}.items():
    evaluate(run, range(100), step=predictor.step, row=row)
    assert (not confidence.reference(run, predictor).unknown) == is_known
  evaluate(run, range(100), step=predictor.step, row=ANSWERED)
  (run / PROXY).rmdir()
  assert "has no row" in confidence.reference(run, predictor).unknown


def test_a_real_evaluation_is_understood(tiny_run):
  """The test split has too few sounds, and that is what is said: all keys were found."""
  from synthmatch_jax.evaluation import evaluator

  evaluator.evaluate(tiny_run, names=["model"], gallery_size=0, workers=1)
  (model,) = ensemble.load([tiny_run])
  assert "evaluated on 6 sounds only" in model.reference.unknown


def test_a_match_is_not_kept_when_more_is_known_of_its_model(run):
  (before,) = ensemble.load([run])
  (again,) = ensemble.load([run])
  evaluate(run, range(100), step=before.predictor.step)
  (after,) = ensemble.load([run])
  assert before.digest == again.digest != after.digest
  longer = dataclasses.replace(after.reference, held=2 * after.reference.held)
  assert longer.digest != after.reference.digest
