"""How a data set was made, according to its ledger: rejected patches, render times, checksums."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from synthmatch_jax import checksums
from synthmatch_jax.data.pipeline import Dataset
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation import ledger
from synthmatch_jax.generation.ledger import Ledger
from synthmatch_jax.generation.plan import Shard
from synthmatch_jax.inspection.check import Check, title

TOO_QUIET = "too quiet"

# A file name of TFDS, e.g. massive16-train.array_record-00002-of-00004.
_SHARD = re.compile(r".+-(?P<split>\w+)\.\w+-(?P<number>\d{5,})-of-\d{5,}")


@dataclass(frozen=True, kw_only=True, eq=False)
class History:
  """Summary of the ledgers of all shards.

  Attributes:
    rejected: The reason for rejecting patches -> how many; `TOO_QUIET`, or how the engine failed.
    seconds: The mean seconds for a record, including the patches rejected before it, in each shard
      that was timed, in the order of the ledger.
    hours: The time that all workers together spent on the shards that were timed.
    unmeasured: The number of shards without a time.
  """

  rejected: Mapping[str, int]
  seconds: Float[np.ndarray, " s"]
  hours: float
  unmeasured: int


def read(dataset: Dataset) -> tuple[tuple[Ledger, ...] | None, Check]:
  """Reads the ledgers of a data set (None where it has none) and checks that this is possible."""
  if not (dataset.path / ledger.FILE).exists():
    finding = f"there is no {ledger.FILE}: checksums, rejected patches and times are unknown"
    return None, Check(name="ledger", finding=finding, done=False)
  finding = f"{ledger.FILE} records how every shard was made"
  try:
    return ledger.read_all(dataset.path), Check(name="ledger", finding=finding)
  except UserError as error:
    return None, Check(name="ledger", finding=finding, damages=(str(error),))


def summarise(ledgers: Sequence[Ledger]) -> History:
  """Summarises the ledgers of all shards."""
  reasons = (r.reason if r.failed else TOO_QUIET for one in ledgers for r in one.rejections or ())
  measured = [(one.seconds, one.records) for one in ledgers if one.seconds is not None]
  return History(
    rejected=dict(Counter(reasons).most_common()),
    seconds=np.array([seconds / records for seconds, records in measured], float),
    hours=sum(seconds for seconds, _ in measured) / 3600,
    unmeasured=len(ledgers) - len(measured),
  )


def check_files(
  dataset: Dataset,
  shards: Sequence[Shard],
  ledgers: Sequence[Ledger] | None,
  *,
  redrawn: Mapping[tuple[str, int], int],
) -> Check:
  """Checks that the files are those of the plan and match their ledgers.

  Args:
    dataset: The data set whose files are read, all of them.
    shards: All shards that there should be.
    ledgers: The ledgers of the shards; None if the data set has none.
    redrawn: (split, shard) -> number of rejected patches according to the records.
  """
  files = {
    (found["split"], int(found["number"])): path
    for path in dataset.path.iterdir()
    if (found := _SHARD.fullmatch(path.name))
  }
  known = {(one.split, one.number): one for one in ledgers or ()}
  planned = {(shard.split, shard.number): shard for shard in shards}
  damages = [f"{files[key].name} belongs to no shard" for key in sorted(files.keys() - planned)]
  for key, shard in tqdm(planned.items(), desc="checksums", unit="shard"):
    if key not in files:
      faults = ["the file is missing"]
    elif ledgers is None:
      faults = []
    elif key not in known:
      faults = ["the ledger does not know it"]
    else:
      faults = _faults(files[key], known[key], redrawn.get(key))
    damages += [f"{title(shard)}: {fault}" for fault in faults]
  compared = "are unknown" if ledgers is None else "were compared with the ledger"
  return Check(
    name="files",
    finding=f"{len(files):,} of {len(shards):,} shards are there; their checksums (sha256)"
    f" {compared}",
    damages=tuple(damages),
    done=ledgers is not None,
  )


def _faults(path: Path, known: Ledger, redrawn: int | None) -> list[str]:
  """Returns the faults of a shard's file; `redrawn` is None where its records cannot be read."""
  try:
    whole = checksums.holds(path, known.sha256)
    faults = [] if whole else [f"the checksum of {path.name} differs"]
  except OSError as error:
    faults = [f"{path.name} cannot be read ({error.strerror or error})"]
  if known.rejections is not None and redrawn not in (None, len(known.rejections)):
    faults.append(f"{redrawn} patches were drawn again, the ledger has {len(known.rejections)}")
  return faults
