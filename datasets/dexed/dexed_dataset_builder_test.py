"""TFDS's own test of a builder, on a data set of twenty short sounds around random voices."""

from pathlib import Path

import dexed_dataset_builder
import pytest
import tensorflow_datasets as tfds

from synthmatch_jax.data.recipe import Recipe
from tests.spaces.voices_folder import prior_around

pytest.importorskip("dexed")


class DexedTest(tfds.testing.DatasetBuilderTestCase):
  """Builds it twice, checks registration, tags, features, splits, checksums and reading."""

  DATASET_CLASS = dexed_dataset_builder.Builder
  SPLITS = {"train": 16, "validation": 2, "test": 2}

  def _make_builder(self, config=None):
    del config  # The full one has a million sounds.
    prior = prior_around(Path(self.tmp_dir), shares={"jittered": 0.5, "mixed": 0.5})
    return dexed_dataset_builder.Builder(
      data_dir=self.tmp_dir,
      file_format="tfrecord",  # The test case reads by tf.data, which knows no array_record.
      config=dexed_dataset_builder.DexedConfig(
        name="dummy", num_examples=20, seconds=0.5, shard_size=8, workers=2, prior=prior
      ),
    )

  def test_metadata_tell_how_the_sounds_were_made(self):
    metadata = self._make_builder().info.metadata
    assert metadata is not None
    recipe = Recipe.from_dict(metadata["recipe"])
    assert recipe.fingerprint.startswith("dexed/")
    assert (recipe.prior.name, len(recipe.space.parameters)) == ("mine", 145)

  def test_the_default_is_as_large_as_the_papers(self):
    (config,) = dexed_dataset_builder.Builder.BUILDER_CONFIGS
    assert (config.engine, config.num_examples, config.seconds) == ("dexed", 1_000_000, 4.0)
    assert config.found_engine.prior == "voices"


if __name__ == "__main__":
  tfds.testing.test_main()
