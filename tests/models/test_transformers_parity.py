"""Our AST against `transformers`' ASTModel in PyTorch, with the same weights.

ASTModel always has two class tokens (class and distillation) and pools them by their mean: it is
our model with `class_tokens=2`, exactly, head aside, for which three linear layers in PyTorch
stand in. What its config leaves open is set to ours: the GELU's form and LayerNorm's epsilon. What
differs is translated: its patches run through time first, and frames that fill no patch are left
out there, while we repeat the last frame. So the mels are padded before they go into ASTModel.
"""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from synthmatch_jax import models

REASON = 'needs pip install -e ".[peer]"'
torch = pytest.importorskip("torch", reason=REASON)
pytest.importorskip("transformers", reason=REASON)

SIZE = {"num_frames": 87, "num_bins": 64, "num_controls": 16, "class_tokens": 2}
ACTIVATIONS = ["gelu_tanh", "gelu_exact"]

predict = nnx.jit(lambda model, mel: (model.encoder(mel), model(mel)))


@pytest.fixture
def build(with_random_weights):
  """Both models, all weights random, biases and scales included."""
  from benchmarks.torch_ast import TorchAST

  def both(name, **overrides):
    ours = with_random_weights(lambda: models.create(name, **SIZE, seed=0, **overrides))
    return ours, TorchAST(ours).eval()

  return both


def assert_equal(ours, theirs, *, batch):
  from benchmarks.torch_ast import theirs as order

  rng = np.random.default_rng(3)
  mel = rng.standard_normal((batch, 87, 64), np.float32)
  tokens, controls = (np.asarray(out) for out in predict(ours, jnp.asarray(mel)))
  with torch.inference_mode():
    padded = theirs.pad(torch.from_numpy(mel))
    encoded = theirs.encoder(padded)
    expected = theirs(torch.from_numpy(mel)).numpy()
  # Nothing is left out there.
  assert padded.shape[1:] == tuple(
    16 + (count - 1) * ours.encoder.stride for count in ours.encoder.grid
  )
  np.testing.assert_allclose(
    tokens[:, order(ours.encoder)], encoded.last_hidden_state, rtol=0, atol=1e-4
  )
  np.testing.assert_allclose(tokens[:, :2].mean(1), encoded.pooler_output, rtol=0, atol=1e-4)
  np.testing.assert_allclose(controls, expected, rtol=0, atol=1e-4)
  assert tokens.std(axis=0).mean(-1).min() > 1e-2  # the inputs reach every token
  assert controls.std(axis=0).mean() > 1e-2


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("stride", [10, 16])  # padding of both axes, and of time alone
def test_ast_small(build, stride, activation):
  assert_equal(*build("ast_small", stride=stride, activation=activation), batch=3)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_ast_base(build, activation):
  assert_equal(*build("ast_base", activation=activation), batch=2)


def test_the_forms_of_gelu_differ_by_more_than_the_bound(build):
  ours, _ = build("ast_small", activation="gelu_exact")
  _, theirs = build("ast_small", activation="gelu_tanh")
  with pytest.raises(AssertionError, match="Mismatched"):
    assert_equal(ours, theirs, batch=1)
