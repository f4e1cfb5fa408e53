"""What one record holds."""

import numpy as np
import tensorflow_datasets as tfds

from synthmatch_jax.data.recipe import Recipe

DESCRIPTIONS = {
  "mel": "log-mel power spectrogram in dB, frames x bins",
  "controls": "the controls in [0, 1], in the order of the recipe's space",
  "read_back": "the controls as the engine says it has them after the render",
  "index": "number of the record; with the seed it gives the patch",
  "attempts": "draws until the sound was loud enough (1: the first)",
  "level_db": "integrated loudness of the sound in LUFS (ITU-R BS.1770)",
}


def features(recipe: Recipe) -> tfds.features.FeaturesDict:
  """The features of a record; tensors are stored as bytes (3 to 5 times faster to read)."""

  def tensor(name: str, shape: tuple[int, ...]) -> tfds.features.Tensor:
    return tfds.features.Tensor(
      shape=shape, dtype=np.float32, encoding="bytes", doc=DESCRIPTIONS[name]
    )

  def scalar(name: str, dtype: type[np.generic]) -> tfds.features.Scalar:
    return tfds.features.Scalar(dtype=dtype, doc=DESCRIPTIONS[name])

  return tfds.features.FeaturesDict(
    {
      "mel": tensor("mel", (recipe.num_frames, recipe.mel.n_mels)),
      "controls": tensor("controls", (recipe.space.dim,)),
      "read_back": tensor("read_back", (recipe.space.dim,)),
      "index": scalar("index", np.int64),
      "attempts": scalar("attempts", np.int32),
      "level_db": scalar("level_db", np.float32),
    }
  )
