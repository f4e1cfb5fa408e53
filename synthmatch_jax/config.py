"""Configs: recipes of training runs (configs/*.py) start from one base and say what differs."""

import os
from typing import Any

import ml_collections
from ml_collections.config_dict import placeholder

from synthmatch_jax import files, models
from synthmatch_jax.errors import UserError

Config = Any
"""An `ml_collections.ConfigDict`. Its fields have no types that a checker could know."""


def base_config() -> Config:
  """What every recipe shares.

  Sections hold arguments under the names of the functions that take them, so they are written
  down once: `model` those of `models.create` and of every model's constructor, `optimizer` those
  of `training.optimizer.create` and of the optimizer. A field of None keeps the function's
  default; a field that the chosen model does not take is refused when the model is made.
  """
  config: Config = ml_collections.ConfigDict()
  config.seed = 0  # Of weights, dropout and the order of the records.

  config.data = ml_collections.ConfigDict()
  config.data.name = "massive16/standard"  # Or with a version: massive16/standard/2.0.0.
  config.data.dir = files.data_dir()
  config.data.train_examples = placeholder(int)  # The first so many alone; None: all.
  config.data.workers = 0  # Processes that read; for devices that are faster than one thread.

  config.model = ml_collections.ConfigDict()
  config.model.name = placeholder(str)
  for name in models.MODELS:
    for argument, kind in models.arguments(name).items():
      config.model[argument] = placeholder(kind)

  config.optimizer = ml_collections.ConfigDict()
  config.optimizer.name = "adam"  # Paper, section 3.2.1.
  config.optimizer.learning_rate = 3e-4  # Of the paper's baselines.
  config.optimizer.schedule = "constant"  # Or "cosine", down to 0 over the run.
  config.optimizer.warmup_steps = 0  # Over which the rate rises from 0.
  config.optimizer.weight_decay = placeholder(float)  # Of adamw.
  config.optimizer.clip_norm = placeholder(float)  # Longer gradients are cut to it.
  config.optimizer.b1 = placeholder(float)  # Of adam and adamw, as are the next two.
  config.optimizer.b2 = placeholder(float)
  config.optimizer.eps = placeholder(float)

  # Of mels, while training (SpecAugment); the paper has none.
  config.masking = ml_collections.ConfigDict()
  config.masking.time_masks = 0
  config.masking.time_width = 8  # Frames, at most.
  config.masking.bin_masks = 0
  config.masking.bin_width = 8  # Bins, at most.

  config.mesh = ml_collections.ConfigDict()
  config.mesh.devices = placeholder(int)  # None: all of them.
  config.mesh.params = "replicated"  # Or "sharded": weights and optimizer cut over the devices.

  config.train = ml_collections.ConfigDict()
  # The paper is silent on the batch size. With 64 and Adam at 5e-5 one epoch of its 800,000
  # sounds is 12,500 steps; AST (its [10]) trained with 12 to 128.
  config.train.batch_size = 64  # Records of a step, over all devices.
  config.train.accumulate = 1  # Parts of a batch that are worked through one after the other.
  config.train.epochs = 50  # Paper, section 3.2.1.
  config.train.steps = placeholder(int)  # Instead of epochs.
  config.train.eval_every = placeholder(int)  # Steps; None: every epoch.
  config.train.save_every = placeholder(int)  # Steps; None: at every validation.
  config.train.log_every = 50  # Steps.
  config.train.average_decay = placeholder(float)  # E.g. 0.999: a moving average of the weights.
  config.train.patience = placeholder(int)  # Stop after so many validations without a new best.
  config.train.trace_at = placeholder(int)  # Step from which five are traced by the profiler.
  return config


def unknown_variant(file: str, variant: str, *known: str) -> UserError:
  """The error for `configs/x.py:variant` where x.py has no such variant."""
  name = os.path.basename(file)  # noqa: PTH119 - __file__ is a plain string.
  return UserError(
    f"configs/{name} has no variant {variant!r}; known:"
    f" {', '.join(f'configs/{name}:{k}' for k in known)} and plain configs/{name}"
  )


def check(config: Config) -> None:
  """Raises a UserError that names the first field of a value that cannot be meant."""
  if config.model.name is None:
    raise UserError("model.name is not set; set it in the config or by --config.model.name=NAME")
  if config.seed < 0:
    raise UserError(f"seed must be at least 0, not {config.seed}")
  if not config.optimizer.learning_rate > 0:
    raise UserError(
      f"optimizer.learning_rate must be above 0, not {config.optimizer.learning_rate}"
    )
  counts = ("batch_size", "accumulate", "epochs", "steps", "eval_every", "save_every", "log_every")
  for key in (*counts, "patience", "trace_at"):
    value = config.train[key]
    if value is not None and value < 1:
      raise UserError(f"train.{key} must be at least 1, not {value}")
  if config.data.train_examples is not None and config.data.train_examples < 1:
    raise UserError(f"data.train_examples must be at least 1, not {config.data.train_examples}")
  decay, clip = config.train.average_decay, config.optimizer.clip_norm
  if decay is not None and not 0 < decay < 1:
    raise UserError(f"train.average_decay must be between 0 and 1, not {decay}")
  if clip is not None and not clip > 0:
    raise UserError(f"optimizer.clip_norm must be above 0, not {clip}")
  if config.data.workers < 0:
    raise UserError(f"data.workers must be at least 0, not {config.data.workers}")
  for key in ("time_masks", "time_width", "bin_masks", "bin_width"):
    if config.masking[key] < 0:
      raise UserError(f"masking.{key} must be at least 0, not {config.masking[key]}")
  if config.optimizer.warmup_steps < 0:
    raise UserError(
      f"optimizer.warmup_steps must be at least 0, not {config.optimizer.warmup_steps}"
    )


def arguments(section: Config) -> dict[str, Any]:
  """A section as keyword arguments, without the fields that are None."""
  return {key: value for key, value in section.to_dict().items() if value is not None}
