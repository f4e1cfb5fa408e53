"""TFDS's own test of a builder, on a data set of ten short sounds."""

import tensorflow_datasets as tfds
from vital import vital_dataset_builder


class VitalTest(tfds.testing.DatasetBuilderTestCase):
  """Builds it twice, checks registration, tags, features, splits, checksums and reading."""

  DATASET_CLASS = vital_dataset_builder.Builder
  SPLITS = {"train": 8, "validation": 1, "test": 1}

  def _make_builder(self, config=None):
    del config  # The full one has a hundred thousand sounds.
    return vital_dataset_builder.Builder(
      data_dir=self.tmp_dir,
      file_format="tfrecord",  # The test case reads by tf.data, which knows no array_record.
      config=vital_dataset_builder.VitalConfig(
        name="dummy", num_examples=10, seconds=0.5, shard_size=8, workers=2, notes="varied"
      ),
    )

  def test_metadata_tells_how_the_sounds_were_made(self):
    metadata = self._make_builder().info.metadata
    assert metadata is not None
    recipe = metadata["recipe"]
    assert recipe["engine"] == "vital_wide"
    assert recipe["prior"]["name"] == "presets"
    assert len(recipe["space"]["parameters"]) == 120
    assert "notes" in recipe


if __name__ == "__main__":
  tfds.testing.test_main()
