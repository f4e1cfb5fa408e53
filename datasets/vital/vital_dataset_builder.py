"""vital: random patches of Vital with parameters of every kind, and their sounds.

`tfds build datasets/vital` builds it; README.md beside this file says more. This file imports only
synthmatch_jax and libraries, as TFDS replaces the module name `datasets` while it loads it.
"""

import dataclasses

import tensorflow_datasets as tfds

from synthmatch_jax.generation.builder import SoundsBuilder
from synthmatch_jax.generation.options import Options


@dataclasses.dataclass(eq=False, kw_only=True)
class VitalConfig(Options):
  """The options of a build."""

  engine: str = "vital_wide"


class Builder(SoundsBuilder):
  """The wide space of Vital: 120 parameters, one note or varied ones."""

  VERSION = tfds.core.Version("1.0.0")
  RELEASE_NOTES = {"1.0.0": "First release: 120 parameters, 64-bin log-mel."}
  builder_config_cls = VitalConfig
  BUILDER_CONFIGS = [
    VitalConfig(
      name="standard", num_examples=100_000, description="A hundred thousand sounds of C4."
    )
  ]
