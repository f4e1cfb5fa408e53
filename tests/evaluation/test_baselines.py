import numpy as np
import pytest
from scipy.spatial.distance import cdist

from synthmatch_jax.evaluation.baselines import nearest


def test_the_nearest_is_what_a_full_distance_matrix_finds():
  rng = np.random.default_rng(0)
  queries = rng.normal(size=(20, 5, 4)).astype(np.float32)
  mels = rng.normal(size=(200, 5, 4)).astype(np.float32)
  controls = rng.random((200, 3)).astype(np.float32)
  batches = [{"mel": mels[i : i + 64], "controls": controls[i : i + 64]} for i in range(0, 200, 64)]
  expected = cdist(queries.reshape(20, -1), mels.reshape(200, -1)).argmin(1)
  np.testing.assert_array_equal(nearest(queries, batches), controls[expected])


def test_a_sound_that_is_there_is_found():
  rng = np.random.default_rng(0)
  mels = rng.normal(-40, 10, (50, 5, 4)).astype(np.float32)
  controls = rng.random((50, 3)).astype(np.float32)
  found = nearest(mels[[7, 3]], [{"mel": mels, "controls": controls}])
  np.testing.assert_array_equal(found, controls[[7, 3]])


def test_nothing_to_search_is_an_error():
  with pytest.raises(ValueError, match="no sounds"):
    nearest(np.zeros((1, 2, 2), np.float32), [])
