"""dexed: patches of a DX7 around voices that people made, and their sounds.

`tfds build datasets/dexed` builds it; README.md beside this file lists the options. This file
imports only synthmatch_jax and libraries, as TFDS replaces the module name `datasets` while it
loads it.
"""

import dataclasses

import tensorflow_datasets as tfds
from etils import epath

from synthmatch_jax.generation.builder import SoundsBuilder
from synthmatch_jax.generation.options import Options


@dataclasses.dataclass(eq=False, kw_only=True)
class DexedConfig(Options):
  """The options of a build."""

  engine: str = "dexed"


class Builder(SoundsBuilder):
  """All 145 parameters of a voice, one note, a million sounds as in the paper."""

  # The library of the engine has the name of this folder: TFDS would look for the README there.
  pkg_dir_path = epath.Path(__file__).parent
  VERSION = tfds.core.Version("1.0.0")
  RELEASE_NOTES = {"1.0.0": "First release: 145 parameters, one note, 64-bin log-mel."}
  builder_config_cls = DexedConfig
  BUILDER_CONFIGS = [DexedConfig(name="standard", description="One million sounds of C4.")]
