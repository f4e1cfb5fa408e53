"""The model that comes along."""

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from synthmatch_jax.generation.record import draw
from synthmatch_jax.matching import ensemble
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.synths.play import play
from tests.golden.make import cpu

GOLDEN = Path(__file__).parents[1] / "golden" / "matches.json"
EXAMPLE = Path(__file__).parents[2] / "examples" / "flute.flac"


@pytest.fixture(scope="module")
def matcher():
  with Matcher.open() as opened:
    yield opened


def test_it_is_small_and_its_card_says_what_it_is():
  size = sum(path.stat().st_size for path in ensemble.RELEASED.rglob("*") if path.is_file())
  assert size < 10 << 20
  card = (ensemble.RELEASED / "README.md").read_text()
  for word in (
    "massive16/",
    "parameter MSE",
    "spectral convergence",
    "commit",
    "Licence",
    "Config",
  ):
    assert word in card


def test_it_is_nearer_to_the_synths_own_sounds_than_their_mean(matcher):
  """Of a seed that no data set has been made from."""
  predictor = matcher.models[0].predictor
  mean = np.asarray(predictor.statistics.controls_mean)
  other = dataclasses.replace(matcher.recipe, seed=123_456)
  errors, floors = [], []
  for i in range(6):
    example = draw(other, i, 0)
    (sound,) = matcher.pool.map(play, [(matcher.recipe, example)], lanes=1)
    found = matcher.match(sound, sample_rate=matcher.recipe.mel.sample_rate)
    errors.append(np.square(found.best.controls - example.controls).mean())
    floors.append(np.square(mean - example.controls).mean())
  assert np.mean(errors) < 0.75 * np.mean(floors)


@pytest.mark.parametrize(("name", "top"), [("flute", 1), ("flute", 4), ("organ", 4)])
def test_it_answers_as_it_did_when_it_came(matcher, name, top):
  """On the processor that the golden file was made on, to the last bit (tests/golden)."""
  golden = json.loads(GOLDEN.read_text())
  found = matcher.match(EXAMPLE.with_name(f"{name}.flac"), top=top).answers
  wanted = golden[f"{name}.flac {top}"]
  assert found[0].distances["mss"] == pytest.approx(wanted[0]["mss"], abs=0.1)
  if cpu() == golden["cpu"]:
    assert [answer.origin.hearing for answer in found] == [one["hearing"] for one in wanted]
    for kind in ("controls", "sound"):
      arrays = [a.controls if kind == "controls" else a.estimate for a in found]
      digests = [hashlib.sha256(array.tobytes()).hexdigest() for array in arrays]
      assert digests == [one[kind] for one in wanted]


def test_it_can_tell_how_near_an_answer_is(matcher):
  confidence = matcher.match(EXAMPLE).best.confidence
  assert confidence.kind != "unknown"
  assert confidence.of == 200
  assert [verdict.aspect for verdict in confidence.aspects] == ["pitch", "timbre", "envelope"]
