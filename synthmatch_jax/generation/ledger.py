"""The ledger of a shard: facts about how it was made that are not in its records."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from synthmatch_jax import files, untrusted
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation.plan import Split
from synthmatch_jax.generation.record import Rejection

FILE = "ledger.jsonl"
"""The file with all ledgers in the folder of a finished data set."""


@dataclass(frozen=True, kw_only=True)
class Ledger:
  """The facts about how a shard was made.

  Attributes:
    split: The split of the shard.
    number: The number of the shard within its split, from 0.
    records: The number of records in the shard.
    sha256: SHA-256 of its file, in hexadecimal digits.
    seconds: The time that one worker took for it; None if it was not measured.
    rejections: The patches that were drawn for its records and rejected; None if they are no longer
      known.
  """

  split: Split
  number: int
  records: int
  sha256: str
  seconds: float | None
  rejections: tuple[Rejection, ...] | None

  def to_json(self) -> str:
    """Returns the ledger as a line of JSON."""
    return json.dumps(asdict(self), allow_nan=False)

  @classmethod
  def from_json(cls, text: str) -> "Ledger":
    """Parses what `to_json` returns.

    Raises:
      ValueError: The text is no ledger, e.g. because it was damaged.
    """
    try:
      data: Mapping[str, Any] = untrusted.parse_json(text)
      told = data["rejections"]
      rejections = None if told is None else tuple(Rejection(**r) for r in told)
      return cls(**{**data, "rejections": rejections})
    except (KeyError, TypeError) as error:
      raise ValueError(f"no ledger: {error}") from None


def write_all(ledgers: Iterable[Ledger], folder: Path) -> None:
  """Writes the ledgers of a data set into its folder."""
  files.write_text(folder / FILE, "".join(f"{ledger.to_json()}\n" for ledger in ledgers))


def read_all(folder: Path) -> tuple[Ledger, ...]:
  """Reads the ledgers of a finished data set, split by split, in the order of their numbers.

  Raises:
    UserError: It has none, or they are damaged.
  """
  try:
    text = (folder / FILE).read_text(encoding="utf-8")
    return tuple(Ledger.from_json(line) for line in text.splitlines())
  except FileNotFoundError:
    raise UserError(
      f"{folder} has no {FILE}: the same `tfds build` command again writes it"
    ) from None
  except ValueError as error:
    raise UserError(f"{folder / FILE} is damaged ({error}); delete it and build again") from None
