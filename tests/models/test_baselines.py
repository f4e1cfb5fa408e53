"""The MLP, CNN and ResNet baselines against a second forward pass in NumPy (float64)."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from synthmatch_jax import models

FRAMES, BINS = 13, 10
SIZE = {"num_frames": FRAMES, "num_bins": BINS, "num_controls": 3, "width": 6, "depth": 2}


predict = nnx.jit(lambda model, mel: model(mel))


def weights(variable):
  return np.asarray(variable[...], np.float64)


def batch_norm(x, layer):
  scaled = (x - weights(layer.mean)) / np.sqrt(weights(layer.var) + 1e-5)
  return scaled * weights(layer.scale) + weights(layer.bias)


def mlp(x, model):
  hidden = model.encoder.mlp
  for layer, norm in zip(hidden.layers, hidden.norms, strict=True):
    x = np.maximum(batch_norm(x @ weights(layer.kernel) + weights(layer.bias), norm), 0)
  return x @ weights(model.head.output.kernel) + weights(model.head.output.bias)


def convolve(x, layer, *, stride=2):
  """Strided "SAME" correlation: as many outputs as ceil(size / stride), the rest padded."""
  kernel = layer.kernel.shape[0]
  out_shape = [-(-size // stride) for size in x.shape[:2]]
  missing = [
    max((n - 1) * stride + kernel - m, 0) for n, m in zip(out_shape, x.shape[:2], strict=True)
  ]
  x = np.pad(x, [(m // 2, m - m // 2) for m in missing] + [(0, 0)])
  out = np.empty((*out_shape, layer.kernel.shape[-1]))
  for i, j in np.ndindex(*out_shape):
    window = x[i * stride : i * stride + kernel, j * stride : j * stride + kernel]
    out[i, j] = np.tensordot(window, weights(layer.kernel), 3)
  return out if layer.bias is None else out + weights(layer.bias)


def mels():
  rng = np.random.default_rng(1)
  return jnp.asarray(rng.standard_normal((2, FRAMES, BINS), np.float32))


def test_mlp_agrees_with_numpy(with_random_weights):
  model = with_random_weights(lambda: models.create("mlp", seed=0, **SIZE))
  expected = [mlp(np.float64(mel).reshape(-1), model) for mel in mels()]
  np.testing.assert_allclose(predict(model, mels()), expected, atol=1e-4)


@pytest.mark.parametrize("kernel", [3, 7], ids=["image larger than kernel", "image smaller"])
def test_cnn_agrees_with_numpy(with_random_weights, kernel):
  size = {**SIZE, "channels": 4, "conv_depth": 2, "kernel": kernel}
  model = with_random_weights(lambda: models.create("cnn", seed=0, **size))
  expected = []
  for mel in mels():
    x = np.float64(mel)[..., None]
    for conv, norm in zip(model.encoder.convs, model.encoder.norms, strict=True):
      x = np.maximum(batch_norm(convolve(x, conv), norm), 0)
    expected.append(mlp(x.reshape(-1), model))
  np.testing.assert_allclose(predict(model, mels()), expected, atol=1e-4)


def test_resnet_agrees_with_numpy(with_random_weights):
  size = {**SIZE, "width": 4, "stages": 2, "depth": 2, "head_width": 5}
  model = with_random_weights(lambda: models.create("resnet", seed=0, **size))
  encoder, output = model.encoder, model.head.output
  expected = []
  for mel in mels():
    x = convolve(np.float64(mel)[..., None], encoder.stem)
    for i, block in enumerate(encoder.blocks):
      stride = 2 if i % 2 == 0 else 1  # The first block of a stage halves.
      activated = np.maximum(batch_norm(x, block.norms[0]), 0)
      around = convolve(activated, block.shortcut, stride=2) if stride == 2 else x
      inside = convolve(activated, block.convs[0], stride=stride)
      inside = np.maximum(batch_norm(inside, block.norms[1]), 0)
      x = around + convolve(inside, block.convs[1], stride=1)
    x = np.maximum(batch_norm(x, encoder.norm), 0).reshape(-1)
    hidden = np.maximum(x @ weights(encoder.hidden.kernel) + weights(encoder.hidden.bias), 0)
    expected.append(hidden @ weights(output.kernel) + weights(output.bias))
  np.testing.assert_allclose(predict(model, mels()), expected, rtol=1e-4, atol=1e-4)


def test_cnn_drops_whole_channels(with_random_weights):
  size = {**SIZE, "channels": 64, "conv_depth": 1}
  model = with_random_weights(lambda: models.create("cnn", seed=0, **size))
  model.train()
  dropped = np.asarray(model.encoder.dropout(jnp.ones((8, 5, 5, 64))) == 0)
  assert (dropped.all(axis=(1, 2)) == dropped.any(axis=(1, 2))).all()
  assert 0.2 < dropped.mean() < 0.4
