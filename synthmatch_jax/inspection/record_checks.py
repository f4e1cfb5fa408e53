"""Reads the records of a data set shard by shard and checks everything but their sounds."""

import errno
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from tqdm import tqdm

from synthmatch_jax.data import records as stored
from synthmatch_jax.data.batch import Columns
from synthmatch_jax.data.pipeline import Dataset
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation.plan import Shard
from synthmatch_jax.generation.record import MAX_ATTEMPTS, draw
from synthmatch_jax.inspection.check import Check, title

# Number of records whose controls are kept and drawn again: enough to show a shift of 1 % of the
# range.
MAX_CONTROLS = 20_000

_KEYS = ("controls", "read_back", "index", "attempts", "level_db")
# The faults that a record may have.
_UNREADABLE = "cannot be read"
_MISPLACED = "are not the ones that belong there"
_SOFT = "are below the loudness threshold"
_NO_DRAW = "have an impossible number of draws"
_NO_MEL = "have spectrograms with NaN or infinity"
_NO_CONTROLS = "have controls outside of 0 to 1"
_NOT_DRAWN = "have controls or notes other than those that seed, index and draw give"

# Readers of array_record keep open every file that they have read from.
_TOO_MANY_FILES = (
  "the data set has more files than may be open at once here; raise the limit, e.g. by"
  " `ulimit -n 65536`"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordFindings:
  """What all readable records hold, in the order of splits and files.

  Attributes:
    controls: The controls of a random sample of records.
    notes: The notes of all records, as a `Batch` has them; empty where all have one note.
    level_db: The loudness of the sounds, in LUFS.
    attempts: The number of draws that each record took.
    deviation: The largest difference, for each control, between the value that was set and the
      value that the engine read back.
    redrawn: (split, shard) -> number of patches rejected for its records; only for shards whose
      records can all be read.
    unreadable: The records that cannot be read, as (split, position in the split).
    checks: The checks of the records.
  """

  controls: Float[np.ndarray, "k d"]
  notes: Float[np.ndarray, "_ 3"]
  level_db: Float[np.ndarray, " i"]
  attempts: Int[np.ndarray, " i"]
  deviation: Float[np.ndarray, " d"]
  redrawn: Mapping[tuple[str, int], int]
  unreadable: frozenset[tuple[str, int]]
  checks: tuple[Check, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
  """What one shard's readable records hold; the masks in `wrong` cover all its records."""

  shard: Shard
  index: Int[np.ndarray, " n"]
  notes: Float[np.ndarray, "_ 3"]
  attempts: Int[np.ndarray, " n"]
  level_db: Float[np.ndarray, " n"]
  controls: Float[np.ndarray, "k d"]
  deviation: Float[np.ndarray, " d"]
  wrong: Mapping[str, Bool[np.ndarray, " m"]]


def read(dataset: Dataset, shards: Sequence[Shard], *, seed: int) -> RecordFindings:
  """Reads every record and checks it against the plan; checks the controls of a sample.

  A million records take minutes and some megabytes, as neither spectrograms nor sounds are kept.
  Damage within the records of array_record files shows in reading, as these have checksums.

  Args:
    dataset: The data set to read.
    shards: All shards that it should have.
    seed: The seed of the sample.

  Raises:
    UserError: The data set has more files than may be open at once.
  """
  total = sum(len(shard.indices) for shard in shards)
  sampled = np.zeros(total, bool)
  sampled[np.random.default_rng(seed).choice(total, min(total, MAX_CONTROLS), replace=False)] = True
  parts: list[_Part] = []
  start = 0
  for shard in tqdm(shards, desc="reading", unit="shard"):
    stop = start + len(shard.indices)
    parts.append(_read(dataset, shard, sampled[start:stop]))
    start = stop
  return RecordFindings(
    controls=np.concatenate([part.controls for part in parts]),
    notes=np.concatenate([part.notes for part in parts]),
    level_db=np.concatenate([part.level_db for part in parts]),
    attempts=np.concatenate([part.attempts for part in parts]),
    deviation=np.max([part.deviation for part in parts], axis=0),
    redrawn={
      (part.shard.split, part.shard.number): int((part.attempts - 1).sum())
      for part in parts
      if not part.wrong[_UNREADABLE].any()
    },
    unreadable=frozenset(
      (part.shard.split, _start(dataset, part.shard) + int(offset))
      for part in parts
      for offset in np.flatnonzero(part.wrong[_UNREADABLE])
    ),
    checks=(_records(parts, total), _controls(parts, int(sampled.sum()))),
  )


def _read(dataset: Dataset, shard: Shard, sampled: Bool[np.ndarray, " m"]) -> _Part:
  """Reads one shard; `sampled` marks the records whose controls are checked."""
  recipe, source = dataset.recipe, dataset.sources[shard.split]
  keys = (*_KEYS, *stored.note_keys(recipe))
  readable = np.ones(len(shard.indices), bool)
  records, no_mel = [], []
  for offset in range(len(shard.indices)):
    try:
      record = dataset.decode(source[_start(dataset, shard) + offset], (*keys, "mel"))
    except Exception as error:  # Its type depends on the format and the damage.
      if os.strerror(errno.EMFILE) in str(error):
        raise UserError(_TOO_MANY_FILES) from None
      readable[offset] = False
    else:
      no_mel.append(not np.isfinite(record.pop("mel")).all())
      records.append(record)
  batch = _stacked(records, dataset, keys)
  controls, indices = batch["controls"], np.array(shard.indices)[readable]

  def scattered(wrong: np.ndarray) -> np.ndarray:
    whole = np.zeros(readable.size, bool)
    whole[readable] = wrong
    return whole

  no_draw = (batch["attempts"] < 1) | (batch["attempts"] > MAX_ATTEMPTS)
  no_controls = ~((controls >= 0) & (controls <= 1)).all(axis=1)
  looked_at = sampled[readable]
  not_drawn = looked_at & ~no_draw & ~no_controls
  for i in np.flatnonzero(not_drawn):
    again = draw(recipe, int(indices[i]), int(batch["attempts"][i]))
    note = {} if recipe.notes is None else stored.note_columns(again.note)
    wanted = {"controls": again.controls, **note}
    not_drawn[i] = not all(np.array_equal(v, batch[name][i]) for name, v in wanted.items())
  wrong = {
    _MISPLACED: batch["index"] != indices,
    _SOFT: ~(batch["level_db"] >= recipe.threshold_db),  # Also NaN.
    _NO_DRAW: no_draw,
    _NO_MEL: np.array(no_mel, bool),
    _NO_CONTROLS: no_controls,
    _NOT_DRAWN: not_drawn,
  }
  return _Part(
    shard=shard,
    index=batch["index"],
    notes=np.zeros((0, 3), np.float32) if recipe.notes is None else stored.note_array(batch),
    attempts=batch["attempts"],
    level_db=batch["level_db"],
    controls=controls[looked_at],
    deviation=np.abs(batch["read_back"] - controls).max(axis=0, initial=0),
    wrong={_UNREADABLE: ~readable} | {what: scattered(mask) for what, mask in wrong.items()},
  )


def _start(dataset: Dataset, shard: Shard) -> int:
  """Returns the position of a shard's first record in its split."""
  return shard.number * dataset.recipe.shard_size


def _stacked(
  records: Sequence[Mapping[str, np.ndarray]], dataset: Dataset, keys: Sequence[str]
) -> Columns:
  """Stacks records into a batch; there may be none."""
  batch = {}
  for key in keys:
    feature = dataset.features[key]
    values = np.array([record[key] for record in records], feature.np_dtype)
    batch[key] = values.reshape(-1, *feature.shape)
  return batch


def _records(parts: Sequence[_Part], total: int) -> Check:
  """Checks that every record is there once, in its place, and loud enough."""
  index = np.concatenate([part.index for part in parts])
  times = np.bincount(index[(index >= 0) & (index < total)], minlength=total)
  damages = _told(parts, _UNREADABLE, _MISPLACED, _SOFT, _NO_DRAW, _NO_MEL)
  for what, wrong in (("missing", times == 0), ("there more than once", times > 1)):
    if wrong.any():
      damages.append(f"{wrong.sum()} of {total} indices are {what}, first {np.argmax(wrong)}")
  return Check(
    name="records",
    finding=f"{index.size:,} of {total:,} were read and compared with the plan: each index from 0"
    f" to {total - 1:,} once, in its split and shard",
    damages=tuple(damages),
  )


def _controls(parts: Sequence[_Part], sampled: int) -> Check:
  """Checks that the controls are those that were drawn."""
  return Check(
    name="controls",
    finding=f"the controls (and notes) of {sampled:,} records were drawn again from seed, index and"
    " attempt, and compared to the last bit",
    damages=tuple(_told(parts, _NO_CONTROLS, _NOT_DRAWN)),
  )


def _told(parts: Sequence[_Part], *faults: str) -> list[str]:
  """Returns a sentence for each of these faults that some of a shard's records have."""
  return [
    f"{title(part.shard)}: {part.wrong[fault].sum()} of {part.wrong[fault].size} records {fault},"
    f" first record {part.shard.indices[int(np.argmax(part.wrong[fault]))]}"
    for part in parts
    for fault in faults
    if part.wrong[fault].any()
  ]
