"""The checks of a data set and their results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool

from synthmatch_jax.generation.plan import Shard

Status = Literal["sound", "damaged", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Check:
  """One check of a data set.

  Attributes:
    name: Name of the check, e.g. "files".
    finding: Sentence that says what was done and found.
    damages: Place and kind of each damage, e.g. "train shard 3: the file is missing".
    done: Whether the check was possible.
  """

  name: str
  finding: str
  damages: tuple[str, ...] = ()
  done: bool = True

  @property
  def status(self) -> Status:
    """The result in one word; damage takes precedence over a check that was not possible."""
    if self.damages:
      return "damaged"
    return "sound" if self.done else "unknown"


def verdict(checks: Sequence[Check]) -> Status:
  """Returns the status of all checks together: unknown only if none was possible."""
  found = {check.status for check in checks}
  return "damaged" if "damaged" in found else "sound" if "sound" in found else "unknown"


def tell(shard: Shard, wrong: Mapping[str, Bool[np.ndarray, " m"]]) -> list[str]:
  """Returns a sentence for each fault that some of a shard's records have.

  Args:
    shard: Shard of the plan.
    wrong: Fault, e.g. "cannot be read" -> mask of the records that have it.
  """
  return [
    f"{title(shard)}: {mask.sum()} of {mask.size} records {what}, first record"
    f" {shard.indices[int(np.argmax(mask))]}"
    for what, mask in wrong.items()
    if mask.any()
  ]


def title(shard: Shard) -> str:
  """Returns the name of a shard in sentences: split and number."""
  return f"{shard.split} shard {shard.number}"
