"""The results as a table for people."""

from collections.abc import Mapping
from typing import Any


def markdown(results: Mapping[str, Any]) -> str:
  """A Markdown table, a row each: MSE and every sound metric with interval and median."""
  sound = list(results["sound_metrics"])
  header = ["row", "MSE (95 %)", "median"]
  for name in sound:
    header += [f"{name.replace('_', ' ')} (95 %)", "median"]
  lines = [header, ["---"] * len(header)]
  for row, metrics in results["rows"].items():
    cells = [row]
    for name in ("mse", *sound):
      cells += [_interval(metrics[name]), _number(metrics[name]["median"])]
    lines.append(cells)
  return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _interval(summary: Mapping[str, Any]) -> str:
  mean, low, high = (_number(summary[key]) for key in ("mean", "low", "high"))
  return f"{mean} ({low} to {high})"


def _number(value: float | None) -> str:
  if value is None:
    return "-"
  return f"{value:.4f}" if value == 0 or abs(value) >= 0.001 else f"{value:.1e}"
