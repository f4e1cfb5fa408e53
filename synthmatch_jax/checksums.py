"""Checksums of the files in a folder, and of what a JSON file says, that show damage before use.

Those of a folder are kept in a file in it, in the format of the command `sha256sum`, which can
check them as well: `cd FOLDER && sha256sum -c SHA256SUMS`. That of a JSON file is its entry `SEAL`.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from synthmatch_jax import untrusted

FILE = "SHA256SUMS"

SEAL = "digest"
"""The entry of a sealed JSON object that is the checksum of all others."""

_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
# Threads that hash; hashing releases Python's lock.
_READERS = 4

Ours = Callable[[str], bool]
"""Tells whether a file of a name counts; other files may come, change and go."""


def write(folder: Path, *, ours: Ours = lambda name: True) -> None:
  """Writes the checksums of a folder's files, which must not change from now on.

  Args:
    folder: The folder of the files.
    ours: Which files count; by default all.

  Raises:
    OSError: A file cannot be read, or the checksums cannot be written.
  """
  sums = _compute(folder, list(filter(ours, _names(folder))))
  text = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
  # No line end is translated: Windows would write bytes that `sha256sum` does not take.
  (folder / FILE).write_bytes(text.encode())


def damages(folder: Path, *, ours: Ours = lambda name: True) -> dict[str, str]:
  """Compares the files of a folder with its checksums.

  Args:
    folder: A folder that has checksums.
    ours: Which files count; by default all. People and their programs put files of their own beside
      ours; these are no damage.

  Returns:
    File -> what is wrong with it, e.g. "is missing"; empty if every file is as it was.

  Raises:
    FileNotFoundError: The folder has no checksums.
    OSError: A file cannot be read now, which does not say that it is damaged.
  """
  wanted = _parse((folder / FILE).read_bytes())
  if wanted is None:
    return {FILE: "is not what was written"}
  wanted = {name: digest for name, digest in wanted.items() if ours(name)}
  there = list(filter(ours, _names(folder)))
  known = [name for name in there if name in wanted]
  found = _compute(folder, known)
  return {
    **dict.fromkeys(sorted(set(wanted) - set(there)), "is missing"),
    **dict.fromkeys(sorted(set(there) - set(wanted)), f"is not in {FILE}"),
    **{name: "is not what was written" for name in known if found[name] != wanted[name]},
  }


def exist(folder: Path) -> bool:
  """Returns whether a folder has checksums."""
  return (folder / FILE).exists()


def known(folder: Path) -> dict[str, str]:
  """Returns file -> checksum of a folder; empty if it has none that make sense.

  Raises:
    OSError: They cannot be read now.
  """
  return (_parse((folder / FILE).read_bytes()) or {}) if exist(folder) else {}


def sha256(path: Any) -> str:
  """Returns the SHA-256 checksum of a file, in hexadecimal digits.

  Args:
    path: A `Path`, or another object that has its method `open`, e.g. a `UPath` in a bucket.

  Raises:
    OSError: The file cannot be read.
    ValueError: It is a pipe or a device, which is not waited for.
  """
  with contextlib.ExitStack() as stack:
    if isinstance(path, Path):
      file: Any = stack.enter_context(untrusted.opened(path))[0]
    else:
      file = stack.enter_context(path.open("rb"))
    return hashlib.file_digest(file, "sha256").hexdigest()


def holds(path: Any, digest: str) -> bool:
  """Returns whether there is a regular file of this checksum (SHA-256, hexadecimal).

  Raises:
    OSError: It cannot be read now.
  """
  try:
    return sha256(path) == digest
  except (FileNotFoundError, ValueError):
    return False


def seal(content: Mapping[str, Any]) -> dict[str, Any]:
  """Returns the content of a JSON file with its checksum as one more entry."""
  said = {key: value for key, value in content.items() if key != SEAL}
  text = json.dumps(said, sort_keys=True, allow_nan=False)
  return said | {SEAL: hashlib.sha256(text.encode()).hexdigest()}


def unseal(name: str, content: Mapping[str, Any], *, keys: Collection[str]) -> dict[str, Any]:
  """Checks and removes the seal; content of earlier versions, which has none, is returned as it is.

  Args:
    name: The name of the file, for the error.
    content: The content of the file.
    keys: The keys that it may have. An unknown one may be a seal that was damaged.

  Raises:
    ValueError: The content is not what was sealed.
  """
  if unknown := sorted(set(content) - {*keys, SEAL}):
    raise ValueError(f"{name} has the unknown entry {unknown[0]:.50}")
  said = seal(content)
  sealed = said.pop(SEAL)
  untrusted.require_sum(name, sealed, content.get(SEAL, sealed))
  return said


def _names(folder: Path) -> list[str]:
  """Returns the files below a folder without hidden ones, which file managers leave behind."""
  paths = [
    Path(root, name).relative_to(folder)
    for root, _, names in os.walk(folder, onerror=_raise)  # `rglob` leaves out what it cannot read.
    for name in names
  ]
  return sorted(
    path.as_posix()
    for path in paths
    if path != Path(FILE) and not any(part.startswith(".") for part in path.parts)
  )


def _raise(error: OSError) -> None:
  raise error


def _compute(folder: Path, names: list[str]) -> dict[str, str]:
  def digest(name: str) -> str:
    try:
      return sha256(folder / name)
    except ValueError:  # A pipe or a device, in place of what was written.
      return ""

  with ThreadPoolExecutor(_READERS) as pool:
    return dict(zip(names, pool.map(digest, names), strict=True))


def _parse(text: bytes) -> dict[str, str] | None:
  """Returns file -> checksum; None if the text is damaged."""
  try:
    *lines, last = text.decode().split("\n")
  except UnicodeDecodeError:
    return None
  matches = [_LINE.fullmatch(line) for line in lines]
  if last or not lines or not all(matches):
    return None
  return {match[2]: match[1] for match in matches if match}
