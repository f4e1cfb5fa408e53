"""A model that knows several answers: an AST whose head draws them by flow matching.

    python -m synthmatch_jax.train --config=configs/flow.py --workdir=runs/flow

This is the paper's AST (section 2.2) with another head: the paper's answers with the mean of all
patches that sound alike, which may sound like none of them.

    python -m synthmatch_jax.train --config=configs/flow.py:runlocal --workdir=runs/flow_local

    python -m synthmatch_jax.train --config=configs/flow.py:small --workdir=runs/flow_small

These are as small as those of `configs/ast.py`, for two cores.

    python -m synthmatch_jax.train --config=configs/flow.py:notes --workdir=runs/flow_notes

This is as `configs/ast.py:notes`, for data sets of many notes.

    python -m synthmatch_jax.eval --workdir=runs/flow_small --draws=16

This measures one draw, and the nearest of 16 beside as many neighbours.
"""

from synthmatch_jax.config import Config, base_config, unknown_variant


def get_config(variant: str = "") -> Config:
  """Returns the config.

  Args:
    variant: "runlocal" fits a laptop, "small" is the same with averaged weights, "notes" one for
      many notes.
  """
  config = base_config()
  config.model.name = "ast_base"
  config.model.head = "flow"
  config.optimizer.learning_rate = 5e-5  # Paper, section 3.2.1.
  if variant in ("runlocal", "small", "notes"):
    config.model.name = "ast_small"
    config.model.stride = 16
    config.optimizer.learning_rate = 5e-4
    config.train.batch_size = 32
    config.train.epochs = 12
  elif variant:
    raise unknown_variant(__file__, variant, "runlocal", "small", "notes")
  if variant in ("small", "notes"):
    config.optimizer.learning_rate = 1e-3
    config.optimizer.schedule = "cosine"
    config.optimizer.warmup_steps = 300
    config.train.average_decay = 0.999
  if variant == "notes":
    config.data.name = "massive16/notes"
    config.model.note = "aligned"
    config.model.note_loss = 0.03
    config.train.note_hidden = 0.2
  return config
