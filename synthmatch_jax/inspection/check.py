"""What a data set was checked for, and what came out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool

from synthmatch_jax.generation.plan import Shard

Status = Literal["sound", "damaged", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Check:
  """One thing that was looked at.

  Attributes:
    name: of what, e.g. "checksums".
    finding: what was done and found, a sentence.
    damages: where and what, e.g. "train shard 3: the file is missing"; empty if all is well.
    done: whether it could be looked at.
  """

  name: str
  finding: str
  damages: tuple[str, ...] = ()
  done: bool = True

  @property
  def status(self) -> Status:
    """In one word; damage outweighs what could not be looked at."""
    if self.damages:
      return "damaged"
    return "sound" if self.done else "unknown"


def verdict(checks: Sequence[Check]) -> Status:
  """Of all checks together: unknown only where none could be done."""
  found = {check.status for check in checks}
  return "damaged" if "damaged" in found else "sound" if "sound" in found else "unknown"


def tell(shard: Shard, wrong: Mapping[str, Bool[np.ndarray, " m"]]) -> list[str]:
  """A sentence for each thing that is wrong with some of a shard's records.

  Args:
    shard: of the plan.
    wrong: what, e.g. "cannot be read" -> with which of its records.
  """
  return [
    f"{title(shard)}: {mask.sum()} of {mask.size} records {what}, first record"
    f" {shard.indices[int(np.argmax(mask))]}"
    for what, mask in wrong.items()
    if mask.any()
  ]


def title(shard: Shard) -> str:
  """How sentences name a shard: split and number."""
  return f"{shard.split} shard {shard.number}"
