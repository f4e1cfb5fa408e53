"""A convolutional baseline stronger than the paper's: a small ResNet trained as the AST is.

    python -m synthmatch_jax.train --config=configs/resnet.py --workdir=runs/resnet
    python -m synthmatch_jax.train --config=configs/resnet.py:runlocal --workdir=runs/resnet_local

docs/results.md has time and result of the latter. The full size has not been trained yet. This
model is not in the paper, whose CNN has no shortcuts, no schedule and a head of 18 million weights.
"""

from synthmatch_jax.config import Config, base_config, unknown_variant


def get_config(variant: str = "") -> Config:
  """Returns the config of a small ResNet; variant "runlocal" fits a laptop."""
  config = base_config()
  config.model.name = "resnet"
  config.optimizer.learning_rate = 1e-3
  config.optimizer.schedule = "cosine"
  config.optimizer.warmup_steps = 300
  config.train.batch_size = 256
  config.train.average_decay = 0.999
  config.masking.time_masks = 2
  config.masking.bin_masks = 2
  if variant == "runlocal":
    config.train.batch_size = 32
    config.train.epochs = 12
    config.masking.time_masks = config.masking.bin_masks = 0  # Masks need more epochs than these.
  elif variant:
    raise unknown_variant(__file__, variant, "runlocal")
  return config
