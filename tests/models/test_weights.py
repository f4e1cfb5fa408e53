"""The names of weights in files, which versions do not change."""

import jax
import pytest
from flax import nnx

from synthmatch_jax import models
from synthmatch_jax.models import weights

SIZE = {"num_frames": 40, "num_bins": 32, "num_controls": 16}

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
