"""Sounds that are rendered while a model is trained on them.

A build puts its finished shards into a folder, one after the other and in the order of its plan. A
larger build of the same recipe as a finished data set adds to the same folder. Training reads what
is there: in passes, each over all sounds that are finished when it begins.
"""

import bisect
import functools
import itertools
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from jaxtyping import Int

from synthmatch_jax import untrusted
from synthmatch_jax.data.dataset import Dataset
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError

SHARDS = ".shards"
"""The folder of finished shards beside data sets, unless a build is told another."""

FILE = "passes.jsonl"
"""The file in the folder of a run that has the number of sounds of each pass."""

_FORMAT = "array_record"
# A look at the folder costs some system calls, and a shard takes longer than this.
_LOOK_SECONDS = 1.0
# Training ends long before so many batches.
_ENDLESS = 2**48


def shard_file(split: str, number: int, count: int, suffix: str) -> str:
  """Returns the name of a shard; its length is in it, as a split's last shard may grow."""
  return f"{split}-{number:06d}-{count}.{suffix}"


def ledger_file(shard: str) -> str:
  """Returns the name of the ledger of a shard, which is written when the shard is whole."""
  return f"{shard}.json"


class Rendered:
  """The training sounds that a build has finished: those of its full shards, from the first one on.

  It is a source of serialised records (`Records`) that grows while the build goes on. The plan
  orders them, so the record at a position is the same at any time.
  """

  def __init__(self, folder: Path, *, shard_size: int):
    """Looks into the folder of a recipe's shards.

    Args:
      folder: The folder.
      shard_size: The number of records in a full shard.
    """
    self.folder, self._shard_size = folder, shard_size
    self._shards: list[Any] = []  # One ArrayRecordDataSource each; they open their files late.
    self._looked = -_LOOK_SECONDS

  def __len__(self) -> int:
    """Returns the number of records that are finished by now, as of a second ago."""
    if time.monotonic() - self._looked >= _LOOK_SECONDS:
      self._looked = time.monotonic()
      self._look()
    return len(self._shards) * self._shard_size

  def __getitem__(self, index: Any) -> Any:
    """Returns the record at a position, as bytes."""
    number, place = divmod(int(index), self._shard_size)
    if number >= len(self._shards):  # Another process has seen more.
      self._look()
    return self._shards[number][place]

  def _look(self) -> None:
    found = list(self._shards)  # Another thread may look, too.
    while True:
      name = shard_file("train", len(found), self._shard_size, _FORMAT)
      if not (self.folder / ledger_file(name)).exists():
        break
      from array_record.python import array_record_data_source as sources  # Not on Windows.

      instruction = f"{self.folder / name}[0:{self._shard_size}]"  # No file is opened to count.
      found.append(sources.ArrayRecordDataSource(instruction))
    if len(found) > len(self._shards):
      self._shards = found


class Passes:
  """The passes of a run over sounds that are still being rendered.

  A pass goes once over every sound that is finished when it begins, in an order that is a function
  of the seed, the number of the pass and the number of its sounds. That number is written down
  before any sound of the pass is read. Whoever resumes the run, or makes it again with a copy of
  the file, therefore reads the same sounds in the same order. Several processes may read.

  Indexing gives the positions of a batch's sounds; there is no last batch.
  """

  def __init__(self, source: Rendered, path: Path, *, seed: int, batch_size: int, start: int = 0):
    """Begins, or goes on after `start` batches.

    Raises:
      UserError: The file does not have the passes up to there, or sounds of its passes are missing.
    """
    self._source, self._path, self._seed, self._batch_size = source, path, seed, batch_size
    self._sizes, self._ends = [], [0]
    self._length = 0  # Of the file, when it was read.
    self._read()
    if self._ends[-1] < start * batch_size:
      raise UserError(
        f"{path} does not say which sounds the first {start} steps have read: put it back, or begin"
        " anew in another --workdir"
      )
    if self._sizes and self._sizes[-1] > len(source):
      raise UserError(
        f"{path} has a pass of {self._sizes[-1]} sounds, and only {len(source)} are finished in"
        f" {source.folder}: let the build that rendered them go on, or begin anew in another"
        " --workdir"
      )

  def __len__(self) -> int:
    """Returns more than any run reads."""
    return _ENDLESS

  def __getitem__(self, index: Any) -> Int[np.ndarray, " b"]:
    """Returns the positions of a batch's sounds; a batch may be of two passes or more."""
    places = range(int(index) * self._batch_size, (int(index) + 1) * self._batch_size)
    return np.array([self._position(place) for place in places])

  def report(self, step: int) -> dict[str, float]:
    """Returns what a run has heard by a step, for its log.

    Returns:
      "live/rendered", the number of sounds that are finished; "live/sounds", that of the pass under
      way; and "live/times_heard", how often each of these was heard, on average.
    """
    number = self._pass(step * self._batch_size - 1)  # It may read more sizes.
    sounds = self._sizes[number]
    return {
      "live/rendered": float(len(self._source)),
      "live/sounds": float(sounds),
      "live/times_heard": step * self._batch_size / sounds,
    }

  def _position(self, place: int) -> int:
    number = self._pass(place)
    sounds, begins = self._sizes[number], self._ends[number]
    return int(order(sounds, self._seed)[number * sounds + place - begins])

  def _pass(self, place: int) -> int:
    """Returns the number of the pass that a place in the run belongs to; begins it if need be."""
    while place >= self._ends[-1]:
      with FileLock(self._path.with_name(f".{FILE}.lock")):
        self._read()
        if place >= self._ends[-1]:
          self._begin(len(self._source))
    return bisect.bisect_right(self._ends, place) - 1

  def _read(self) -> None:
    """Reads the file if it has changed."""
    length = self._path.stat().st_size if self._path.exists() else 0
    if length != self._length:
      self._sizes, self._length = read_passes(self._path), length
      self._ends = list(itertools.accumulate(self._sizes, initial=0))

  def _begin(self, sounds: int) -> None:
    with self._path.open("a+b") as file:
      file.seek(0)
      file.truncate(len(_whole_lines(file.read())))
      file.write(json.dumps({"sounds": sounds}).encode() + b"\n")
      file.flush()
      os.fsync(file.fileno())
      self._length = file.tell()
    self._sizes.append(sounds)
    self._ends.append(self._ends[-1] + sounds)


def read_passes(path: Path) -> list[int]:
  """Reads the number of sounds of each pass; a line that a kill has torn does not count.

  Raises:
    UserError: The file is damaged.
  """
  try:
    lines = _whole_lines(path.read_bytes()).splitlines()
    sizes = [len(range(untrusted.parse_json(line.decode())["sounds"])) for line in lines]
    if 0 not in sizes:
      return sizes
  except FileNotFoundError:
    return []
  except (ValueError, KeyError, TypeError, OverflowError):
    pass
  raise UserError(f"{path} is damaged: put back a copy, or begin anew in another --workdir")


def _whole_lines(text: bytes) -> bytes:
  return text[: text.rfind(b"\n") + 1]


def rendered(dataset: Dataset, root: Path) -> Rendered:
  """Returns the training sounds of a data set's recipe that builds have finished.

  Args:
    dataset: A finished data set of the recipe.
    root: The folder of shards of all recipes, ".shards" beside the data sets unless a build is
      told another.

  Raises:
    UserError: There are none yet.
  """
  name = dataset.name.partition("/")[0]
  found = Rendered(folder(root, name, dataset.recipe), shard_size=dataset.recipe.shard_size)
  if not len(found):
    raise UserError(
      f"no shard of {dataset.recipe.shard_size} training sounds is finished in {found.folder} yet:"
      f" build more sounds with the options of {dataset.name}, under another name and with a larger"
      " num_examples, and train once the first shard is there"
    )
  return found


def folder(root: Any, dataset: str, recipe: Recipe) -> Any:
  """Returns the folder of a recipe's shards, below that of the shards of many recipes."""
  return root / dataset / recipe.digest()


@functools.lru_cache(maxsize=4)
def order(sounds: int, seed: int) -> Any:
  """Returns the endless order of so many sounds: epoch after epoch, each in an order of its own."""
  import grain  # Slow, and a build does not need it.

  return grain.MapDataset.source(range(sounds)).seed(seed).shuffle().repeat()
