import numpy as np

from synthmatch_jax import selection
from synthmatch_jax.selection import distinct
from synthmatch_jax.synths import registry

SPACE = registry.engine("vital").space


def test_near_duplicates_are_dropped_and_the_better_one_stays():
  rng = np.random.default_rng(0)
  one, other = rng.uniform(0.2, 0.8, (2, SPACE.width)).astype(np.float32)
  near = one + np.float32(0.01)
  assert distinct([one, near, other], SPACE, count=3) == [0, 2]
  assert distinct([near, other, one], SPACE, count=3) == [0, 1]
  assert distinct([one, other, near], SPACE, count=1) == [0]


def test_what_cannot_be_heard_makes_no_difference():
  names = SPACE.names
  one = np.full(SPACE.width, 0.5, np.float32)
  one[names.index("osc2_amp")] = 0
  other = one.copy()
  other[names.index("osc2_position")] = 1.0
  assert distinct([one, other], SPACE, count=2) == [0]
  one[names.index("osc2_amp")] = other[names.index("osc2_amp")] = 0.5
  assert distinct([one, other], SPACE, count=2) == [0, 1]


def test_the_nearest_come_first_and_silent_ones_last():
  distances, silent = np.array([3.0, 1.0, 2.0, 1.0]), np.array([False, True, False, False])
  assert selection.nearest(distances).tolist() == [1, 3, 2, 0]
  assert selection.nearest(distances, silent).tolist() == [3, 2, 0, 1]
  controls = np.random.default_rng(0).random((4, SPACE.width)).astype(np.float32)
  controls[2] = controls[3]
  chosen = selection.choose(list(controls), distances, SPACE, count=3, silent=silent)
  assert chosen == [3, 0, 1]
