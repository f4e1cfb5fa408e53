"""The pictures of docs/results.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from synthmatch_jax.reports import figures

_DPI = 110
_NOT_SHOWN = ("oracle", "repeat", "random", "nearest_mfcc", "unsnapped", "nearer of both")


def scaling(points: Sequence[tuple[str, int, Mapping[str, Any]]], path: Path) -> None:
  """MSE and spectral convergence over the number of training sounds, with intervals."""
  figure = Figure(figsize=(8, 3.4), layout="constrained")
  for axis, (metric, label) in zip(
    figure.subplots(1, 2),
    {"mse": "MSE of the controls", "spectral_convergence": "spectral convergence"}.items(),
    strict=True,
  ):
    for model in sorted({model for model, _, _ in points}):
      own = [(count, row[metric]) for name, count, row in points if name == model]
      means = [summary["mean"] for _, summary in own]
      ends = [[abs(s["mean"] - s[end]) for _, s in own] for end in ("low", "high")]
      axis.errorbar([count for count, _ in own], means, yerr=ends, marker="o", label=model)
    axis.set(xscale="log", xlabel="training sounds", ylabel=label)
    axis.grid(alpha=0.3, which="both")
    axis.legend()
  figure.savefig(path, dpi=_DPI)


def per_control(rows: Mapping[str, Any], names: Mapping[str, str], path: Path) -> None:
  """Error of every control, by models and floors."""
  errors = {
    names.get(row, row).strip("*"): {
      m.removeprefix("mse/"): s["mean"] for m, s in metrics.items() if m.startswith("mse/")
    }
    for row, metrics in rows.items()
    if row not in _NOT_SHOWN
  }
  figures.error_per_control(errors, path)


def curves(runs: Mapping[str, Sequence[tuple[int, float]]], path: Path, floor: float) -> None:
  """Validation loss over the number of sounds seen."""
  figure = Figure(figsize=(6.5, 3.6), layout="constrained")
  axis = figure.subplots()
  for name, points in runs.items():
    axis.plot(*zip(*points, strict=True), marker=".", label=name)
  axis.axhline(floor, color="gray", linestyle="--", label="mean of the training controls")
  label = "training sounds seen, repetitions counted"
  axis.set(xlabel=label, ylabel="validation MSE of the controls", ylim=(0, None))
  axis.xaxis.set_major_formatter("{x:,.0f}")
  axis.legend()
  axis.grid(alpha=0.3)
  figure.savefig(path, dpi=_DPI)
