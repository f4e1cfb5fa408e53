"""The paper's CNN baseline.

    python -m synthmatch_jax.train --config=configs/cnn.py --workdir=runs/cnn

Result: parameter MSE 0.094 in the paper (Table 2, on Massive), where it converged after about 5 of
50 epochs. Here one core trains about 20 sounds per second: docs/results.md has the first 192,000.

    python -m synthmatch_jax.train --config=configs/cnn.py:runlocal --workdir=runs/cnn_local

Time: 2 minutes on two x86-64 cores for the 1,600 training sounds of `make demo-train`.
Result: validation loss 0.059 on 200 sounds; a constant at the mean has 0.056 on the test sounds.
"""

from synthmatch_jax.config import Config, base_config, unknown_variant


def get_config(variant: str = "") -> Config:
  """Returns the paper's config; variant "runlocal" fits a laptop."""
  config = base_config()
  config.model.name = "cnn"
  config.optimizer.learning_rate = 3e-4  # Paper, section 3.2.1.
  if variant == "runlocal":
    config.model.channels = 32
    config.model.width = 512
    config.train.batch_size = 32
    config.train.epochs = 10
  elif variant:
    raise unknown_variant(__file__, variant, "runlocal")
  return config
