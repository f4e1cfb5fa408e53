"""Keeps finished shards, each with its ledger, in a folder or a bucket.

TFDS alone would start an interrupted build over. Here every shard is first written to a file whose
path has a hash of all that shapes it; TFDS then only links the files. A shard is finished when its
ledger is there and has the file's checksum.
"""

import contextlib
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from tensorflow_datasets.core import file_adapters
from tqdm import tqdm
from upath import UPath

from synthmatch_jax import checksums, files
from synthmatch_jax.data import growing
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation.ledger import Ledger
from synthmatch_jax.generation.plan import Shard

_PARTIAL = ".partial"
# Threads that hash; hashing releases Python's lock, and buckets answer slowly.
_READERS = 8


@dataclass(frozen=True, kw_only=True)
class Store:
  """The shards of one recipe; it is plain data that can be sent to other machines.

  Attributes:
    root: Folder, or an address that fsspec knows, e.g. "gs://bucket/shards", for the shards of
      many recipes side by side.
    dataset: The name of the data set, e.g. "massive16".
    recipe: The recipe of the records; another recipe has another folder under the root.
    file_format: The format of the shards.
  """

  root: str
  dataset: str
  recipe: Recipe
  file_format: file_adapters.FileFormat

  @property
  def folder(self) -> UPath:
    """The folder of this recipe."""
    fresh: Any = {} if self.is_local else {"use_listings_cache": False}
    return growing.folder(UPath(self.root, **fresh), self.dataset, self.recipe)

  @property
  def is_local(self) -> bool:
    """Whether the store is on a file system of this machine."""
    return "://" not in self.root

  def path(self, shard: Shard) -> UPath:
    """Returns a shard's file."""
    suffix, count = self.file_format.file_suffix, len(shard.indices)
    return self.folder / growing.shard_file(shard.split, shard.number, count, suffix)

  def ledger_path(self, shard: Shard) -> UPath:
    """Returns the file of a shard's ledger, which is beside the shard."""
    path = self.path(shard)
    return path.with_name(growing.ledger_file(path.name))

  @contextlib.contextmanager
  def building(self) -> Iterator[None]:
    """Locks the folder for a build, and removes what killed builds have left.

    Buckets know no locks; two builds at the same time do the same work twice there.

    Raises:
      UserError: Another build is at work, or the store cannot be written.
    """
    with self._plainly(), contextlib.ExitStack() as stack:
      if self.is_local:
        self.folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(FileLock(_local(self.folder) / ".lock", timeout=0))
        for leftover in _local(self.folder).glob(f".*{_PARTIAL}"):
          leftover.unlink()
      yield

  @contextlib.contextmanager
  def writing(self, path: UPath) -> Iterator[Path]:
    """Gives a path on this machine to write to, and puts the file in place if the block succeeds.

    A kill or a loss of power leaves the whole file or none.
    """
    folder = _local(self.folder) if self.is_local else Path(tempfile.gettempdir())
    partial = folder / f".{path.name}.{uuid.uuid4().hex}{_PARTIAL}"
    try:
      yield partial
      if self.is_local:
        files.replace(partial, _local(path))
      else:
        path.write_bytes(partial.read_bytes())  # A bucket shows an object when it is whole.
    finally:
      partial.unlink(missing_ok=True)

  def ledger(self, shard: Shard) -> Ledger | None:
    """Returns the ledger of a shard; None if there is none, or if it is damaged."""
    try:
      return Ledger.from_json(self.ledger_path(shard).read_text())
    except (FileNotFoundError, ValueError):
      return None

  def names(self) -> set[str]:
    """Returns the names of all files in the folder."""
    # Buckets have no folders: one without files does not exist.
    return {path.name for path in self.folder.iterdir()} if self.folder.exists() else set()

  def is_finished(self, shard: Shard) -> bool:
    """Returns whether a shard is there and undamaged; reads all of it."""
    ledger = self.ledger(shard)
    return ledger is not None and checksums.holds(self.path(shard), ledger.sha256)

  def missing(self, shards: Sequence[Shard]) -> list[Shard]:
    """Returns the shards that are not finished; says which were damaged.

    It reads every finished shard.
    """
    there = self.names()
    found = [s for s in shards if {self.path(s).name, self.ledger_path(s).name} <= there]
    with ThreadPoolExecutor(_READERS) as pool:
      verdicts = pool.map(self.is_finished, found)
      bar = tqdm(verdicts, total=len(found), desc="checking", unit="shard", disable=not found)
      sound = dict(zip(found, bar, strict=True))
    for shard in found:
      if not sound[shard]:
        print(f"{self.path(shard)} is damaged: it is rendered again")
    return [shard for shard in shards if not sound.get(shard)]

  def fetch(self, shard: Shard, target: Path) -> None:
    """Links, or else copies, a finished shard to a file of a data set."""
    source = self.path(shard)
    with self._plainly():
      if self.is_local:
        try:
          target.hardlink_to(_local(source))
        except OSError:
          shutil.copyfile(_local(source), target)
      else:
        target.write_bytes(source.read_bytes())

  @contextlib.contextmanager
  def _plainly(self) -> Iterator[None]:
    """Turns the errors of a folder into a sentence."""
    try:
      yield
    except Timeout:
      raise UserError(f"another build is writing to {self.folder}; wait for it or end it") from None
    except OSError as error:
      raise UserError(
        f"cannot write shards to {self.folder}: {error.strerror or error}; finished shards are"
        " kept, the same command goes on from them"
      ) from error


def _local(path: UPath) -> Path:
  return Path(path.path)
