"""massive16: random patches of a synth with the paper's 16 parameters, and their sounds.

`tfds build datasets/massive16` builds it; README.md beside this file lists the options. This file
imports only synthmatch_jax and libraries, as TFDS replaces the module name `datasets` while it
loads it.
"""

import dataclasses

import tensorflow_datasets as tfds

from synthmatch_jax.generation.builder import SoundsBuilder
from synthmatch_jax.generation.options import Options


@dataclasses.dataclass(eq=False, kw_only=True)
class Massive16Config(Options):
  """The options of a build; the engine "auto" is Massive where it is found, and Vital elsewhere."""

  engine: str = "auto"


class Builder(SoundsBuilder):
  """The paper's data set: 16 controls, one note, a million sounds."""

  VERSION = tfds.core.Version("2.0.0")
  RELEASE_NOTES = {
    "2.0.0": "Vital without oversampling, which renders a third faster.",
    "1.0.0": "First release: 16 controls, one note, 64-bin log-mel.",
  }
  builder_config_cls = Massive16Config
  BUILDER_CONFIGS = [
    Massive16Config(name="standard", description="One million sounds of C4 on the default engine.")
  ]
