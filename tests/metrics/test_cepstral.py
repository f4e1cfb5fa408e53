"""Warped MFCCs against librosa's MFCCs and a warping in plain loops."""

import librosa
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from synthmatch_jax.metrics.cepstral import WarpedMfcc, warping_cost
from tests.metrics.sounds import NOISE, RATE, SOUNDS, TONE


def warping_in_loops(cost):
  total = np.full(cost.shape, np.inf)
  total[0, 0] = cost[0, 0]
  for i, j in np.ndindex(cost.shape):
    if i:
      total[i, j] = min(total[i, j], total[i - 1, j] + cost[i, j])
    if j:
      total[i, j] = min(total[i, j], total[i, j - 1] + cost[i, j])
    if i and j:
      total[i, j] = min(total[i, j], total[i - 1, j - 1] + 2 * cost[i, j])
  return total[-1, -1] / sum(cost.shape)


def librosa_mfcc(audio):
  return librosa.feature.mfcc(
    y=audio.astype(np.float64), sr=RATE, n_mfcc=20, n_fft=2205, hop_length=441, n_mels=128
  ).T


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2), (30, 30), (40, 23), (23, 40)])
def test_warping_agrees_with_plain_loops(shape):
  rng = np.random.default_rng(sum(shape))
  for cost in (rng.random(shape), rng.random(shape) ** 8, rng.integers(0, 3, shape).astype(float)):
    assert warping_cost(cost) == pytest.approx(warping_in_loops(cost), rel=1e-12, abs=1e-15)


def test_warping_of_a_constant_has_its_closed_form():
  assert warping_cost(np.full((8, 12), 0.5)) == pytest.approx(0.5 * 19 / 20)


@pytest.mark.parametrize("name", SOUNDS)
def test_mfccs_agree_with_librosa(name):
  mfcc = WarpedMfcc().analyse(SOUNDS[name])
  np.testing.assert_allclose(mfcc, librosa_mfcc(SOUNDS[name]), rtol=1e-3, atol=2e-2)


@pytest.mark.parametrize(
  ("target", "estimate"), [("tone", "other tone"), ("noise", "impulse"), ("silence", "tone")]
)
def test_metric_agrees_with_librosa_and_plain_loops(target, estimate):
  t, e = (librosa_mfcc(SOUNDS[name]) for name in (target, estimate))
  cost = cdist(t, e, lambda a, b: np.mean(np.abs(a - b)))
  score = WarpedMfcc()(SOUNDS[target], SOUNDS[estimate])
  assert score == pytest.approx(warping_in_loops(cost), rel=1e-3, abs=1e-3)


def test_a_shift_in_time_is_forgiven():
  late = np.pad(TONE, (RATE // 20, 0))[:RATE]
  metric = WarpedMfcc()
  in_place = np.abs(metric.analyse(TONE) - metric.analyse(late)).mean()
  assert metric(TONE, late) < 0.5 * in_place
  assert metric(TONE, late) < 0.1 * metric(TONE, NOISE)
