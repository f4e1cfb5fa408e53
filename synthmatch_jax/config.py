"""Configs: recipes of training runs (configs/*.py) start from one base and say what differs."""

import os
from typing import Any

import ml_collections
from ml_collections.config_dict import placeholder

from synthmatch_jax.errors import UserError

Config = Any
"""An `ml_collections.ConfigDict`. Its fields have no types that a checker could know."""


def base_config() -> Config:
  """What every recipe shares.

  Sections hold arguments under the names of the functions that take them, so they are written
  down once: `model` those of `models.create` and the model's constructor, `optimizer` those of
  `training.optimizer.create` and of the optimizer. A field of None keeps the function's default.
  """
  config: Config = ml_collections.ConfigDict()
  config.seed = 0  # Of weights, dropout and the order of the records.

  config.data = ml_collections.ConfigDict()
  config.data.name = "massive16/standard"  # Or with a version: massive16/standard/1.0.0.
  config.data.dir = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")

  config.model = ml_collections.ConfigDict()
  config.model.name = placeholder(str)

  config.optimizer = ml_collections.ConfigDict()
  config.optimizer.name = "adam"  # Paper, section 3.2.1.
  config.optimizer.learning_rate = 3e-4  # Of the paper's baselines.

  config.train = ml_collections.ConfigDict()
  # The paper is silent on the batch size. With 64 and Adam at 5e-5 one epoch of its 800,000
  # sounds is 12,500 steps; AST (its [10]) trained with 12 to 128.
  config.train.batch_size = 64
  config.train.epochs = 50  # Paper, section 3.2.1.
  config.train.steps = placeholder(int)  # Instead of epochs.
  config.train.eval_every = placeholder(int)  # Steps; None: every epoch.
  config.train.log_every = 50  # Steps.
  return config


def unknown_variant(file: str, variant: str, *known: str) -> UserError:
  """The error for `configs/x.py:variant` where x.py has no such variant."""
  name = os.path.basename(file)  # noqa: PTH119 - __file__ is a plain string.
  return UserError(
    f"configs/{name} has no variant {variant!r}; known are"
    f" {', '.join(f'configs/{name}:{k}' for k in known)} and plain configs/{name}"
  )


def check(config: Config) -> None:
  """Raises a UserError that names the first field of a value that cannot be meant."""
  if config.model.name is None:
    raise UserError("model.name is not set; set it in the config or by --config.model.name=NAME")
  if not config.optimizer.learning_rate > 0:
    raise UserError(
      f"optimizer.learning_rate must be above 0, not {config.optimizer.learning_rate}"
    )
  for key in ("batch_size", "epochs", "steps", "eval_every", "log_every"):
    value = config.train[key]
    if value is not None and value < 1:
      raise UserError(f"train.{key} must be at least 1, not {value}")


def arguments(section: Config) -> dict[str, Any]:
  """A section as keyword arguments, without the fields that are None."""
  return {key: value for key, value in section.to_dict().items() if value is not None}
