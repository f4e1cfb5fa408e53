"""The cells of a page's table of results: numbers as text, intervals as little bars."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Summary = Mapping[str, float | int | None]
"""`mean`, `median`, `low`, `high` and `count`, as `evaluation.summary.summarise` gives them."""


@dataclass(frozen=True, kw_only=True)
class Cell:
  """One row's summary of one metric, to be shown.

  Attributes:
    text: The `mean`, `median`, `low` and `high`, written out.
    place: The `mean`, `low` and `high` in percent of the column's bar; None without a mean.
    best: Whether the cell is marked.
    count: The number of values behind it, where another row has more.
  """

  text: Mapping[str, str]
  place: Mapping[str, float] | None
  best: bool
  count: int | None


def column(
  summaries: Sequence[Summary], *, better: Literal["lower", "higher"], contest: Sequence[bool]
) -> list[Cell]:
  """Returns the cells of a metric. Their bars share a scale that begins at 0, or below.

  Args:
    summaries: The summaries row by row; empty where there is none.
    better: The direction of the best mean.
    contest: Whether each row's mean may be the best.
  """
  means = [finite(summary.get("mean")) for summary in summaries]
  entries = [m for m, may in zip(means, contest, strict=True) if may and m is not None]
  best = (min if better == "lower" else max)(entries, default=None)
  ends = [finite(s.get(key)) for s in summaries for key in ("mean", "low", "high")]
  scale = [0.0, *(end for end in ends if end is not None)]
  bottom, span = min(scale), (max(scale) - min(scale)) or 1.0
  most = max((summary.get("count") or 0 for summary in summaries), default=0)

  def place(summary: Summary, mean: float) -> dict[str, float]:
    found = {key: finite(summary.get(key)) for key in ("low", "high")}
    values = {"mean": mean} | {k: mean if v is None else v for k, v in found.items()}
    return {key: round(100 * (value - bottom) / span, 1) for key, value in values.items()}

  return [
    Cell(
      text={key: number(summary.get(key)) for key in ("mean", "median", "low", "high")},
      place=None if mean is None else place(summary, mean),
      best=may and mean is not None and mean == best,
      count=int(count) if (count := summary.get("count") or 0) < most else None,
    )
    for summary, mean, may in zip(summaries, means, contest, strict=True)
  ]


def number(value: float | None) -> str:
  """Formats a number with three digits, as the page's script does; no number is a dash."""
  if (value := finite(value)) is None:
    return "\N{EN DASH}"
  if value != 0 and not 0.001 <= abs(value) < 1e6:
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"
  digits = 2 - math.floor(math.log10(abs(value))) if value else 0
  return f"{value:,.{max(0, digits)}f}"


def finite(value: float | None) -> float | None:
  """Returns the value, or None where it is NaN or infinite."""
  return value if value is not None and math.isfinite(value) else None
