"""The Audio Spectrogram Transformer against a second forward pass, and its coverage."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy.special import erf

from synthmatch_jax import models
from synthmatch_jax.errors import UserError

FRAMES, BINS, PATCH, STRIDE = 21, 11, 4, 3  # neither axis is covered without padding
SMALL = {"patch_size": PATCH, "stride": STRIDE, "width": 12, "depth": 2, "heads": 3}
SMALL |= {"num_frames": FRAMES, "num_bins": BINS, "num_controls": 5, "head_width": 7}


predict = nnx.jit(lambda model, mel: model(mel))


@pytest.fixture
def build(with_random_weights):
  return lambda **overrides: with_random_weights(
    lambda: models.create("ast_tiny", seed=0, **(SMALL | overrides))
  )


def mels(batch=3, frames=FRAMES, bins=BINS):
  rng = np.random.default_rng(2)
  return jnp.asarray(rng.standard_normal((batch, frames, bins), np.float32))


# A second implementation: NumPy, float64, one sound and one head at a time.


def weights(variable):
  return np.asarray(variable[...], np.float64)


def linear(x, layer):
  return x @ weights(layer.kernel) + weights(layer.bias)


def layer_norm(x, layer):
  centred = x - x.mean(-1, keepdims=True)
  scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6)
  return scaled * weights(layer.scale) + weights(layer.bias)


def gelu(x, activation):
  if activation == "gelu_exact":
    return 0.5 * x * (1 + erf(x / np.sqrt(2)))
  return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def attention(x, layer):
  out = weights(layer.out.bias)
  for head in range(3):
    q, k, v = (
      x @ weights(part.kernel)[:, head] + weights(part.bias)[head]
      for part in (layer.query, layer.key, layer.value)
    )
    scores = np.exp(q @ k.T / np.sqrt(12 / 3))
    out = out + scores / scores.sum(-1, keepdims=True) @ v @ weights(layer.out.kernel)[head]
  return out


def embed(mel, model):
  model = model.encoder
  kernel = weights(model.patch_embedding.kernel).reshape(PATCH * PATCH, -1)
  tokens = list(weights(model.class_embedding))
  for start in range(0, 19, STRIDE):  # frames 18 to 21: the last of 21 is frame 20
    for low in range(0, 10, STRIDE):
      frames = np.minimum(np.arange(start, start + PATCH), FRAMES - 1)
      bins = np.minimum(np.arange(low, low + PATCH), BINS - 1)
      patch = mel[frames][:, bins].reshape(-1)
      tokens.append(patch @ kernel + weights(model.patch_embedding.bias))
  return np.stack(tokens) + weights(model.position_embedding)


def forward(mel, model, *, class_tokens, activation):
  x = embed(mel, model)
  for block in model.encoder.blocks:
    x = x + attention(layer_norm(x, block.attention_norm), block.attention)
    hidden = gelu(linear(layer_norm(x, block.mlp_norm), block.expand), activation)
    x = x + linear(hidden, block.contract)
  x = layer_norm(x, model.encoder.norm)[:class_tokens].mean(0)
  for layer in model.head.layers:
    x = gelu(linear(x, layer), activation)
  return linear(x, model.head.output)


@pytest.mark.parametrize("class_tokens", [1, 2])
@pytest.mark.parametrize("activation", ["gelu_tanh", "gelu_exact"])
def test_agrees_with_numpy(build, class_tokens, activation):
  choice = {"class_tokens": class_tokens, "activation": activation}
  model = build(**choice)
  expected = np.stack([forward(np.float64(mel), model, **choice) for mel in mels()])
  assert expected.std(axis=0).min() > 1e-3  # the inputs matter
  assert model.encoder.grid == (7, 4)
  np.testing.assert_allclose(predict(model, mels()), expected, atol=1e-4)


def test_without_a_head_the_output_layer_is_left(build):
  model, whole = build(head_depth=0), build()
  choice = {"class_tokens": 1, "activation": "gelu_tanh"}
  expected = np.stack([forward(np.float64(mel), model, **choice) for mel in mels()])
  assert (len(model.head.layers), len(whole.head.layers)) == (0, 3)
  np.testing.assert_allclose(predict(model, mels()), expected, atol=1e-4)


def test_defaults_are_the_papers_grid():
  size = {"num_frames": 87, "num_bins": 64, "num_controls": 16}
  model = nnx.eval_shape(lambda: models.create("ast_base", seed=0, **size))
  assert model.encoder.grid == (13, 9)
  assert model.encoder.position_embedding.shape == (1 + 117, 768)


@pytest.mark.parametrize(
  ("frames", "bins", "patch_size", "stride"),
  [(87, 64, 16, 6), (87, 64, 16, 10), (21, 11, 4, 3)],
)
def test_every_frame_and_bin_counts(build, frames, bins, patch_size, stride):
  size = {"num_frames": frames, "num_bins": bins, "depth": 1}
  model = build(**size, patch_size=patch_size, stride=stride)
  mel = mels(1, frames, bins)
  gradient = jax.jit(jax.grad(lambda mel: (model(mel) * jnp.arange(1.0, 6.0)).sum()))(mel)
  assert (jnp.abs(gradient) > 1e-7).all()


def test_padding_repeats_the_last_frame(build):
  """A mel that already ends in the repeated frame gives the same controls."""
  model, longer = build(), build(num_frames=FRAMES + 1, num_bins=BINS + 2)
  assert model.encoder.grid == longer.encoder.grid
  mel = mels()
  padded = jnp.concatenate([mel, mel[:, -1:]], axis=1)
  padded = jnp.concatenate([padded, padded[..., -1:], padded[..., -1:]], axis=2)
  np.testing.assert_allclose(predict(model, mel), predict(longer, padded), atol=1e-5)


def test_bfloat16_is_close_and_keeps_float32_weights(build):
  model, half = build(), build(dtype="bfloat16")
  assert {p.dtype for p in jax.tree.leaves(nnx.state(half, nnx.Param))} == {jnp.dtype(jnp.float32)}
  expected, got = predict(model, mels()), predict(half, mels())
  assert got.dtype == jnp.float32
  difference = jnp.abs(got - expected).max()
  assert 0 < difference < 0.05 * jnp.abs(expected).max()  # bfloat16 keeps 8 bits


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ({"patch_size": 12}, "patches of 12 at stride 3 do not cover 21 frames x 11 bins"),
    ({"stride": 5}, "smaller than the stride"),
    ({"stride": 0}, "stride must be at least 1, not 0"),
    ({"heads": 5}, "5 heads do not divide a width of 12"),
    ({"dropout": 1.0}, "dropout must be at least 0 and below 1"),
    ({"head_depth": -1}, "depth must be at least 0, not -1"),
    ({"num_controls": 0}, "num_controls must be at least 1"),
  ],
)
def test_arguments_that_do_not_fit(arguments, message):
  with pytest.raises(UserError, match=message):
    nnx.eval_shape(lambda: models.create("ast_tiny", seed=0, **(SMALL | arguments)))
