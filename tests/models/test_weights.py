"""The names of weights in files, which versions do not change, and the bounds of a model there."""

import jax
import pytest
from flax import nnx

from synthmatch_jax import models
from synthmatch_jax.models import weights

SIZE = {"num_frames": 40, "num_bins": 32, "num_controls": 16}

# One of those that take the same arguments.
HEADS = {
  tuple(models.arguments("mlp_tiny", head)): head for head in reversed(models.HEADS)
}.values()

# Names of version 0.1, of which the checkpoints in tests/golden are.
EARLIER = {
  "ast_tiny": ["class_embedding", "encoder/blocks/1/mlp_norm/bias", "head/layers/0/kernel"],
  "cnn_tiny": ["convs/4/kernel", "mlp/layers/1/bias", "mlp/output/kernel"],
  "mlp_tiny": ["mlp/layers/1/bias", "mlp/norms/0/mean", "mlp/output/bias"],
  "resnet_tiny": ["blocks/1/norms/0/var", "hidden/kernel", "norm/scale", "out/kernel"],
}


@pytest.mark.parametrize("name", EARLIER)
def test_names_are_those_of_version_0_1_and_lead_back(name):
  model = nnx.eval_shape(lambda: models.create(name, **SIZE, seed=0))
  assert set(EARLIER[name]) <= set(weights.arrays_of(model))
  state = nnx.state(model)
  paths = weights.paths_in_files(state)
  back = {there: here for here, there in paths.items()}
  assert len(back) == len(paths)
  again = weights.renamed(weights.renamed({"params": state}, paths), back)["params"]
  assert jax.tree.structure(again) == jax.tree.structure(state)


@pytest.mark.parametrize(
  ("name", "head"),
  [*((name, "regression") for name in EARLIER), *(("mlp_tiny", head) for head in HEADS)],
)
def test_an_argument_that_adds_layers_is_bounded_by_the_arrays_of_a_file(name, head):
  def arrays(**sizes):
    model = nnx.eval_shape(lambda: models.create(name, **SIZE, head=head, seed=0, **sizes))
    return len(weights.arrays_of(model))

  defaults = models.arguments(name, head) | models.MODELS[name][1]
  counts = {key: defaults[key] for key in models.arguments(name, head)}
  counts = {key: value for key, value in counts.items() if type(value) is int}
  counts.pop("stride", None)  # A patch must cover it.
  for key, value in counts.items():
    more = max(1, value)
    added = arrays(**{key: value + more}) - arrays()
    assert added >= more * weights._ARRAYS_OF_LAYERS.get(key, 0), key
    assert key in weights._ARRAYS_OF_LAYERS or not added, key
