"""A finished data set: whether its files are those that were written, and what is kept of them."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from synthmatch_jax import checksums, files
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation import ledger
from synthmatch_jax.generation.ledger import Ledger
from synthmatch_jax.generation.plan import Shard
from synthmatch_jax.generation.store import Store

# What TFDS writes beside the shards.
DESCRIPTIONS = ("dataset_info.json", "features.json", "metadata.json")


def damages(folder: Path, names: Mapping[str, Shard]) -> dict[str, str]:
  """What is wrong with the files of a data set; reads all of them.

  Args:
    folder: the data set's, with its version.
    names: file -> shard, of all shards that there should be.

  Returns:
    File -> what is wrong with it; empty where nothing is.

  Raises:
    UserError: a file cannot be read now.
  """
  try:
    if checksums.exist(folder):
      return checksums.damages(folder)
    return _damages_by_ledger(folder, names)
  except OSError as error:
    raise UserError(
      f"the data set in {folder} cannot be read ({error.strerror or error}): nothing was changed"
    ) from None


def put_aside_if_damaged(folder: Path, names: Mapping[str, Shard], store: Store) -> Path | None:
  """Makes place for a data set to be built anew from its sound shards; says what is damaged.

  Args:
    folder: see `damages`.
    names: see `damages`.
    store: The store of the data set's recipe; it gets the sound shards that it has no more.

  Returns:
    Where the damaged data set is now; None where none is damaged.

  Raises:
    UserError: a file cannot be read now.
  """
  found = damages(folder, names) if folder.exists() else {}
  for name, what in found.items():
    print(f"{folder / name} {what}: the data set is put together anew")
  if not found:
    return None
  _give_back(folder, names, store)
  aside = folder.with_name(f"damaged-{folder.name}")
  shutil.rmtree(aside, ignore_errors=True)
  return folder.rename(aside)


def drop(aside: Path, folder: Path) -> None:
  """Removes a data set that was put aside, if it was of the recipe of the one built instead."""
  try:
    same = json.loads((aside / DESCRIPTIONS[2]).read_bytes()) == json.loads(
      (folder / DESCRIPTIONS[2]).read_bytes()
    )
  except (OSError, ValueError):
    same = False
  if same:
    shutil.rmtree(aside)
  else:
    print(f"what is left of the damaged data set, whose options are unknown, is in {aside}")


def _give_back(folder: Path, names: Mapping[str, Shard], store: Store) -> None:
  """Puts the sound shards of a data set into the store, where that has them no more.

  A data set outlives its store: what is not damaged need not be rendered again.
  """
  known, there = _ledgers(folder), store.names()
  for name, shard in names.items():
    path, told = folder / name, known.get((shard.split, shard.number))
    if store.path(shard).name in there or told is None or not path.exists():
      continue
    if files.sha256(path) == told.sha256:
      with store.writing(store.path(shard)) as partial:
        shutil.copyfile(path, partial)
      with store.writing(store.ledger_path(shard)) as partial:
        partial.write_text(told.to_json() + "\n", encoding="utf-8")


def _damages_by_ledger(folder: Path, names: Mapping[str, Shard]) -> dict[str, str]:
  """Finds the damages of a data set of an earlier version, which has checksums of shards only."""
  found = {}
  for name in DESCRIPTIONS:
    try:
      json.loads((folder / name).read_bytes())
    except FileNotFoundError:
      found[name] = "is missing"
    except ValueError:
      found[name] = "is no JSON"
  known = _ledgers(folder)
  for name, shard in names.items():
    told = known.get((shard.split, shard.number))
    if not (folder / name).exists():
      found[name] = "is missing"
    elif told is not None and files.sha256(folder / name) != told.sha256:
      found[name] = "is not what was written"
  return found


def _ledgers(folder: Path) -> dict[tuple[str, int], Ledger]:
  try:
    return {(one.split, one.number): one for one in ledger.read_all(folder)}
  except UserError:  # It has none, or a damaged one.
    return {}
