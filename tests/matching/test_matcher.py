"""From a sound to its answers, in Python."""

import io as streams
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import soundfile as sf

from synthmatch_jax import checksums, cores, files
from synthmatch_jax.audio.hearing import Assume
from synthmatch_jax.audio.listen import AS_RECORDED, listen
from synthmatch_jax.audio.loudness import loudness_db
from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.example import Example
from synthmatch_jax.errors import UserError
from synthmatch_jax.matching import ensemble, output
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.matching.result import Origin
from synthmatch_jax.metrics import suite
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.play import engine
from synthmatch_jax.synths.pool import Pool
from synthmatch_jax.synths.registry import Engine

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def sound(matcher):
  """One of the synth's own sounds."""
  recipe = matcher.recipe
  controls = np.linspace(0.4, 0.7, recipe.space.width)
  synth = Engine(name="vital").make()
  return synth.render(
    recipe.space.decode(controls), note=Note(), seconds=recipe.seconds, sample_rate=44_100
  )


def test_one_answer_is_one_prediction(matcher, sound):
  found = matcher.match(sound, sample_rate=44_100, source="mine")
  (answer,) = found.answers
  assert found.source == "mine"
  assert found.note == Note()
  predictor = matcher.models[0].predictor
  mel = log_mel(found.target, matcher.recipe.mel)
  np.testing.assert_array_equal(answer.controls, predictor.predict(mel[None])[0])
  assert answer.origin == Origin(model=matcher.models[0].name, hearing="as recorded")
  assert answer.example.note == found.note
  assert answer.patch == matcher.recipe.space.decode(answer.controls)
  assert answer.distances == suite.measure(found.target, answer.estimate)
  level_db = loudness_db(found.target, 44_100)
  assert loudness_db(answer.estimate, 44_100) == pytest.approx(level_db, abs=0.1)


def test_path_bytes_and_samples_have_one_answer(matcher):
  path = EXAMPLES / "guitar.flac"
  samples, rate = sf.read(path, dtype="float32")
  answers = [
    matcher.match(path),
    matcher.match(path.read_bytes()),
    matcher.match(samples, sample_rate=rate),
    matcher.match(np.stack([samples, samples], 1), sample_rate=rate),
    matcher.match(samples.tolist(), sample_rate=float(rate)),
    matcher.match(jnp.asarray(samples), sample_rate=rate),
    matcher.match(streams.BytesIO(path.read_bytes())),
  ]
  assert [found.source for found in answers] == ["guitar.flac"] + 6 * ["the sound"]
  for found in answers:  # To the last bit, however it comes.
    np.testing.assert_array_equal(found.best.controls, answers[0].best.controls)
    np.testing.assert_array_equal(found.best.estimate, answers[0].best.estimate)


def test_answers_are_distinct_ranked_and_no_worse_than_the_plain_one(matcher):
  plain = matcher.match(EXAMPLES / "strings.flac")
  found = matcher.match(EXAMPLES / "strings.flac", top=4)
  distances = [answer.distances["mss"] for answer in found.answers]
  assert 1 < len(distances) <= 4
  assert distances == sorted(distances)
  # The plain answer is among the candidates; its prediction is of another batch.
  assert distances[0] <= plain.best.distances["mss"] + 0.01
  widely = matcher.match(EXAMPLES / "strings.flac", listen="widely")
  np.testing.assert_array_equal(widely.best.controls, found.best.controls)
  assert len(widely.answers) == 1


def test_what_is_told_shapes_the_answer(matcher):
  path = EXAMPLES / "flute.flac"
  free = matcher.match(path)
  assume = Assume(pitch=72, hold_seconds=0.3, onset_seconds=0.1)
  told = matcher.match(path, assume=assume)
  assert told.note == Note(pitch=72, hold_seconds=0.3)
  assert told.heard.told == assume
  assert free.note.pitch == 60
  assert not np.array_equal(told.best.controls, free.best.controls)
  with pytest.raises(UserError, match=r"flute\.flac: nothing sounds after"):
    matcher.match(path, assume=Assume(onset_seconds=50.0))


def test_a_target_is_cleared_of_noise_unless_that_is_refused(matcher, sound):
  quiet = np.zeros(44_100, np.float32)
  clean = np.concatenate([quiet, sound, quiet])
  noise = np.random.default_rng(0).normal(0, 0.01 * np.abs(sound).max(), clean.size)
  noisy = (clean + noise).astype(np.float32)
  cleared = matcher.hear(noisy, sample_rate=44_100)
  kept = matcher.hear(noisy, sample_rate=44_100, assume=Assume(clear=False))
  np.testing.assert_array_equal(cleared.audio[: 44_100 // 2], 0)
  np.testing.assert_array_equal(kept.audio, noisy)
  assert cleared.heard.onset_seconds == pytest.approx(1.0, abs=0.03)
  level_db = 20 * np.log10(0.01 * np.abs(sound).max())
  assert cleared.heard.cleared.noise_db == pytest.approx(level_db, abs=1)
  assert kept.heard.cleared.noise_db is None
  found = matcher.answer(cleared)
  level_db = matcher.models[0].predictor.statistics.level_db
  clips = listen(cleared, pitch=60, level_db=level_db)
  np.testing.assert_array_equal(found.target, clips[AS_RECORDED])
  said = output.describe(found)["assumed"]
  assert said["cleared"] == {"offset": False, "noise_db": cleared.heard.cleared.noise_db}
  assert said["guesses"]["noise"].endswith("was taken for the recorder's and removed")
  assert "noise" not in output.describe(matcher.answer(kept))["assumed"]["guesses"]


def test_a_silent_answer_comes_last_and_says_so(matcher):
  """Though MSS takes it for the nearest to steady noise."""
  recipe = matcher.recipe
  silent = np.full(recipe.space.width, 0.5, np.float32)
  for name in ("osc1_amp", "osc2_amp", "noise_amp"):
    silent[recipe.space.names.index(name)] = 0
  sounding = np.full(recipe.space.width, 0.5, np.float32)
  origin = Origin(model=matcher.models[0].name, hearing="as recorded")
  candidates = [
    (origin, Example(controls=controls, note=Note())) for controls in (silent, sounding)
  ]
  noise = np.random.default_rng(0).normal(0, 0.1, recipe.num_samples).astype(np.float32)
  first, last = matcher.choose(noise, candidates, count=2)
  assert first.controls is sounding
  assert last.distances["mss"] < first.distances["mss"]
  assert last.confidence.words.endswith("the answer is silent")
  assert list(first.distances) == list(suite.SOUND_METRICS)


def test_what_the_engine_fails_on_is_left_out(matcher, sound, monkeypatch):
  def play(synth, recipe, example):
    if example.controls[0] > 0.5:
      raise RenderError("not this one")
    return sound

  monkeypatch.setattr("synthmatch_jax.matching.judging.play", play)
  origin = Origin(model=matcher.models[0].name, hearing="as recorded")
  bad, good = (
    (origin, Example(controls=np.full(16, value, np.float32), note=Note())) for value in (1.0, 0.0)
  )
  (kept,) = matcher.choose(sound, [bad, good, bad], count=3)
  assert kept.example is good[1]
  with pytest.raises(RenderError, match="not this one"):
    matcher.choose(sound, [bad])


def test_an_answer_is_the_same_whatever_else_the_engines_play(matcher):
  """To the last bit, in a pool of any size, from several threads at once."""
  recording = matcher.hear(EXAMPLES / "organ.flac")
  alone = matcher.answer(recording, top=2)
  with Pool(engine(matcher.recipe), size=3) as pool, ThreadPoolExecutor(4) as threads:
    other = Matcher(matcher.models, pool)
    for found in threads.map(lambda _: other.answer(recording, top=2), range(6)):
      for one, same in zip(found.answers, alone.answers, strict=True):
        np.testing.assert_array_equal(one.estimate, same.estimate)
        assert one.distances == same.distances


def test_changed_controls_make_another_answer_of_the_same_sound(matcher):
  found = matcher.match(EXAMPLES / "organ.flac", assume=Assume(pitch=50))
  controls = 1 - found.best.controls
  changed = matcher.change(found, controls)
  assert changed.target is found.target
  assert changed.best.controls is controls
  hold = found.note.hold_seconds
  assert changed.best.example.note == found.note == Note(pitch=50, hold_seconds=hold)
  said = output.describe(changed)["answers"][0]
  assert (said["model"], said["hearing"]) == (found.best.origin.model, "changed by hand")
  again = matcher.change(changed, found.best.controls)
  np.testing.assert_array_equal(again.best.estimate, found.best.estimate)
  assert again.best.distances == found.best.distances


def test_samples_without_a_rate_are_a_mistake_of_the_caller(matcher, sound):
  with pytest.raises(UserError, match="sample_rate"):
    matcher.match(sound)
  with pytest.raises(ValueError, match="at least one answer"):
    matcher.match(sound, sample_rate=44_100, top=0)


def test_models_of_one_name_or_of_another_synth_do_not_work_together(tiny_run, tmp_path):
  twin = tmp_path / tiny_run.name
  shutil.copytree(tiny_run, twin)
  with pytest.raises(UserError, match="two models would be called"):
    ensemble.load([tiny_run, twin])
  other = tmp_path / "longer"
  twin.rename(other)
  text = (other / "data.json").read_text().replace('"pitch": 60', '"pitch": 48')
  files.write_json(other / "data.json", checksums.seal(json.loads(text)))
  with pytest.raises(UserError, match=r"longer cannot .* tiny_run: it has another note"):
    ensemble.load([tiny_run, other])


def test_a_matcher_has_at_least_the_engines_that_are_asked_for(tiny_run):
  asked = cores.available() + 2
  with Matcher.open([tiny_run], engines=asked) as opened:
    assert opened.pool.size == asked
