"""Parameter counts of the paper's models, derived by hand, layer by layer."""

from flax import nnx

from synthmatch_jax import models


def linear(inputs, outputs):
  return inputs * outputs + outputs  # weights and biases


def norm(width):
  return 2 * width  # scale and shift


def batch_norm_mlp(inputs):
  first = linear(inputs, 2048) + norm(2048)
  others = 4 * (linear(2048, 2048) + norm(2048))
  return first + others + linear(2048, 16)


def count(name, **overrides):
  abstract = nnx.eval_shape(
    lambda: models.create(name, num_frames=87, num_bins=64, num_controls=16, seed=0, **overrides)
  )
  return models.num_params(abstract)


def test_ast_base():
  # 87 frames need 1 + 12 patches (the 12th step ends at 6 * 12 + 16 = 88), 64 bins 1 + 8.
  patches = 13 * 9
  embedding = linear(16 * 16, 768)
  class_token = 768
  positions = (1 + patches) * 768
  attention = 4 * linear(768, 768)  # query, key, value, output
  mlp = linear(768, 3072) + linear(3072, 768)
  blocks = 12 * (norm(768) + attention + norm(768) + mlp)
  head = 3 * linear(768, 768) + linear(768, 16)
  total = embedding + class_token + positions + blocks + norm(768) + head
  assert total == 87_128_848
  assert count("ast_base") == total


def test_second_class_token_adds_itself_and_its_position():
  assert count("ast_tiny", class_tokens=2) == count("ast_tiny") + 2 * 64


def test_ast_small():
  patches = 9 * 6  # stride 10: frames to 10 * 8 + 16 = 96, bins to 10 * 5 + 16 = 66
  blocks = 6 * (2 * norm(192) + 4 * linear(192, 192) + linear(192, 4 * 192) + linear(4 * 192, 192))
  tokens = linear(16 * 16, 192) + 192 + (1 + patches) * 192
  head = 3 * linear(192, 192) + linear(192, 16)
  assert count("ast_small") == tokens + blocks + norm(192) + head


def test_mlp():
  total = batch_norm_mlp(87 * 64)
  assert total == 28_243_984
  assert count("mlp") == total


def test_cnn():
  first = 7 * 7 * 1 * 128 + 128 + norm(128)
  others = 4 * (7 * 7 * 128 * 128 + 128 + norm(128))
  # 87 frames halve, rounding up, to 44, 22, 11, 6, 3; 64 bins to 32, 16, 8, 4, 2.
  total = first + others + batch_norm_mlp(3 * 2 * 128)
  assert total == 21_633_040
  assert count("cnn") == total
