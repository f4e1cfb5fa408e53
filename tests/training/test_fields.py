"""Fields of a config that cannot be meant get a sentence before anything is written."""

import pytest

from synthmatch_jax import config as configs
from synthmatch_jax.errors import UserError
from synthmatch_jax.training import loop, optimizer
from synthmatch_jax.training.run import Run


@pytest.mark.parametrize(
  ("field", "value", "said"),
  [
    ("batch_size", 0, "train.batch_size must be at least 1, not 0"),
    ("steps", -5, "train.steps must be at least 1, not -5"),
    ("log_every", 0, "train.log_every must be at least 1"),
  ],
)
def test_values_that_cannot_be_meant(make_config, field, value, said):
  with pytest.raises(UserError, match=said):
    configs.check(make_config("mlp_tiny", **{field: value}))


@pytest.mark.parametrize(
  ("section", "key", "value", "said"),
  [
    ("train", "average_decay", 1.0, "train.average_decay must be between 0 and 1, not 1.0"),
    ("data", "workers", -1, "data.workers must be at least 0, not -1"),
    ("data", "train_examples", 0, "data.train_examples must be at least 1, not 0"),
    ("masking", "bin_width", -2, "masking.bin_width must be at least 0, not -2"),
    ("optimizer", "clip_norm", 0.0, "optimizer.clip_norm must be above 0, not 0.0"),
    ("optimizer", "warmup_steps", -3, "optimizer.warmup_steps must be at least 0, not -3"),
    ("model", "head", "flo", "no head 'flo'; known: regression, by_kind"),
    ("model", "width", 0, "mlp_tiny cannot be built: width must be at least 1, not 0"),
  ],
)
def test_a_section_speaks_before_anything_is_written(
  make_config, tmp_path, section, key, value, said
):
  config = make_config("mlp_tiny")
  config[section][key] = value
  with pytest.raises(UserError, match=said):
    loop.train_and_evaluate(config, tmp_path / "run")
  assert not (tmp_path / "run").exists()


def test_names_that_are_not_known(make_config):
  with pytest.raises(UserError, match="seed must be at least 0, not -1"):
    configs.check(make_config("mlp_tiny", seed=-1))
  with pytest.raises(UserError, match=r"model\.name is not set"):
    configs.check(configs.base_config())
  with pytest.raises(UserError, match="learning_rate must be above 0, not -1"):
    Run.open(make_config("mlp_tiny", learning_rate=-1.0))
  with pytest.raises(UserError, match="no optimizer 'sgdd'; known: adam"):
    optimizer.create("sgdd", learning_rate=1.0)
  with pytest.raises(UserError, match="no argument 'momentum'; known: learning_rate, b1"):
    optimizer.create("adam", learning_rate=1.0, momentum=0.9)
