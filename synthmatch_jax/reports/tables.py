"""Markdown tables: of results, and what all tables are made of."""

from collections.abc import Mapping, Sequence
from typing import Any

ARROWS = {"lower": "↓", "higher": "↑"}


def markdown(results: Mapping[str, Any]) -> str:
  """Returns a table over all sounds, and a smaller one for every family of sounds.

  Args:
    results: The results of an evaluation, as results.json has them.
  """
  metrics = results["metrics"]
  parts = [_table("mean (95 % interval)", results["rows"], metrics, interval)]
  for family, rows in results["families"].items():
    counts = {s["count"] for row in rows.values() for s in row.values()}
    parts.append(f"{family}, {max(counts)} sounds:")
    parts.append(_table("mean", rows, metrics, lambda summary: number(summary["mean"])))
  return "\n\n".join(parts)


def _table(title: str, rows: Mapping[str, Any], metrics: Mapping[str, Any], cell: Any) -> str:
  """Returns a table with a line for each metric and a column for each row of results."""
  lines = [[title, *rows], ["---", *["---:"] * len(rows)]]
  for name, metric in metrics.items():
    unit = f" ({metric['unit']})" if metric["unit"] else ""
    label = f"{name}{unit} {ARROWS[metric['better']]}"
    lines.append([label, *[cell(summaries[name]) for summaries in rows.values()]])
  return join(lines)


def join(lines: Sequence[Sequence[str]]) -> str:
  """Joins cells into a Markdown table."""
  return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def interval(summary: Mapping[str, Any]) -> str:
  """Formats a mean with its interval, as "1.23 (1.1 to 1.35)"; no mean is a dash."""
  if summary["mean"] is None:
    return "-"
  mean, low, high = (number(summary[key]) for key in ("mean", "low", "high"))
  return mean if low == high else f"{mean} ({low} to {high})"


def number(value: float | None) -> str:
  """Formats a number with three significant digits; None is a dash."""
  if value is None:
    return "-"
  return "0" if value == 0 else f"{value:.3g}"
