"""What holds for every metric: floor, order, silence, refusals, one analysis for many."""

import itertools
import math

import numpy as np
import pytest

from synthmatch_jax.metrics import suite
from synthmatch_jax.metrics.suite import SOUND_METRICS
from tests.metrics.sounds import NOISE, RATE, SHORT, SILENCE, SOUNDS, TONE, tone

RELATIVE = {"spectral_convergence", "mel_spectral_convergence", "rms_cosine"}
every_metric = pytest.mark.parametrize("name", SOUND_METRICS)

# Each series gets worse from step to step, to the ear and to the metrics named.
ALL = set(SOUND_METRICS)
SERIES = {
  "noise": ([TONE + np.float32(g) * NOISE for g in (0, 0.003, 0.03, 0.3, 1)], ALL - {"f0_cents"}),
  "level": (
    [np.float32(g) * TONE for g in (1, 0.9, 0.7, 0.4, 0.1)],
    {
      "spectral_convergence",
      "mel_spectral_convergence",
      "wmfcc",
      "log_spectral_distance",
      "loudness_lu",
    },
  ),
  "detune": (
    [tone(cents=c) for c in (0, 5, 20, 50, 100, 200)],
    ALL - {"rms_cosine", "loudness_lu"},
  ),
  "decay": ([tone(decay=d) for d in (2.0, 2.2, 2.5, 3.0, 5.0, 9.0)], ALL - {"f0_cents", "sot"}),
  "brightness": (
    [tone(slope=p) for p in (1.0, 1.1, 1.3, 1.6, 2.0, 3.0)],
    ALL - {"f0_cents", "rms_cosine"},
  ),
}


@every_metric
@pytest.mark.parametrize("sound", [*SOUNDS, *SHORT])
def test_equal_sounds_score_the_floor_exactly(name, sound):
  audio = (SOUNDS | SHORT)[sound]
  # At another address: sums must not depend on it.
  same = np.concatenate([np.zeros(1, np.float32), audio])[1:]
  score = SOUND_METRICS[name](audio, same)
  meaningless = name in RELATIVE and not audio.any()
  unvoiced = name == "f0_cents" and sound not in ("tone", "other tone", "sine", "faint")
  if meaningless or unvoiced:
    assert math.isnan(score)
  else:
    assert score == SOUND_METRICS[name].floor


@pytest.mark.parametrize(
  ("name", "sounds"),
  [(name, sounds) for sounds, (_, names) in SERIES.items() for name in sorted(names)],
)
def test_worse_sounds_score_worse(name, sounds):
  metric = SOUND_METRICS[name]
  scores = [metric(SERIES[sounds][0][0], audio) for audio in SERIES[sounds][0]]
  assert scores == sorted(scores, reverse=metric.better == "higher")
  assert len(set(scores)) == len(scores)


def test_every_metric_gets_worse_in_some_series():
  assert set.union(*(names for _, names in SERIES.values())) == ALL


def test_no_pair_scores_infinity_and_only_silence_and_pitch_nan():
  analyses = {name: suite.analyse(audio) for name, audio in SOUNDS.items()}
  for target, estimate in itertools.product(SOUNDS, SOUNDS):
    for name, score in suite.compare(analyses[target], analyses[estimate]).items():
      assert not math.isinf(score)
      if math.isnan(score):
        assert name == "f0_cents" or (name in RELATIVE and target == "silence")


@every_metric
def test_a_silent_answer_scores_worse_than_a_near_one(name):
  metric = SOUND_METRICS[name]
  silent, near = metric(TONE, SILENCE), metric(TONE, tone(cents=5, decay=2.2))
  if name == "f0_cents":
    assert math.isnan(silent)
  else:
    assert silent < near if metric.better == "higher" else silent > near


def test_what_no_one_hears_is_silence():
  whisper = np.float32(1e-6) * NOISE
  expected = suite.measure(SILENCE, TONE)
  np.testing.assert_equal(suite.measure(whisper, TONE), expected)


@every_metric
def test_what_cannot_be_measured_is_refused(name):
  metric = SOUND_METRICS[name]
  for value in (np.nan, np.inf, -np.inf):
    broken = TONE.copy()
    broken[7] = value
    with pytest.raises(ValueError, match="NaN or infinity"):
      metric(TONE, broken)
    with pytest.raises(ValueError, match="NaN or infinity"):
      suite.analyse(broken)
  with pytest.raises(ValueError, match="without samples"):
    metric(TONE[:0], TONE[:0])


def test_lengths_must_be_equal():
  with pytest.raises(ValueError, match="44100 samples, the estimate 44099"):
    suite.compare(suite.analyse(TONE), suite.analyse(TONE[:-1]))


def test_one_analysis_serves_many_estimates():
  target = suite.analyse(TONE)
  for estimate in (NOISE, TONE, SILENCE, tone(cents=50)):
    scores = suite.compare(target, suite.analyse(estimate))
    np.testing.assert_equal(scores, suite.measure(TONE, estimate))
    each = {name: metric(TONE, estimate) for name, metric in SOUND_METRICS.items()}
    np.testing.assert_equal(scores, each)


def test_sounds_are_left_as_they_are():
  target, estimate = TONE.copy(), NOISE.copy()
  suite.measure(target, estimate)
  np.testing.assert_array_equal(target, TONE)
  np.testing.assert_array_equal(estimate, NOISE)


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_other_sample_rates(rate):
  metrics = suite.sound_metrics(rate)
  time = np.arange(rate) / rate
  low, high = (
    (0.1 * np.sin(2 * np.pi * hz * time)).astype(np.float32) for hz in (440, 440 * 2 ** (1 / 12))
  )
  scores = suite.measure(low, high, metrics)
  assert set(scores) == ALL
  assert scores["f0_cents"] == pytest.approx(100, abs=1)
  assert suite.measure(low, low, metrics) == {n: m.floor for n, m in metrics.items()}


@every_metric
def test_a_definition_is_one_line_with_its_source(name):
  metric = SOUND_METRICS[name]
  assert "\n" not in metric.definition
  assert metric.definition.endswith(")")
  assert metric.sample_rate == RATE
