import librosa
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from synthmatch_jax.evaluation.baselines import mfcc_statistics, nearest_by_mel, nearest_by_mfcc


def batches(mels, controls):
  return [{"mel": mels[i : i + 64], "controls": controls[i : i + 64]} for i in range(0, 200, 64)]


@pytest.fixture
def sounds():
  rng = np.random.default_rng(0)
  mels = rng.normal(-40, 10, (200, 5, 24)).astype(np.float32)
  return mels, rng.random((200, 3)).astype(np.float32)


def test_the_nearest_is_what_a_full_distance_matrix_finds(sounds):
  mels, controls = sounds
  queries = np.random.default_rng(1).normal(-40, 10, (20, 5, 24)).astype(np.float32)
  expected = cdist(queries.reshape(20, -1), mels.reshape(200, -1)).argmin(1)
  np.testing.assert_array_equal(nearest_by_mel(queries, batches(*sounds)), controls[expected])


@pytest.mark.parametrize("nearest", [nearest_by_mel, nearest_by_mfcc])
def test_a_sound_that_is_there_is_found(sounds, nearest):
  mels, controls = sounds
  np.testing.assert_array_equal(nearest(mels[[7, 3]], batches(*sounds)), controls[[7, 3]])


@pytest.mark.parametrize("nearest", [nearest_by_mel, nearest_by_mfcc])
def test_nothing_to_search_is_an_error(nearest):
  with pytest.raises(ValueError, match="no sounds"):
    nearest(np.zeros((1, 2, 24), np.float32), [])


def test_by_mfcc_only_the_order_of_frames_is_free(sounds):
  mels, controls = sounds
  reversed_in_time = mels[[11], ::-1]
  np.testing.assert_array_equal(nearest_by_mfcc(reversed_in_time, batches(*sounds)), controls[[11]])


def test_the_mfccs_are_librosas(sounds):
  mels, _ = sounds
  expected = librosa.feature.mfcc(S=mels[0].T.astype(np.float64), n_mfcc=20)
  found = mfcc_statistics(mels[:1])[0]
  np.testing.assert_allclose(found, np.concatenate([expected.mean(1), expected.std(1)]), atol=1e-6)
