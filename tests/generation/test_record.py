"""What a record is drawn around; how it is made is tested in test_shards.py."""

import dataclasses

import numpy as np

from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.generation.plan import SPLITS, Plan
from synthmatch_jax.generation.record import draw
from synthmatch_jax.spaces import dx7, prior
from synthmatch_jax.spaces.voices import split_of
from tests.spaces.test_dx7 import voices
from tests.spaces.voices_folder import prior_around


def test_a_record_is_drawn_around_voices_of_its_split_wherever_they_lie(tmp_path):
  found = prior.load(prior_around(tmp_path, shares={"as it is": 1}), dx7.space())
  recipe = Recipe(engine="dexed", fingerprint="", space=dx7.space(), prior=found, seed=5)
  for split in SPLITS:
    own = [v.patch for v in voices(60) if split_of(v) == split]
    for index in Plan(seed=5, num_examples=40, shard_size=8).indices(split):
      one, again = (draw(recipe, int(index), attempt=2).controls for _ in range(2))
      assert recipe.space.decode(one) in own
      np.testing.assert_array_equal(one, again)
  moved = dataclasses.replace(found, voices={**(found.voices or {}), "folder": "/elsewhere"})
  assert dataclasses.replace(recipe, prior=moved).digest() == recipe.digest()
  other = dataclasses.replace(found, voices={**(found.voices or {}), "shares": {"mixed": 1}})
  assert dataclasses.replace(recipe, prior=other).digest() != recipe.digest()
