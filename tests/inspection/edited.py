"""Data sets with something wrong in them."""

import dataclasses
import shutil

import numpy as np
from tensorflow_datasets.proto import tf_example_pb2

from synthmatch_jax.data import pipeline


def copy(built, folder):
  """A data set's folder, copied: what is done to it hurts nobody else."""
  shutil.copytree(built.dir / built.name, folder / built.name)
  return pipeline.open_dataset(built.name, dir=folder)


def flip(path, place):
  """Turns one byte of a file over; `place` is its position, from 0 to 1."""
  data = bytearray(path.read_bytes())
  data[int(place * len(data))] ^= 0xFF
  path.write_bytes(data)


def edit(dataset, split, position, **changes):
  """The data set with other values in one record."""
  records = list(dataset.sources[split])
  example = tf_example_pb2.Example.FromString(records[position])
  for key, value in changes.items():
    stored = example.features.feature[key]
    values = getattr(stored, stored.WhichOneof("kind")).value
    tensor = isinstance(value, np.ndarray)
    values[0] = value.astype(np.float32).tobytes() if tensor else value
  records[position] = example.SerializeToString()
  return replace(dataset, **{split: records})


def replace(dataset, **splits):
  """The data set with other records in some splits."""
  return dataclasses.replace(dataset, sources={**dataset.sources, **splits})


def record(dataset, split, position, *keys):
  return dataset.decode(dataset.sources[split][position], keys)
