"""The models that come along."""

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from synthmatch_jax import bundled
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation.record import draw
from synthmatch_jax.matching import ensemble
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.synths import registry
from synthmatch_jax.synths.play import play
from tests.golden.make import cpu

GOLDEN = Path(__file__).parents[1] / "golden" / "matches.json"
EXAMPLE = Path(__file__).parents[2] / "examples" / "flute.flac"


@pytest.fixture(scope="module")
def matcher():
  """The first model, whose answers every version gives."""
  with Matcher.open([bundled.VITAL16]) as opened:
    yield opened


@pytest.mark.parametrize("folder", sorted(bundled.VITAL16.parent.iterdir()), ids=lambda f: f.name)
def test_it_is_small_and_its_card_says_what_it_is(folder):
  assert folder == bundled.VITAL16 or folder.name in bundled.SYNTHS
  assert size(folder) < 16 << 20
  card = (folder / "README.md").read_text()
  data_set = "massive16" if folder == bundled.VITAL16 else folder.name
  for word in ("spectral convergence", "MSS (dB)", "commit", "Licence", "Config", f"{data_set}/"):
    assert word in card


def test_all_of_them_are_small_together():
  assert size(bundled.VITAL16.parent) < 40 << 20


def size(folder):
  return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_synth_has_the_model_of_its_name(tmp_path, monkeypatch):
  """The first model is that of `massive16` until there is another."""
  monkeypatch.setattr(bundled, "VITAL16", tmp_path / "vital16")
  assert bundled.model("massive16") == tmp_path / "vital16"
  with pytest.raises(UserError, match=r"no trained model of dexed .* by --workdir, or train one"):
    bundled.model("dexed")
  for name in bundled.SYNTHS:
    (tmp_path / name).mkdir()
    assert bundled.model(name) == tmp_path / name


def test_a_model_of_another_synth_than_was_asked_for_is_refused():
  assert ensemble.load([bundled.VITAL16], synth="massive16")[0].name == "vital16"
  with pytest.raises(UserError, match=r"vital16 plays massive16 and not dexed: leave out --synth"):
    ensemble.load([bundled.VITAL16], synth="dexed")


@pytest.mark.parametrize(
  ("synth", "engine"),
  [("massive16", "vital"), ("massive16", "massive"), ("vital", "vital_wide"), ("dexed", "dexed")],
)
def test_a_synth_is_known_by_the_space_of_its_data_set(synth, engine):
  space = registry.engine(engine).space.name
  bundled.require_played(synth, space=space, by="W")
  for other in set(bundled.SYNTHS) - {synth}:
    with pytest.raises(UserError, match=f"the model in W plays {synth} and not {other}"):
      bundled.require_played(other, space=space, by="W")


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
