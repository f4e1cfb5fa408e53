"""A proxy of the synth: it tells what a patch sounds like (controls and note in, log-mel out).

    python -m synthmatch_jax.train --config=configs/proxy.py --workdir=runs/proxy

    python -m synthmatch_jax.train --config=configs/proxy.py:runlocal --workdir=runs/proxy_local

This is half as wide; on 120,832 sounds of many notes four epochs took 15 minutes of one x86-64 core
(`python -m study.runs proxy_notes`). A proxy learns from the data sets of models, and is
measured by

    python -m synthmatch_jax.eval --workdir=runs/proxy

The paper has none: it calls a loss of parameters alone a possible limitation (section 3.3).
"""

from synthmatch_jax.config import Config, base_config, unknown_variant


def get_config(variant: str = "") -> Config:
  """Returns the config; variants "runlocal" and "small" are half as wide."""
  config = base_config()
  config.model.name = "proxy"
  config.optimizer.name = "muon"
  config.optimizer.learning_rate = 4e-3
  config.optimizer.schedule = "cosine"
  config.optimizer.warmup_steps = 300
  config.optimizer.clip_norm = 1.0
  config.train.batch_size = 64
  config.train.epochs = 8
  config.train.average_decay = 0.999
  if variant in ("runlocal", "small"):
    config.model.proxy_width = 96
    config.model.proxy_hidden = 384
  elif variant:
    raise unknown_variant(__file__, variant, "runlocal", "small")
  return config
