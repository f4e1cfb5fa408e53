"""Records per second of our reader, beside tf.data and beside what training consumes.

    python -m benchmarks.reading [--data_dir=demo/data] [--name=massive16/demo] [--seconds=10]

The data set may be any that `tfds build` made, e.g. that of `make demo-train`. Batches are shuffled
and have 64 records:

* ours: grain on array_record, spectrogram and controls decoded;
* tf.data: the same records as a tfrecord file, decoded to the same arrays;
* training: steps of the small AST of `configs/ast.py:runlocal` on one batch already in memory.

Each is warmed up first, then measured alone.
"""

import argparse
import itertools
import platform
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

from configs import ast
from synthmatch_jax import config as configs
from synthmatch_jax import cores, models
from synthmatch_jax.data import pipeline
from synthmatch_jax.data.fit_statistics import compute
from synthmatch_jax.data.pipeline import Dataset
from synthmatch_jax.training import optimizer as optimizers
from synthmatch_jax.training import state as states
from synthmatch_jax.training.step import make_train_step

BATCH_SIZE = 64


def rate(batches: Iterator[Any], batch_size: int, seconds: float) -> float:
  """Measures records per second, after the first ten batches."""
  for _ in range(10):
    next(batches)
  start = time.perf_counter()
  for count in itertools.count(1):
    next(batches)
    if (elapsed := time.perf_counter() - start) > seconds:
      return count * batch_size / elapsed
  raise AssertionError("never reached")


def with_tf_data(dataset: Dataset, file: Path) -> Iterator[Any]:
  """Yields shuffled batches by tf.data without end, from the training split as one tfrecord."""
  import tensorflow as tf

  records = dataset.sources["train"]
  with tf.io.TFRecordWriter(str(file)) as writer:
    for i in range(len(records)):
      writer.write(records[i])
  wanted = {key: tf.io.FixedLenFeature([], tf.string) for key in pipeline.EXAMPLE}

  def decode(record: Any) -> dict[str, Any]:
    stored = tf.io.parse_single_example(record, wanted)
    return {
      key: tf.reshape(tf.io.decode_raw(stored[key], tf.float32), dataset.features[key].shape)
      for key in pipeline.EXAMPLE
    }

  shuffled = tf.data.TFRecordDataset(str(file)).shuffle(len(records)).repeat()
  decoded = shuffled.map(decode, num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH_SIZE)
  return decoded.prefetch(tf.data.AUTOTUNE).as_numpy_iterator()


def training(dataset: Dataset, batch_size: int) -> Iterator[Any]:
  """Runs steps of the small AST without end."""
  config = ast.get_config("runlocal")
  model = models.create(**configs.arguments(config.model), **dataset.recipe.sizes, seed=0)
  optimizer = optimizers.create(**configs.arguments(config.optimizer))
  graphdef, state = states.create(model, optimizer)
  step = jax.jit(make_train_step(graphdef, optimizer, compute(dataset)), donate_argnums=0)
  batch = next(pipeline.training_batches(dataset, batch_size=batch_size, seed=0))
  while True:
    state, loss = step(state, batch)
    yield jax.block_until_ready(loss)


def main() -> None:
  """Measures and prints the table."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--data_dir", default="demo/data")
  parser.add_argument("--name", default="massive16/demo")
  parser.add_argument("--seconds", type=float, default=10.0, help="length of each measurement")
  options = parser.parse_args()
  dataset = pipeline.open_dataset(options.name, dir=options.data_dir)
  small = ast.get_config("runlocal").train.batch_size
  ours = pipeline.training_batches(dataset, batch_size=BATCH_SIZE, seed=0)
  rates = {"grain, as training reads": rate(ours, BATCH_SIZE, options.seconds)}
  with tempfile.TemporaryDirectory() as folder:
    peer = with_tf_data(dataset, Path(folder) / "train.tfrecord")
    rates["tf.data on tfrecord"] = rate(peer, BATCH_SIZE, options.seconds)
  rates["training of the small AST"] = rate(training(dataset, small), small, options.seconds)
  least = rates["training of the small AST"]
  print(f"\n{dataset.name}; {platform.machine()}, {cores.available()} cores")
  print("| | records/s | x training |")
  print("|---|---:|---:|")
  for label, value in rates.items():
    print(f"| {label} | {value:.0f} | {value / least:.1f} |")


if __name__ == "__main__":
  main()
