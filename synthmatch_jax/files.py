"""Files that are whole or not there, folders for one process; where data sets and caches are."""

import atexit
import contextlib
import errno
import functools
import hashlib
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

from synthmatch_jax import untrusted
from synthmatch_jax.errors import UserError

UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error)
"""What is raised where a JSON or NumPy file is missing, damaged or not what it must be."""

# A full disk, a used up quota.
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
# A full, broken or read-only disk, or a limit on the length of a file.
_DISK = (*_FULL, errno.EROFS, errno.EIO, errno.EFBIG)


def replace(partial: Path, path: Path) -> None:
  """Puts a written file in place at once, and on the disk: a loss of power leaves all or nothing.

  Raises:
    OSError: it cannot be.
  """
  _sync(partial)
  partial.replace(path)
  if sys.platform != "win32":  # Which knows no handle of a folder.
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
  """A file to be written in place of `path`: a reader, or a kill, never sees a part of it.

  Raises:
    UserError: the file cannot be written.
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
    folder: to be written to.
    busy: what is said where another process has it.
    advice: what to do where it cannot be written.

  Raises:
    UserError: one of both.
  """
  from filelock import FileLock, Timeout  # Who only predicts need not have it.

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
  """Writes a text file (UTF-8) at once (see `writing`).

  Raises:
    UserError: the file cannot be written.
  """
  with writing(path) as partial:
    partial.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any, *, indent: int | None = 2) -> None:
  """Writes JSON at once (see `writing`): strictly, so that every other program can read it.

  Raises:
    UserError: the file cannot be written.
    ValueError: a number is NaN or infinite, for which JSON has no word.
  """
  write_text(path, json.dumps(content, indent=indent, allow_nan=False) + "\n")


def sha256(path: Any) -> str:
  """The SHA-256 checksum of a file, hexadecimal.

  Args:
    path: a `Path`, or another object with its method `open`, as fsspec's of a bucket.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is a pipe or a device, which is not waited for.
  """
  with contextlib.ExitStack() as stack:
    if isinstance(path, Path):
      file: Any = stack.enter_context(untrusted.opened(path))[0]
    else:
      file = stack.enter_context(path.open("rb"))
    return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
  """Raises an error of the disk as the `OSError` that it is.

  Libraries in C++ (array_record, TensorStore, JAX's profiler) raise errors of their own kinds,
  with the system's words in their text; others raise anew on their way out of the first one.
  """
  try:
    yield
  except UserError:
    raise
  except Exception as error:  # Of whatever kind the library raises; others are raised again.
    cause: BaseException | None = error
    while cause is not None:
      for number in _DISK:
        if getattr(cause, "errno", None) == number or os.strerror(number) in str(cause):
          raise OSError(number, os.strerror(number)) from error
      cause = cause.__cause__ or cause.__context__
    raise


def is_disk_error(error: OSError) -> bool:
  """Whether an error is of the kind that `disk_errors` raises."""
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
  """The user's cache folder, which is made; None where this process cannot write to it.

  What is cached is run. A path that is not whole would be in the working directory, which may be
  a stranger's, and is not taken (as the XDG Base Directory Specification demands).
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
  """Gives libraries that must write a cache a place of the user's or of this process.

  numba (which librosa needs) runs what its cache holds. Unless the environment names the place, a
  file .numba_config.yaml in the working directory may, which may be a stranger's: so the
  environment always does. Where the user's folder cannot be written, numba would fail and
  matplotlib complain; the place then belongs to this process and goes with it, as compiled code
  in a folder that others can write to would be theirs to choose. What the environment already
  says stays.
  """
  cache = user_cache()
  if cache is not None:
    if not os.environ.get("NUMBA_CACHE_DIR"):
      os.environ["NUMBA_CACHE_DIR"] = str(cache / "synthmatch_jax" / "numba")
    return
  missing = [name for name in ("NUMBA_CACHE_DIR", "MPLCONFIGDIR") if not os.environ.get(name)]
  if not missing:
    return
  folder = tempfile.mkdtemp(prefix="synthmatch-cache-")
  atexit.register(_forget_caches, folder, os.getpid())
  os.environ.update(dict.fromkeys(missing, folder))


def _forget_caches(folder: str, owner: int) -> None:
  if os.getpid() == owner:  # And no process that was forked from it.
    shutil.rmtree(folder, ignore_errors=True)


def expanded(path: str | Path) -> Path:
  """A path with its "~" replaced by the home folder.

  Raises:
    UserError: there is no home, or no such user.
  """
  try:
    return Path(path).expanduser()
  except RuntimeError:
    raise UserError(
      f"{path} is in a home folder that is not known: name a path without ~"
    ) from None


def data_dir() -> str:
  """TFDS's `data_dir`, where none is named."""
  return os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
