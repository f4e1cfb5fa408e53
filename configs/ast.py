"""The paper's model: an Audio Spectrogram Transformer of ViT-Base size.

    python -m synthmatch_jax.train --config=configs/ast.py --workdir=runs/ast

Time: 50 epochs of 800,000 sounds are about 3e18 floating-point operations (computed): hours on
one modern accelerator, months on two CPU cores (about 2 sounds/s).
Result: parameter MSE 0.031 in the paper (Table 2, on Massive); not trained here at full size.

    python -m synthmatch_jax.train --config=configs/ast.py:runlocal --workdir=runs/ast_small

Time: 2.5 minutes on two x86-64 cores for the 1,600 training sounds of `make demo-train`.
Result: parameter MSE 0.038 on their 200 test sounds, where a constant at the mean has 0.056.

    python -m synthmatch_jax.train --config=configs/ast.py:small --workdir=runs/ast

The model that comes along: as small, with a schedule, a higher rate and averaged weights. Masks
made it worse over the few epochs that a CPU can make. Time, result and what was tried:
docs/results.md.
"""

from synthmatch_jax.config import Config, base_config, unknown_variant


def get_config(variant: str = "") -> Config:
  """The paper's recipe; with variant "runlocal" one for a laptop, with "small" a better one."""
  config = base_config()
  config.model.name = "ast_base"
  config.optimizer.learning_rate = 5e-5  # Paper, section 3.2.1.
  if variant in ("runlocal", "small"):
    config.model.name = "ast_small"  # 192 wide, 6 deep.
    config.model.stride = 16  # 24 patches, not 54 as at its own 10: twice as fast, no worse here.
    config.optimizer.learning_rate = 5e-4  # Small models take larger steps.
    config.train.batch_size = 32
    config.train.epochs = 12  # A few thousand sounds are learnt by heart after that.
  elif variant:
    raise unknown_variant(__file__, variant, "runlocal", "small")
  if variant == "small":
    config.optimizer.learning_rate = 1e-3  # With a warm-up and down to 0.
    config.optimizer.schedule = "cosine"
    config.optimizer.warmup_steps = 300
    config.train.average_decay = 0.999
  return config
