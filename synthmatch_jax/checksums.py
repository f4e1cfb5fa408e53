"""Checksums of all files of a folder, so that a damaged file is found before it is used.

They stand in a file of the folder itself, in the format of the command `sha256sum`, which can
check it as well: `cd FOLDER && sha256sum -c SHA256SUMS`.
"""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from synthmatch_jax import files

FILE = "SHA256SUMS"

_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
# Hashing lets go of Python's lock.
_READERS = 4


def write(folder: Path) -> None:
  """Writes the checksums of a folder's files, which must not change from now on.

  Raises:
    OSError: a file cannot be read, or the checksums cannot be written.
  """
  sums = _compute(folder, _names(folder))
  text = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
  # No line end is translated: Windows would write bytes that `sha256sum` does not take.
  (folder / FILE).write_bytes(text.encode())


def damages(folder: Path, *, within: str = "") -> dict[str, str]:
  """What is wrong with the files of a folder.

  Args:
    folder: A folder that has checksums.
    within: only files whose names begin so are looked at.

  Returns:
    File -> what is wrong with it, e.g. "is missing"; empty where every file is as it was.

  Raises:
    FileNotFoundError: the folder has no checksums.
    OSError: a file cannot be read now, which does not say that it is damaged.
  """
  wanted = _parse((folder / FILE).read_bytes())
  if wanted is None:
    return {FILE: "is not what was written"}
  wanted = {name: digest for name, digest in wanted.items() if name.startswith(within)}
  there = [name for name in _names(folder) if name.startswith(within)]
  known = [name for name in there if name in wanted]
  found = _compute(folder, known)
  return {
    **dict.fromkeys(sorted(set(wanted) - set(there)), "is missing"),
    **dict.fromkeys(sorted(set(there) - set(wanted)), f"is not in {FILE}"),
    **{name: "is not what was written" for name in known if found[name] != wanted[name]},
  }


def exist(folder: Path) -> bool:
  """Whether a folder has checksums."""
  return (folder / FILE).exists()


def _names(folder: Path) -> list[str]:
  """The files below a folder, without hidden ones, which file managers leave behind."""
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
  with ThreadPoolExecutor(_READERS) as pool:
    digests = pool.map(lambda name: files.sha256(folder / name), names)
    return dict(zip(names, digests, strict=True))


def _parse(text: bytes) -> dict[str, str] | None:
  """File -> checksum; None where the text is damaged."""
  try:
    *lines, last = text.decode().split("\n")
  except UnicodeDecodeError:
    return None
  matches = [_LINE.fullmatch(line) for line in lines]
  if last or not lines or not all(matches):
    return None
  return {match[2]: match[1] for match in matches if match}
