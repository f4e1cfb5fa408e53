"""massive16: random patches of a synth with the paper's 16 parameters, and their sounds.

Built by `tfds build datasets/massive16`; README.md beside this file tells the options.
Imports only synthmatch_jax and libraries: TFDS replaces the module name `datasets` while it
loads this file.
"""

import dataclasses
import functools
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from tensorflow_datasets.core import writer as writer_lib

from synthmatch_jax import cli, cores, untrusted
from synthmatch_jax.audio.loudness import THRESHOLD_DB
from synthmatch_jax.audio.mel import MelSettings
from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.dataset import DESCRIPTIONS
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.data.records import features
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation import checks, finished, ledger, shards
from synthmatch_jax.generation.plan import Plan, Shard
from synthmatch_jax.generation.store import Store
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths import registry
from synthmatch_jax.synths.play import fingerprint

cli.speak_plainly("tfds build")


# Formats that are read without TensorFlow, which TFDS's default (tfrecord) is not. The first also
# at random; Windows has no package for it, and the second is read into memory as a whole.
_FILE_FORMAT = "parquet" if sys.platform == "win32" else "array_record"


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
    notes: a distribution of notes, from which each record draws one: "varied" for the default one,
      or {"pitch": [33, 96], "velocity": 127, "hold_seconds": [0.08, 3.0]}, any of which may be left
      out. Where it is empty, every record is of the one note that the options above describe.
    seconds: length of a sound.
    threshold_db: a sound of less loudness, in LUFS, is drawn again.
    n_mels: mel bins of a spectrogram.
    shard_size: records in a file.
    workers: sounds rendered at once, by each machine; 0 is one a core. It does not change a byte.
    shards: where finished shards are kept until they are all there: a folder or a bucket, e.g.
      "gs://bucket/shards"; beside the data set where it is empty.
  """

  engine: str = "auto"
  plugin: str = ""
  num_examples: int = 1_000_000
  seed: int = 0
  prior: str = ""
  pitch: int = 60
  velocity: int = 127
  note_seconds: float = 1.0
  notes: str | Mapping[str, Any] = ""
  seconds: float = 4.0
  threshold_db: float = THRESHOLD_DB
  n_mels: int = 64
  shard_size: int = 256
  workers: int = 0
  shards: str = ""

  def __new__(cls, **options: Any):
    """Names a mistyped option; the dataclass alone would answer with a traceback."""
    known = [field.name for field in dataclasses.fields(cls)]
    if unknown := sorted(set(options) - set(known)):
      raise UserError(f"unknown option {', '.join(unknown)} in --config; known: {', '.join(known)}")
    if "name" not in options:
      raise UserError('--config needs a "name": it becomes the folder of the data set')
    checks.require_texts(options)
    return super().__new__(cls)

  @functools.cached_property
  def synth(self) -> registry.Engine:
    """The engine of the options."""
    return registry.engine(self.engine, path=self.plugin)

  @functools.cached_property
  def recipe(self) -> Recipe:
    """What the options say about the records."""
    checks.require_numbers(vars(self))
    synth = self.synth
    try:
      seconds = float(self.note_seconds)
      note = Note(pitch=self.pitch, velocity=self.velocity, hold_seconds=seconds)
    except ValueError as error:
      raise UserError(f"{error}; change it in --config") from None
    return Recipe(
      engine=synth.name,
      fingerprint=fingerprint(synth),
      space=synth.space,
      prior=prior.load(self.prior or synth.prior, synth.space),
      seed=self.seed,
      note=note,
      notes=checks.notes(self.notes),
      seconds=float(self.seconds),
      mel=MelSettings(n_mels=self.n_mels),
      threshold_db=float(self.threshold_db),
      shard_size=self.shard_size,
      plugin=synth.plugin.essentials() if synth.plugin else None,
    )


class Builder(tfds.core.ShardBasedBuilder):
  """Renders shards into a cache that survives interruption, then links them into place."""

  VERSION = tfds.core.Version("2.0.0")
  RELEASE_NOTES = {
    "2.0.0": "Vital without oversampling, which renders a third faster.",
    "1.0.0": "First release: 16 controls, one note, 64-bin log-mel.",
  }
  builder_config_cls = Massive16Config
  BUILDER_CONFIGS = [
    Massive16Config(name="standard", description="One million sounds of C4 on the default engine.")
  ]

  def __init__(self, *, file_format: str | None = None, **kwargs: Any):
    file_format = file_format or _FILE_FORMAT
    try:
      super().__init__(file_format=file_format, **kwargs)
    except (UserError, OSError):
      raise
    except Exception as error:  # TFDS and protobuf raise of every kind.
      info = Path(os.fspath(getattr(self, "_data_dir", ""))) / DESCRIPTIONS[0]
      if not info.exists():
        raise
      # TFDS reads what describes a data set before it can be asked to write it anew.
      print(f"what describes the data set in {info.parent} is damaged: {error}")
      info.replace(info.with_name(f".{info.name}.damaged"))
      super().__init__(file_format=file_format, **kwargs)

  def download_and_prepare(  # pyright: ignore[reportIncompatibleVariableOverride] - TFDS wraps its own.
    self, *, download_config: tfds.download.DownloadConfig | None = None, **kwargs: Any
  ) -> None:
    """Builds the data set; one that is there already must have been built with these options.

    With Beam's options (`--beam_pipeline_options`) the shards are rendered by its runner.
    """
    self._refuse_other_options()
    plugin = self._config.synth.plugin
    if plugin is not None and not plugin.state:
      print(
        f"warning: {plugin.name} has no base preset: it plays in the state in which it starts,"
        " which may differ from machine to machine; `python -m synthmatch_jax.probe` stores one"
      )
    self._beam_options = download_config.beam_options if download_config else None
    with self._store.building():
      for remains in self._folder.parent.glob(f"incomplete.*_{self._folder.name}"):
        shutil.rmtree(remains)  # Of a build that was killed.
      finished.put_aside_if_damaged(self._folder, self._names, self._store)
      super().download_and_prepare(download_config=download_config, **kwargs)
      known = [found for shard in self._shards if (found := self._store.ledger(shard))]
      if not (self._folder / ledger.FILE).exists() and len(known) == len(self._shards):
        ledger.write_all(known, self._folder)
      finished.seal(self._folder, self._names)
      finished.drop(self._folder, self._names)

  def _refuse_other_options(self) -> None:
    built = self._folder / "metadata.json"
    if not built.exists():
      return
    config = self._config
    try:
      metadata = untrusted.read_json(built)
      Recipe.from_dict(metadata["recipe"])
    except (ValueError, KeyError, TypeError, AttributeError):
      return  # It is damaged, which is found out next.
    if Recipe.from_dict(metadata["recipe"]).digest() != config.recipe.digest():
      raise UserError(
        f"{self._folder} was built with other options; take another name, or replace it with"
        " --overwrite"
      )
    if metadata["num_examples"] != config.num_examples:
      raise UserError(
        f"{self._folder} has {metadata['num_examples']} records, not {config.num_examples}; take"
        " another name, or replace it with --overwrite: only what is new is rendered"
      )

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
    workers = config.workers or cores.available()
    if self._beam_options is None:
      shards.render(self._shards, self._store, engine=config.synth, workers=workers)
    else:
      from synthmatch_jax.generation import beam  # Slow to import, and seldom needed.

      beam.render(
        self._plan, self._store, engine=config.synth, workers=workers, options=self._beam_options
      )
    keys: dict[str, list[_Keys]] = {}
    for shard in self._shards:
      keys.setdefault(shard.split, []).append(_Keys(shard))
    return keys

  def _example_writer(self) -> writer_lib.ExampleWriter:
    return _LinkWriter(self._store, self._names)

  @functools.cached_property
  def _names(self) -> dict[str, Shard]:
    """File -> shard, of the whole data set."""
    names = {}
    for shard in self._shards:
      template = self._get_filename_template(split_name=shard.split)
      target = template.sharded_filepath(
        shard_index=shard.number, num_shards=self._plan.num_shards(shard.split)
      )
      names[target.name] = shard
    return names

  @functools.cached_property
  def _plan(self) -> Plan:
    config = self._config
    return Plan(seed=config.seed, num_examples=config.num_examples, shard_size=config.shard_size)

  @functools.cached_property
  def _shards(self) -> list[Shard]:
    return list(self._plan)

  @functools.cached_property
  def _store(self) -> Store:
    config, file_format = self._config, self.info.file_format
    assert file_format is not None  # Set in __init__.
    root = config.shards or os.fspath(Path(self._data_dir_root) / ".shards")
    return Store(root=root, dataset=self.name, recipe=config.recipe, file_format=file_format)

  @property
  def _config(self) -> Massive16Config:
    assert isinstance(self.builder_config, Massive16Config)
    return self.builder_config

  @property
  def _folder(self) -> Path:
    return Path(os.fspath(self.data_path))


class _Keys:
  """Stands for the records of a finished shard."""

  def __init__(self, shard: Shard):
    self._shard = shard

  def __call__(self) -> Iterator[tuple[int, None]]:
    return ((index, None) for index in self._shard.indices)


class _LinkWriter(writer_lib.ExampleWriter):
  """'Writes' a shard by linking its finished file out of the store."""

  def __init__(self, store: Store, files: Mapping[str, Shard]):
    super().__init__(store.file_format)
    self._store, self._files = store, files

  def write(self, path, examples):
    del examples
    self._store.fetch(self._files[Path(path).name], Path(path))
