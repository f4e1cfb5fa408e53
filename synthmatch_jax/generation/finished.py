"""Checks whether a finished data set still has the files that were written, and saves sound shards.

Only files that a build writes are checked, put away or removed. Files that people keep in the
folder stay there.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from synthmatch_jax import checksums, untrusted
from synthmatch_jax.data.dataset import DESCRIPTIONS
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation import ledger
from synthmatch_jax.generation.ledger import Ledger
from synthmatch_jax.generation.plan import Shard
from synthmatch_jax.generation.store import Store

_METADATA = DESCRIPTIONS[2]


def seal(folder: Path, names: Mapping[str, Shard]) -> None:
  """Writes the checksums of a data set that has none yet (see `damages` for the arguments).

  Raises:
    OSError: A file cannot be read, or the checksums cannot be written.
  """
  if not checksums.exist(folder):
    checksums.write(folder, ours=_ours(names))


def damages(folder: Path, names: Mapping[str, Shard]) -> dict[str, str]:
  """Finds what is wrong with the files of a data set; reads all of them.

  Args:
    folder: The folder of the data set's version.
    names: The file of each shard that there should be -> the shard.

  Returns:
    File -> what is wrong with it; empty if nothing is.

  Raises:
    UserError: A file cannot be read now.
  """
  try:
    if checksums.exist(folder):
      return checksums.damages(folder, ours=_ours(names))
    return _damages_by_ledger(folder, names)
  except OSError as error:
    raise UserError(
      f"the data set in {folder} cannot be read ({error.strerror or error}): nothing was changed"
    ) from None


def put_aside_if_damaged(folder: Path, names: Mapping[str, Shard], store: Store) -> None:
  """Makes way for a damaged data set to be built anew from its sound shards; says what is damaged.

  The store, which is that of the data set's recipe, gets the sound shards that it lacks (see
  `damages` for the other arguments).

  Raises:
    UserError: A file cannot be read now.
  """
  found = damages(folder, names) if folder.exists() else {}
  for name, what in found.items():
    print(f"{folder / name} {what}: the data set is put together anew")
  if not found:
    return
  if _recipe(folder, found) == store.recipe.digest():
    _give_back(folder, names, store)
  aside, number = folder.with_name(f"damaged-{folder.name}"), 1
  while aside.exists():  # It is of another recipe, or of a build that was killed.
    number += 1
    aside = folder.with_name(f"damaged-{folder.name}-{number}")
  folder.rename(aside)


def drop(folder: Path, names: Mapping[str, Shard]) -> None:
  """Removes what was put aside of damaged data sets that had the recipe of this one.

  Files that no build has written come back to the data set's folder (see `damages` for the
  arguments).
  """
  whole, ours = metadata(folder), _ours(names)
  for aside in sorted(folder.parent.glob(f"damaged-{folder.name}*")):
    if whole is None or metadata(aside) != whole:
      print(f"what is left of a damaged data set of other or unknown options is in {aside}")
      continue
    for path in aside.iterdir():
      if ours(path.name) or path.name in (checksums.FILE, f".{DESCRIPTIONS[0]}.damaged"):
        path.unlink()
      elif not (folder / path.name).exists():
        path.rename(folder / path.name)
    if any(aside.iterdir()):
      print(f"files that no build has written, and that {folder} has already, are in {aside}")
    else:
      aside.rmdir()


def metadata(folder: Path) -> Any:
  """Reads metadata.json; returns None if it is damaged or missing."""
  try:
    return untrusted.read_json(folder / _METADATA)
  except (OSError, ValueError):
    return None


def _ours(names: Mapping[str, Shard]) -> Callable[[str], bool]:
  """Returns a function that says whether a build writes a file of a name."""
  return {*names, *DESCRIPTIONS, ledger.FILE}.__contains__


def _recipe(folder: Path, damaged: Mapping[str, str]) -> str:
  """Returns the digest of a data set's recipe; empty if the file that has it is damaged."""
  if {_METADATA, checksums.FILE} & set(damaged):
    return ""
  try:
    return Recipe.from_dict(metadata(folder)["recipe"]).digest()
  except (KeyError, TypeError, UserError):
    return ""


def _give_back(folder: Path, names: Mapping[str, Shard], store: Store) -> None:
  """Puts the sound shards of a data set into the store, if they are no longer there.

  The store may have been deleted; what is not damaged need not be rendered again.
  """
  told, sums, there = _ledgers(folder), checksums.known(folder), store.names()
  for name, shard in names.items():
    one = told.get((shard.split, shard.number))
    if one is None and name in sums:  # The ledger is lost, and with it the reasons for rejections.
      one = Ledger(
        split=shard.split,
        number=shard.number,
        records=len(shard.indices),
        sha256=sums[name],
        seconds=None,
        rejections=None,
      )
    if store.path(shard).name in there or one is None:
      continue
    if checksums.holds(folder / name, one.sha256):
      with store.writing(store.path(shard)) as partial:
        shutil.copyfile(folder / name, partial)
      with store.writing(store.ledger_path(shard)) as partial:
        partial.write_text(one.to_json() + "\n", encoding="utf-8")


def _damages_by_ledger(folder: Path, names: Mapping[str, Shard]) -> dict[str, str]:
  """Finds the damages of a data set of an earlier version, which has checksums of shards only."""
  found = {}
  for name in DESCRIPTIONS:
    try:
      untrusted.read_json(folder / name)
    except FileNotFoundError:
      found[name] = "is missing"
    except ValueError:
      found[name] = "is no JSON"
  known = _ledgers(folder)
  for name, shard in names.items():
    told = known.get((shard.split, shard.number))
    if not (folder / name).exists():
      found[name] = "is missing"
    elif told is not None and not checksums.holds(folder / name, told.sha256):
      found[name] = "is not what was written"
  return found


def _ledgers(folder: Path) -> dict[tuple[str, int], Ledger]:
  try:
    return {(one.split, one.number): one for one in ledger.read_all(folder)}
  except UserError:  # It has none, or a damaged one.
    return {}
