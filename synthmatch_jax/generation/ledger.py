"""The ledger of a shard: what is known about its making that is not in its records."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from synthmatch_jax import files, untrusted
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation.plan import Split
from synthmatch_jax.generation.record import Rejection

# Of a finished data set, in its folder.
FILE = "ledger.jsonl"


@dataclass(frozen=True, kw_only=True)
class Ledger:
  """How a shard came to be.

  Attributes:
    split: the shard's.
    number: of the shard within its split, from 0.
    records: in the shard.
    sha256: of its file, hexadecimal.
    seconds: from its first sound to its last, with one worker at it; None where it was not
      measured.
    rejections: patches that were drawn for its records and did not become one; None where it is
      not known any more.
  """

  split: Split
  number: int
  records: int
  sha256: str
  seconds: float | None
  rejections: tuple[Rejection, ...] | None

  def to_json(self) -> str:
    """One line."""
    return json.dumps(asdict(self), allow_nan=False)

  @classmethod
  def from_json(cls, text: str) -> "Ledger":
    """Inverse of `to_json`.

    Raises:
      ValueError: the text is no ledger, e.g. since it was damaged.
    """
    try:
      data: Mapping[str, Any] = untrusted.parse_json(text)
      told = data["rejections"]
      rejections = None if told is None else tuple(Rejection(**r) for r in told)
      return cls(**{**data, "rejections": rejections})
    except (KeyError, TypeError) as error:
      raise ValueError(f"no ledger: {error}") from None


def write_all(ledgers: Iterable[Ledger], folder: Path) -> None:
  """Puts the ledgers of a data set into its folder."""
  files.write_text(folder / FILE, "".join(f"{ledger.to_json()}\n" for ledger in ledgers))


def read_all(folder: Path) -> tuple[Ledger, ...]:
  """The ledgers of a finished data set, split by split, in the order of their numbers.

  Raises:
    UserError: it has none, or they are damaged.
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
