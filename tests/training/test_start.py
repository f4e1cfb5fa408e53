"""The weights that a run begins with where it goes on from another model."""

import jax
import numpy as np
import pytest
from flax import nnx

from synthmatch_jax import models
from synthmatch_jax.errors import UserError
from synthmatch_jax.models import weights
from synthmatch_jax.training import loop, trained
from synthmatch_jax.training.run import Run


def test_the_encoder_of_one_model_begins_one_with_another_head():
  sizes = {"num_frames": 40, "num_bins": 32}
  one = models.create("ast_tiny", **sizes, num_controls=16, seed=0)
  other = models.create("ast_tiny", **sizes, num_controls=5, seed=1)
  own, theirs = (jax.tree.map(np.array, weights.arrays_of(model)) for model in (one, other))
  taken = weights.take_over(one, other)
  assert "head/output/kernel" not in taken and "class_embedding" in taken
  for name, array in weights.arrays_of(one).items():
    np.testing.assert_array_equal(array, (theirs if name in taken else own)[name])


def test_a_run_goes_on_from_the_weights_of_another_and_is_bound_to_them(
  make_config, tiny_run, tmp_path
):
  config = make_config("ast_tiny", steps=1)
  config.train.start_from = str(tiny_run)
  run = Run.open(config)
  before = trained.read(tiny_run).model
  assert run.config.train.start_digest == weights.digest(before)
  begun = nnx.to_flat_state(run.begin().params)
  wanted = dict(nnx.to_flat_state(nnx.state(before, nnx.Param)))
  for path, variable in begun:
    np.testing.assert_array_equal(variable.get_raw_value(), wanted[path].get_raw_value())
  assert loop.train_and_evaluate(config, tmp_path / "run")
  config.train.start_from = None
  config.train.steps = 2
  with pytest.raises(UserError, match=r"train\.start_from was"):
    loop.train_and_evaluate(config, tmp_path / "run")


def test_a_model_that_shares_no_weights_is_told(make_config, tiny_run):
  config = make_config("mlp_tiny", steps=1)
  config.train.start_from = str(tiny_run)
  with pytest.raises(UserError, match="no weights of the same name and shape"):
    Run.open(config)
