"""massive16: random patches of a synth with the paper's 16 parameters, and their sounds.

Built by `tfds build datasets/massive16`; README.md beside this file tells the options.
Imports only synthmatch_jax and libraries: TFDS replaces the module name `datasets` while it
loads this file.
"""

import dataclasses
import functools
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from tensorflow_datasets.core import file_adapters
from tensorflow_datasets.core import writer as writer_lib

from synthmatch_jax import cli
from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.data.records import features
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation import plan, shards
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths import registry
from synthmatch_jax.synths.play import fingerprint

cli.speak_plainly("tfds build")


# Formats that are read without TensorFlow, which TFDS's default (tfrecord) is not. The first also
# at random; Windows has no package for it, and the second is read into memory as a whole.
_FILE_FORMAT = "parquet" if sys.platform == "win32" else "array_record"

# Whole where the bound is.
_LEAST = {
  "num_examples": 10,
  "seed": 0,
  "shard_size": 1,
  "workers": 0,
  "pitch": 0,
  "velocity": 1,
  "note_seconds": 0.01,
  "seconds": 0.1,
}


@dataclasses.dataclass(eq=False, kw_only=True)
class Massive16Config(tfds.core.BuilderConfig):
  """Options of a build, as JSON: `--config '{"name": "mine", "num_examples": 1000}'`.

  Attributes:
    engine: the synth that renders: "vital", "massive", or a FILE.json that the probe wrote;
      "auto" is Massive where it is found, and Vital elsewhere.
    plugin: path of the engine's plugin, where it is not found by itself.
    num_examples: records in the three splits together; a million in the paper.
    seed: of everything random.
    prior: the distribution of the controls: "presets", "uniform" or a FILE.json; the engine's
      own where it is empty.
    pitch: MIDI note number; 60 is C4.
    velocity: MIDI velocity.
    note_seconds: from note-on to note-off.
    seconds: length of a sound.
    threshold_db: a sound of less loudness, in LUFS, is drawn again.
    shard_size: records in a file.
    workers: sounds rendered at once; 0 is one a core. It does not change a byte.
  """

  engine: str = "auto"
  plugin: str = ""
  num_examples: int = 1_000_000
  seed: int = 0
  prior: str = ""
  pitch: int = 60
  velocity: int = 127
  note_seconds: float = 1.0
  seconds: float = 4.0
  threshold_db: float = -60.0
  shard_size: int = 256
  workers: int = 0

  def __new__(cls, **options: Any):
    """Names a mistyped option; the dataclass alone would answer with a traceback."""
    known = [field.name for field in dataclasses.fields(cls)]
    if unknown := sorted(set(options) - set(known)):
      raise UserError(f"unknown option {', '.join(unknown)} in --config; known: {', '.join(known)}")
    if "name" not in options:
      raise UserError('--config needs a "name": it becomes the folder of the data set')
    return super().__new__(cls)

  @functools.cached_property
  def synth(self) -> registry.Engine:
    """The engine of the options."""
    return registry.engine(self.engine, path=self.plugin)

  @functools.cached_property
  def recipe(self) -> Recipe:
    """What the options say about the records."""
    for option, least in _LEAST.items():
      value, whole = getattr(self, option), isinstance(least, int)
      number = isinstance(value, int) or (isinstance(value, float) and not whole)
      if not number or value < least:
        kind = "a whole number" if whole else "a number"
        raise UserError(f"{option} must be {kind} of at least {least}; --config has {value!r}")
    synth = self.synth
    try:
      seconds = float(self.note_seconds)
      note = Note(pitch=self.pitch, velocity=self.velocity, seconds=seconds)
    except ValueError as error:
      raise UserError(f"{error}; change it in --config") from None
    return Recipe(
      engine=synth.name,
      fingerprint=fingerprint(synth),
      space=synth.space,
      prior=prior.load(self.prior or synth.prior, synth.space),
      seed=self.seed,
      note=note,
      seconds=float(self.seconds),
      threshold_db=float(self.threshold_db),
      shard_size=self.shard_size,
      plugin=synth.plugin.essentials() if synth.plugin else None,
    )


class Builder(tfds.core.ShardBasedBuilder):
  """Renders shards into a cache that survives interruption, then links them into place."""

  VERSION = tfds.core.Version("1.0.0")
  RELEASE_NOTES = {"1.0.0": "First release: 16 controls, one note, 64-bin log-mel."}
  builder_config_cls = Massive16Config
  BUILDER_CONFIGS = [
    Massive16Config(name="standard", description="One million sounds of C4 on the default engine.")
  ]

  def __init__(self, *, file_format: str | None = None, **kwargs: Any):
    super().__init__(file_format=file_format or _FILE_FORMAT, **kwargs)

  def download_and_prepare(  # pyright: ignore[reportIncompatibleVariableOverride] - TFDS wraps its own.
    self, **kwargs: Any
  ) -> None:
    """Builds the data set; one that is there already must have been built with these options."""
    built = Path(os.fspath(self.data_path)) / "metadata.json"
    if built.exists():
      metadata = json.loads(built.read_text())
      here = (Recipe.from_dict(metadata["recipe"]).digest(), metadata["num_examples"])
      if here != (self._config.recipe.digest(), self._config.num_examples):
        raise UserError(
          f"{self.data_path} was built with other options; take another name, or replace it"
          " with --overwrite"
        )
    plugin = self._config.synth.plugin
    if plugin is not None and not plugin.state:
      print(
        f"warning: {plugin.name} has no base preset: it plays in the state in which it starts,"
        " which may differ from machine to machine; `python -m synthmatch_jax.probe` stores one"
      )
    super().download_and_prepare(**kwargs)

  def _info(self) -> tfds.core.DatasetInfo:
    recipe = self._config.recipe
    return self.dataset_info_from_configs(
      features=features(recipe),
      supervised_keys=("mel", "controls"),
      disable_shuffling=True,  # Records are random already; reading shuffles.
      metadata=tfds.core.MetadataDict(
        recipe=recipe.to_dict(), num_examples=self._config.num_examples
      ),
    )

  def _shard_iterators_per_split(self, dl_manager):
    """Renders what is missing; TFDS gets iterators of keys, from which it counts."""
    del dl_manager
    config = self._config
    planned = list(self._plan())
    shards.render(
      planned,
      config.recipe,
      engine=config.synth,
      cache=self._cache,
      file_format=self._format,
      workers=config.workers or os.cpu_count() or 1,
    )
    keys: dict[str, list[_Keys]] = {}
    for shard in planned:
      keys.setdefault(shard.split, []).append(_Keys(shard))
    return keys

  def _example_writer(self) -> writer_lib.ExampleWriter:
    files = {}
    planned = list(self._plan())
    count = {split: sum(s.split == split for s in planned) for split in plan.SPLITS}
    for shard in planned:
      template = self._get_filename_template(split_name=shard.split)
      target = template.sharded_filepath(shard_index=shard.number, num_shards=count[shard.split])
      files[target.name] = shards.shard_path(self._cache, shard, self._format)
    return _LinkWriter(self._format, files)

  def _plan(self) -> Iterator[plan.Shard]:
    config = self._config
    return plan.shards(
      seed=config.seed, num_examples=config.num_examples, shard_size=config.shard_size
    )

  @property
  def _config(self) -> Massive16Config:
    assert isinstance(self.builder_config, Massive16Config)
    return self.builder_config

  @property
  def _format(self) -> file_adapters.FileFormat:
    file_format = self.info.file_format
    assert file_format is not None  # Set in __init__.
    return file_format

  @property
  def _cache(self) -> Path:
    root = Path(os.fspath(self._data_dir_root))
    return shards.cache_folder(root, self.name, self._config.recipe)


class _Keys:
  """Stands for the records of a finished shard."""

  def __init__(self, shard: plan.Shard):
    self._shard = shard

  def __call__(self) -> Iterator[tuple[int, None]]:
    return ((index, None) for index in self._shard.indices)


class _LinkWriter(writer_lib.ExampleWriter):
  """'Writes' a shard by linking its finished file out of the cache."""

  def __init__(self, file_format: file_adapters.FileFormat, files: dict[str, Path]):
    super().__init__(file_format)
    self._files = files

  def write(self, path, examples):
    del examples
    shards.link(self._files[Path(path).name], Path(path))
