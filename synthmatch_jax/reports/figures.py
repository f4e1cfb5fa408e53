"""Pictures drawn by matplotlib. Nothing here needs a display."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

_DPI = 110


def learning_curve(lines: Sequence[Mapping[str, Any]], path: Path, *, floor: float | None) -> None:
  """Draws the loss over steps from the lines of metrics.jsonl, and that of the constant mean.

  Without the latter the loss is another one than the MSE.
  """
  figure = Figure(figsize=(6.5, 3.6), layout="constrained")
  axis = figure.subplots()
  for key, label in (("train/loss", "training"), ("validation/loss", "validation")):
    points = [(line["step"], line[key]) for line in lines if key in line]
    axis.plot(*zip(*points, strict=True), label=label)
  if floor is not None:
    axis.axhline(floor, color="gray", linestyle="--", label="mean of the training controls")
  axis.set(xlabel="step", ylabel="loss" if floor is None else "MSE of the controls", ylim=(0, None))
  axis.legend()
  axis.grid(alpha=0.3)
  figure.savefig(path, dpi=_DPI)


def error_per_control(errors: Mapping[str, Mapping[str, float]], path: Path) -> None:
  """Draws the mean squared error of every control as bars (row -> control -> error)."""
  controls = list(next(iter(errors.values())))
  figure = Figure(figsize=(7, max(5, 0.25 * len(controls))), layout="constrained")
  axis = figure.subplots()
  places = np.arange(len(controls))
  height = 0.8 / len(errors)
  for i, (row, values) in enumerate(errors.items()):
    axis.barh(places + i * height, [values[c] for c in controls], height, label=row)
  axis.set_yticks(places + 0.4 - height / 2, controls)
  axis.invert_yaxis()
  axis.set_xlabel("mean squared error")
  axis.legend()
  axis.grid(axis="x", alpha=0.3)
  figure.savefig(path, dpi=_DPI)


def rank_histograms(ranks: Mapping[str, Sequence[int]], path: Path) -> None:
  """Draws how often true values have which rank among draws, with what chance makes of even ranks.

  Args:
    ranks: Parameter -> the number of ranks in each of some equal parts, from the lowest.
    path: The file.
  """
  columns = min(4, len(ranks))
  rows = -(-len(ranks) // columns)
  figure = Figure(figsize=(2.6 * columns, 1.7 * rows), layout="constrained")
  axes = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel()
  for axis in axes[len(ranks) :]:
    axis.remove()
  for axis, (name, counts) in zip(axes, ranks.items(), strict=False):
    share, total = 1 / len(counts), sum(counts)
    spread = 1.96 * np.sqrt(total * share * (1 - share))
    axis.bar((np.arange(len(counts)) + 0.5) * share, counts, width=share)
    axis.axhspan(total * share - spread, total * share + spread, color="gray", alpha=0.4)
    axis.set_title(name, fontsize="small")
    axis.set(xticks=(0, 0.5, 1), yticks=(), ylim=(0, max(3 * total * share, *counts)))
  figure.supxlabel("rank of the true value among the draws; gray: even, 95 % of the time")
  figure.savefig(path, dpi=_DPI)
