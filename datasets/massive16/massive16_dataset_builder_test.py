"""TFDS's own test of a builder, on a data set of twenty short sounds."""

import numpy as np
import tensorflow_datasets as tfds
from massive16 import massive16_dataset_builder

from synthmatch_jax.data.records import features


class Massive16Test(tfds.testing.DatasetBuilderTestCase):
  """Builds it twice, checks registration, tags, features, splits, checksums and reading."""

  DATASET_CLASS = massive16_dataset_builder.Builder
  SPLITS = {"train": 16, "validation": 2, "test": 2}

  def _make_builder(self, config=None):
    del config  # The full one has a million sounds.
    return massive16_dataset_builder.Builder(
      data_dir=self.tmp_dir,
      file_format="tfrecord",  # The test case reads by tf.data, which knows no array_record.
      config=massive16_dataset_builder.Massive16Config(
        name="dummy", num_examples=20, seconds=0.5, shard_size=8, workers=2
      ),
    )

  def test_metadata_tells_how_the_sounds_were_made(self):
    builder = self._make_builder()
    metadata = builder.info.metadata
    assert metadata is not None
    recipe = metadata["recipe"]
    assert recipe["engine"] == "vital"
    assert recipe["fingerprint"].startswith("vital/")
    assert recipe["prior"]["name"] == "presets"
    assert len(recipe["space"]["parameters"]) == 16
    assert recipe["note"] == {"pitch": 60, "velocity": 127, "seconds": 1.0}

  def test_the_default_is_the_papers_data_set(self):
    (config,) = massive16_dataset_builder.Builder.BUILDER_CONFIGS
    mel = features(config.recipe)["mel"]
    assert mel.shape == (87, 64)
    assert mel.np_dtype == np.float32
    assert config.num_examples == 1_000_000
    assert config.threshold_db == -60


if __name__ == "__main__":
  tfds.testing.test_main()
