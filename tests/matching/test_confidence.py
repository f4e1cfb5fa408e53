"""What is said of a distance, from an evaluation whose numbers are known."""

import json
import re
import shutil

import numpy as np
import pytest

from synthmatch_jax.inference import Predictor
from synthmatch_jax.matching import confidence, ensemble
from synthmatch_jax.matching.confidence import Reference


@pytest.fixture
def run(tiny_run, tmp_path):
  """A workdir of its own."""
  return shutil.copytree(tiny_run, tmp_path / "run", ignore=shutil.ignore_patterns("eval"))


def evaluate(workdir, distances, *, step):
  """What `eval` leaves, of what matters here."""
  folder = workdir / "eval" / "test"
  folder.mkdir(parents=True, exist_ok=True)
  np.savez(folder / "per_sound.npz", **{"model/mss": np.array(distances, float)})
  (folder / "results.json").write_text(json.dumps({"step": step}))


@pytest.mark.parametrize(
  ("distance", "kind", "percentile", "says"),
  [
    (0.5, "near", 0, "as near as the best 10 % of the answers"),
    (15.5, "near", 15, "as near as the best 20 % of the answers"),
    (49.5, "near", 49, "as near as the best 50 % of the answers"),
    (50.5, "usual", 50, "farther off than 50 % of the answers"),
    (94.5, "usual", 94, "farther off than 94 % of the answers"),
    (95.5, "out_of_reach", 95, "out of the synth's reach, .* than 95 % of the 100 answers"),
    (1e6, "out_of_reach", 100, "out of the synth's reach, .* than any of the 100 answers"),
  ],
)
def test_a_percentile_in_words(distance, kind, percentile, says):
  reference = Reference(distances=np.arange(1.0, 101.0))
  found = reference.confidence(distance)
  assert (found.kind, found.percentile, found.of) == (kind, percentile, 100)
  assert re.match(says, found.words)


def test_an_evaluation_is_read_without_the_sounds_that_failed(run):
  predictor = Predictor.load(run)
  evaluate(run, [*range(40, 0, -1), np.nan, np.nan], step=predictor.step)
  reference = confidence.reference(run, predictor)
  np.testing.assert_array_equal(reference.distances, np.arange(1, 41))
  assert reference.confidence(10.5).percentile == 25


def test_what_is_unknown_is_said_with_the_command_that_makes_it_known(run):
  predictor = Predictor.load(run)
  command = f"`python -m synthmatch_jax.eval --workdir={run}` makes it known"
  reasons = []

  def unknown():
    found = confidence.reference(run, predictor).confidence(1.0)
    assert (found.kind, found.percentile, found.of) == ("unknown", None, 0)
    assert found.words.startswith("unknown: ")
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
  np.savez(file, **{"nearest_mel/mss": np.arange(100.0)})
  unknown()
  (run / "eval" / "test" / "results.json").write_text("[]")
  unknown()
  says = ["not been evaluated", "6 sounds only", "trained on since", *["damaged or has no row"] * 5]
  for reason, words in zip(reasons, says, strict=True):
    assert words in reason


def test_a_real_evaluation_is_understood(tiny_run):
  """The test split has too few sounds, and that is what is said: all keys were found."""
  from synthmatch_jax.evaluation import evaluator

  evaluator.evaluate(tiny_run, names=["model"], gallery_size=0, workers=1)
  (model,) = ensemble.load([tiny_run])
  assert "evaluated on 6 sounds only" in model.reference.confidence(1.0).words


def test_a_match_is_not_kept_when_more_is_known_of_its_model(run):
  (before,) = ensemble.load([run])
  (again,) = ensemble.load([run])
  evaluate(run, range(100), step=before.predictor.step)
  (after,) = ensemble.load([run])
  assert before.digest == again.digest != after.digest
