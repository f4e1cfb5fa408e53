"""Writes files that are whole or not there, locks folders, and says where caches are."""

import atexit
import contextlib
import errno
import functools
import json
import os
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synthmatch_jax.errors import UserError

UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error)
"""The errors of reading a JSON or NumPy file that is missing, damaged or not what it must be."""

# A full disk, a used up quota.
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
# A full, broken or read-only disk, or a limit on the length of a file.
_DISK = (*_FULL, errno.EROFS, errno.EIO, errno.EFBIG)


def replace(partial: Path, path: Path) -> None:
  """Puts a written file in place, on the disk: a loss of power leaves the whole file or none.

  Raises:
    OSError: It cannot be put there.
  """
  _sync(partial)
  partial.replace(path)
  if sys.platform != "win32":  # Windows knows no handle of a folder.
    _sync(path.parent)


def walk(folder: Path) -> list[Path]:
  """Returns all that is below a folder and is no folder itself, in order.

  Folders that links lead to are not entered, and those below it that this user may not read, or
  that have just gone, are passed over.

  Raises:
    UserError: The folder cannot be read, or the disk fails over one below it.
  """

  def failed(error: OSError) -> None:
    passed = isinstance(error, PermissionError | FileNotFoundError)
    if not passed or Path(error.filename) == folder:
      reason = (error.strerror or str(error)).lower()
      raise UserError(f"{error.filename} cannot be read ({reason}): check the folder") from error

  return sorted(
    Path(place, name) for place, _, names in os.walk(folder, onerror=failed) for name in names
  )


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Path]:
  """Gives a file to write in place of `path`; no reader and no kill ever meets a part of it.

  Raises:
    UserError: The file cannot be written.
  """
  partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    yield partial
    replace(partial, path)
  except OSError as error:
    reason = (error.strerror or str(error)).lower()
    advice = "make room, and try again" if error.errno in _FULL else "choose another place"
    raise UserError(f"{path} cannot be written ({reason}): {advice}") from error
  finally:
    if partial.exists():
      partial.unlink()


@contextlib.contextmanager
def claimed(folder: Path, *, busy: str, advice: str) -> Iterator[None]:
  """Makes a folder and keeps other processes out of it.

  Args:
    folder: The folder to be written to.
    busy: The sentence for the case that another process has it.
    advice: What to do if it cannot be written.

  Raises:
    UserError: Another process has the folder, or it cannot be written.
  """
  from filelock import FileLock, Timeout  # Predictions work without this package.

  try:
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", timeout=0)
    lock.acquire()
  except Timeout:
    raise UserError(busy) from None
  except OSError as error:
    reason = (error.strerror or str(error)).lower()
    raise UserError(f"{folder} cannot be written ({reason}): {advice}") from None
  try:
    yield
  finally:
    lock.release()


def write_text(path: Path, text: str) -> None:
  """Writes a text file (UTF-8) as a whole (see `writing`).

  Raises:
    UserError: The file cannot be written.
  """
  with writing(path) as partial:
    partial.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any, *, indent: int | None = 2) -> None:
  """Writes JSON as a whole (see `writing`), strictly, so that every other program can read it.

  Raises:
    UserError: The file cannot be written.
    ValueError: A number is NaN or infinite, for which JSON has no word.
  """
  write_text(path, json.dumps(content, indent=indent, allow_nan=False) + "\n")


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
  """Raises an error of the disk as the `OSError` that it is.

  Libraries in C++ (array_record, TensorStore, JAX's profiler) raise errors of their own kinds that
  quote the system's words; other libraries raise another error while they handle the first one.
  """
  try:
    yield
  except UserError:
    raise
  except Exception as error:  # Libraries raise all kinds; what is no disk error is raised again.
    cause: BaseException | None = error
    while cause is not None:
      for number in _DISK:
        if getattr(cause, "errno", None) == number or os.strerror(number) in str(cause):
          raise OSError(number, os.strerror(number)) from error
      cause = cause.__cause__ or cause.__context__
    raise


def is_disk_error(error: OSError) -> bool:
  """Returns whether an error is of the kind that `disk_errors` raises."""
  return error.errno in _DISK


def _sync(path: Path) -> None:
  # Windows flushes only what is open for writing, Linux opens a folder only for reading.
  handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
  try:
    os.fsync(handle)
  finally:
    os.close(handle)


@functools.cache
def user_cache() -> Path | None:
  """Makes and returns the user's cache folder; None if this process cannot write to it.

  Code in a cache is run. A relative path would lie in the working directory, which may be a
  stranger's, and is ignored (as the XDG Base Directory Specification demands).
  """
  try:
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    cache = named if named.is_absolute() else Path.home() / ".cache"
    if not cache.is_absolute():
      return None
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=cache):
      return cache
  except (OSError, RuntimeError):  # A user whom the system does not know has no home.
    return None


@functools.cache
def settle_caches() -> None:
  """Gives matplotlib a folder of this process where the user has none that can be written to.

  It is removed with the process. What the environment already says stays.
  """
  if user_cache() is None and not os.environ.get("MPLCONFIGDIR"):
    folder = tempfile.mkdtemp(prefix="synthmatch-cache-")
    atexit.register(_forget_caches, folder, os.getpid())
    os.environ["MPLCONFIGDIR"] = folder


def _forget_caches(folder: str, owner: int) -> None:
  if os.getpid() == owner:  # Not in a process that was forked from it.
    shutil.rmtree(folder, ignore_errors=True)


def expanded(path: str | Path) -> Path:
  """Returns a path with its "~" replaced by the home folder.

  Raises:
    UserError: There is no home, or no such user.
  """
  try:
    return Path(path).expanduser()
  except RuntimeError:
    raise UserError(
      f"{path} is in a home folder that is not known: name a path without ~"
    ) from None


def data_dir() -> str:
  """Returns TFDS's `data_dir` for the case that none is named."""
  return os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
