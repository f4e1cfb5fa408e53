"""Pictures of how things are distributed in a data set."""

from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_DPI = 140
_DATA, _PRIOR = "#8a2be2", "#222222"


def control(
  data: Float[np.ndarray, " k"], prior: Float[np.ndarray, " m"], path: Path, *, title: str
) -> None:
  """Draws a control in [0, 1]: the data filled, the prior as a line, their means dashed."""
  figure = Figure(figsize=(3.0, 1.9), layout="constrained")
  axis = figure.subplots()
  bins = np.linspace(0, 1, int(np.clip(2 * np.sqrt(data.size), 10, 40)) + 1)
  for values, color, style in (
    (data, _DATA, {"histtype": "stepfilled", "alpha": 0.45}),
    (prior, _PRIOR, {"histtype": "step", "linewidth": 1.2}),
  ):
    weights = np.full(values.size, (bins.size - 1) / max(1, values.size))  # This makes a density.
    axis.hist(values, bins=list(bins), weights=weights, color=color, **style)
    if values.size:
      axis.axvline(float(values.mean()), color=color, linestyle="--", linewidth=1)
  axis.set_title(title, fontsize=10)
  axis.set(xlim=(0, 1), xticks=(0, 0.5, 1), yticks=())
  axis.spines[["top", "right", "left"]].set_visible(False)
  figure.savefig(path, dpi=_DPI)


def options(
  data: Float[np.ndarray, "k w"], prior: Float[np.ndarray, "m w"], path: Path, *, title: str
) -> None:
  """Draws how often each option of a choice is taken: the data filled, the prior as a line."""
  figure = Figure(figsize=(3.0, 1.9), layout="constrained")
  axis = figure.subplots()
  places = np.arange(prior.shape[1])
  if len(data):
    axis.bar(places, data.mean(axis=0), width=1.0, color=_DATA, alpha=0.45)
  axis.step(places, prior.mean(axis=0), where="mid", color=_PRIOR, linewidth=1.2)
  axis.set_title(title, fontsize=10)
  axis.set(xticks=(), yticks=(), xlabel=f"{places.size} options")
  axis.spines[["top", "right", "left"]].set_visible(False)
  figure.savefig(path, dpi=_DPI)


def levels(level_db: Float[np.ndarray, " i"], threshold_db: float, path: Path) -> None:
  """Draws the loudness of all sounds in LUFS, and dashed the threshold that none is to be below."""
  figure, axis = _wide()
  axis.hist(level_db[np.isfinite(level_db)], bins=60, color=_DATA, alpha=0.6)
  axis.axvline(threshold_db, color=_PRIOR, linestyle="--")
  axis.set(xlabel="loudness (LUFS)", ylabel="sounds")
  figure.savefig(path, dpi=_DPI)


def notes(notes: Float[np.ndarray, "i 3"], path: Path) -> None:
  """Draws how often each pitch is played, and how long notes are held on a logarithmic axis."""
  figure = Figure(figsize=(7, 2.4), layout="constrained")
  pitches, holds = figure.subplots(ncols=2)
  pitch, hold = notes[:, 0], notes[:, 2]
  pitches.hist(pitch, bins=list(np.arange(pitch.min(), pitch.max() + 2) - 0.5), color=_DATA)
  pitches.set(xlabel="MIDI note", ylabel="sounds")
  holds.hist(hold, bins=list(np.geomspace(hold.min(), hold.max() * 1.001, 31)), color=_DATA)
  holds.set(xlabel="held for (s)", xscale="log")
  for axis in (pitches, holds):
    axis.spines[["top", "right"]].set_visible(False)
  figure.savefig(path, dpi=_DPI)


def render_times(seconds: Float[np.ndarray, " s"], path: Path) -> None:
  """Draws the seconds that a record took, shard by shard, and dashed their median."""
  figure, axis = _wide()
  size = 5 if seconds.size < 200 else 2
  axis.plot(np.arange(seconds.size), seconds, ".", color=_DATA, markersize=size)
  axis.axhline(float(np.median(seconds)), color=_PRIOR, linestyle="--")
  axis.set(xlabel="shard, in the order of the ledger", ylabel="seconds per record", ylim=(0, None))
  axis.xaxis.set_major_locator(MaxNLocator(integer=True))
  figure.savefig(path, dpi=_DPI)


def _wide() -> tuple[Figure, Axes]:
  figure = Figure(figsize=(5, 2.8), layout="constrained")
  axis = figure.subplots()
  axis.spines[["top", "right"]].set_visible(False)
  return figure, axis
