"""The checks of a data set and their results."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from synthmatch_jax.generation.plan import Shard

Status = Literal["sound", "damaged", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Check:
  """One check of a data set.

  Attributes:
    name: The name of the check, e.g. "files".
    finding: The sentence that says what was done and found.
    damages: The place and kind of each damage, e.g. "train shard 3: the file is missing".
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


def title(shard: Shard) -> str:
  """Returns the name of a shard in sentences: split and number."""
  return f"{shard.split} shard {shard.number}"
