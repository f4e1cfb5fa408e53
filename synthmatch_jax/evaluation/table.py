"""Formats results as Markdown tables."""

from collections.abc import Mapping
from typing import Any

ARROWS = {"lower": "↓", "higher": "↑"}


def markdown(results: Mapping[str, Any]) -> str:
  """Returns a table over all sounds, and a smaller one for every family of sounds.

  Args:
    results: results from `results.describe`.
  """
  parts = [_whole(results)]
  for family, rows in results["families"].items():
    counts = {s["count"] for metrics in rows.values() for s in metrics.values()}
    parts += [f"{family}, {max(counts)} sounds:", _means(rows, results["metrics"])]
  return "\n\n".join(parts)


def _whole(results: Mapping[str, Any]) -> str:
  """Returns means (95 % intervals): a line for each metric, a column for each row of results."""
  rows = results["rows"]
  lines = [["mean (95 % interval)", *rows], ["---", *["---:"] * len(rows)]]
  for name, metric in results["metrics"].items():
    lines.append([_label(name, metric), *[_interval(metrics[name]) for metrics in rows.values()]])
  return join(lines)


def _means(rows: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
  lines = [["mean", *rows], ["---", *["---:"] * len(rows)]]
  for name, metric in metrics.items():
    lines.append([_label(name, metric), *[number(r[name]["mean"]) for r in rows.values()]])
  return join(lines)


def _label(name: str, metric: Mapping[str, str]) -> str:
  unit = f" ({metric['unit']})" if metric["unit"] else ""
  return f"{name}{unit} {ARROWS[metric['better']]}"


def join(lines: list[list[str]]) -> str:
  """Joins cells into a Markdown table."""
  return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _interval(summary: Mapping[str, Any]) -> str:
  if summary["mean"] is None:
    return "-"
  mean, low, high = (number(summary[key]) for key in ("mean", "low", "high"))
  return mean if low == high else f"{mean} ({low} to {high})"


def number(value: float | None) -> str:
  """Formats a number with three significant digits; None is a dash."""
  if value is None:
    return "-"
  return "0" if value == 0 else f"{value:.3g}"
