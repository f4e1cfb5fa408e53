"""Two rows that answer the same sounds, compared sound by sound."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats
from jaxtyping import Float

from synthmatch_jax import files
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import results
from synthmatch_jax.evaluation.summary import interval_of_mean
from synthmatch_jax.reports import tables


@dataclass(frozen=True, kw_only=True)
class Contestant:
  """A row of an evaluation.

  Attributes:
    name: The workdir and the row.
    targets: The digest of what it was measured against.
    metrics: The unit, the better direction and the definition of each metric.
    scores: Metric -> one value per sound; NaN where there is none.
  """

  name: str
  targets: str
  metrics: dict[str, dict[str, str]]
  scores: dict[str, Float[np.ndarray, " i"]]


@dataclass(frozen=True, kw_only=True)
class Difference:
  """How the first contestant differs from the second in one metric.

  Attributes:
    mean: The mean of first minus second, over the sounds where both have a value.
    low: The lower end of its 95 % interval (bootstrap over sounds).
    high: The upper end of this interval.
    first_better: The share of sounds on which the first is better; equal ones count half.
    p_value: The p-value of Wilcoxon's signed-rank test; 1 where all are equal.
    count: The number of sounds where both have a value.
  """

  mean: float
  low: float
  high: float
  first_better: float
  p_value: float
  count: int


def split(name: str) -> tuple[str, str]:
  """Returns the workdir and the row of "WORKDIR" or "WORKDIR:ROW".

  A workdir may itself have colons, e.g. C:\\runs\\ast or runs/2026-11-28T09:30. A name that is a
  folder as a whole is a workdir, and a row has no slash.
  """
  workdir, colon, row = name.rpartition(":")
  if not colon or Path(name).is_dir() or re.search(r"[/\\]", row):
    return name, "model"
  return workdir, row


def load(name: str, *, on: str) -> Contestant:
  """Reads a row of an evaluation.

  Args:
    name: "WORKDIR" for its model, or "WORKDIR:ROW".
    on: The name of the evaluation, which is a split or a folder of sounds.

  Raises:
    UserError: There is no such evaluation or row.
  """
  workdir, row = split(name)
  folder = Path(workdir) / "eval" / on
  try:
    found = results.read(folder)
    targets, metrics = found.results["targets"], found.results["metrics"]
  except files.UNREADABLE as error:
    raise UserError(
      f"there is no evaluation in {folder} ({error}); run `python -m synthmatch_jax.eval"
      f" --workdir={workdir}` first"
    ) from None
  if not (scores := found.scores.get(row)):
    known = ", ".join(found.scores)
    raise UserError(f"the evaluation in {folder} has no row {row!r}; it has {known}")
  return Contestant(name=f"{workdir}:{row}", targets=targets, metrics=metrics, scores=scores)


def compare(first: Contestant, second: Contestant) -> dict[str, Difference]:
  """Returns metric -> difference, for the metrics of which both have a value on some sound.

  Raises:
    UserError: They were measured against different sounds, or there is no such metric.
  """
  if first.targets != second.targets:
    raise UserError(
      f"{first.name} and {second.name} were measured on different sounds; evaluate both on the"
      " same data set with the same --num_examples"
    )
  common = [
    metric
    for metric in first.scores
    if metric in second.scores and not np.isnan(first.scores[metric] - second.scores[metric]).all()
  ]
  if not common:
    raise UserError("there is no sound on which both have a value: nothing to compare")
  return {
    metric: difference(
      first.scores[metric], second.scores[metric], better=first.metrics[metric]["better"]
    )
    for metric in common
  }


def difference(
  first: Float[np.ndarray, " i"], second: Float[np.ndarray, " i"], *, better: str
) -> Difference:
  """Computes the difference of paired values, of which at least one pair is there."""
  delta = (first - second)[~np.isnan(first - second)]
  low, high = interval_of_mean(delta)
  test: Any = scipy.stats.wilcoxon(delta) if delta.any() else None
  wins = delta < 0 if better == "lower" else delta > 0
  return Difference(
    mean=float(delta.mean()),
    low=low,
    high=high,
    first_better=float(wins.mean() + 0.5 * (delta == 0).mean()),
    p_value=float(test.pvalue) if test else 1.0,
    count=int(delta.size),
  )


def markdown(first: Contestant, second: Contestant, differences: dict[str, Difference]) -> str:
  """Returns a Markdown table with a line for each metric.

  Where the interval does not hold 0, the last column has the number of the better one.
  """
  lines = [
    ["metric", "1 - 2 (95 %)", "1 is better on", "p (Wilcoxon)", "sounds", "better"],
    ["---", "---:", "---:", "---:", "---:", "---"],
  ]
  for metric, d in differences.items():
    better = first.metrics[metric]["better"]
    lines.append(
      [
        f"{metric} {tables.ARROWS[better]}",
        tables.interval(vars(d)),
        f"{100 * d.first_better:.0f} %",
        f"{d.p_value:.1g}",
        str(d.count),
        _winner(d, better),
      ]
    )
  return f"1: {first.name}\n2: {second.name}\n\n{tables.join(lines)}"


def _winner(d: Difference, better: str) -> str:
  if d.low <= 0 <= d.high:
    return "-"
  return "1" if (d.mean < 0) == (better == "lower") else "2"


def plain(first: Contestant, second: Contestant, differences: dict[str, Difference]) -> Any:
  """Returns the comparison, ready for JSON."""
  return {
    "first": first.name,
    "second": second.name,
    "targets": first.targets,
    "differences": {metric: vars(d) for metric, d in differences.items()},
  }
