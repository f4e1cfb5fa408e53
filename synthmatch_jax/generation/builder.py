"""The TFDS builder of all data sets of rendered sounds.

A data set is a folder in datasets/ with a file NAME_dataset_builder.py, whose class Builder derives
from `SoundsBuilder` and says version, release notes and default options (see datasets/massive16).
"""

import functools
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from tensorflow_datasets.core import writer as writer_lib

from synthmatch_jax import cores
from synthmatch_jax.data import growing
from synthmatch_jax.data.dataset import DESCRIPTIONS
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.data.records import features
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation import finished, ledger, plainly, shards
from synthmatch_jax.generation.options import Options
from synthmatch_jax.generation.plan import Plan, Shard
from synthmatch_jax.generation.store import Store

plainly.speak("tfds build")

# Formats that are read without TensorFlow, which TFDS's default (tfrecord) is not. The first also
# at random; Windows has no package for it, and the second is read into memory as a whole.
_FILE_FORMAT = "parquet" if sys.platform == "win32" else "array_record"


class SoundsBuilder(tfds.core.ShardBasedBuilder, skip_registration=True):
  """Renders shards into a store that survives interruption, then links them into place."""

  builder_config_cls = Options

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
    plugin = self._config.found_engine.plugin
    if plugin is not None and not plugin.state:
      print(
        f"warning: {plugin.name} has no base preset: it plays in the state in which it starts,"
        " which may differ from machine to machine; `python -m synthmatch_jax.probe` stores one"
      )
    self._beam_options = download_config.beam_options if download_config else None
    with self._store.building():
      for remains in self._folder.parent.glob(f"incomplete.*_{self._folder.name}"):
        shutil.rmtree(remains)  # A build was killed.
      finished.put_aside_if_damaged(self._folder, self._names, self._store)
      super().download_and_prepare(download_config=download_config, **kwargs)
      known = [found for shard in self._shards if (found := self._store.ledger(shard))]
      if not (self._folder / ledger.FILE).exists() and len(known) == len(self._shards):
        ledger.write_all(known, self._folder)
      finished.seal(self._folder, self._names)
      finished.drop(self._folder, self._names)

  def _refuse_other_options(self) -> None:
    config, metadata = self._config, finished.metadata(self._folder)
    try:
      recipe = Recipe.from_dict(metadata["recipe"])
    except (KeyError, TypeError):
      return  # There is none yet, or it is damaged, which is found out next.
    if recipe.digest() != config.recipe.digest():
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
      shards.render(self._shards, self._store, engine=config.found_engine, workers=workers)
    else:
      from synthmatch_jax.generation import beam  # Slow to import, and seldom needed.

      engine, options = config.found_engine, self._beam_options
      beam.render(self._plan, self._store, engine=engine, workers=workers, options=options)
    keys: dict[str, list[Callable[[], Iterator[tuple[int, None]]]]] = {}
    for shard in self._shards:
      keys.setdefault(shard.split, []).append(functools.partial(_keys, shard))
    return keys

  def _example_writer(self) -> writer_lib.ExampleWriter:
    return _LinkWriter(self._store, self._names)

  @functools.cached_property
  def _names(self) -> dict[str, Shard]:
    """The shard of each file of the data set."""
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
    root = config.shards or os.fspath(Path(self._data_dir_root) / growing.SHARDS)
    return Store(root=root, dataset=self.name, recipe=config.recipe, file_format=file_format)

  @property
  def _config(self) -> Options:
    assert isinstance(self.builder_config, Options)
    return self.builder_config

  @property
  def _folder(self) -> Path:
    return Path(os.fspath(self.data_path))


def _keys(shard: Shard) -> Iterator[tuple[int, None]]:
  """Yields the keys of a finished shard's records, which TFDS counts in place of the records."""
  return ((index, None) for index in shard.indices)


class _LinkWriter(writer_lib.ExampleWriter):
  """Links the finished file of a shard out of the store in place of writing it."""

  def __init__(self, store: Store, files: Mapping[str, Shard]):
    super().__init__(store.file_format)
    self._store, self._files = store, files

  def write(self, path, examples):
    del examples
    self._store.fetch(self._files[Path(path).name], Path(path))
