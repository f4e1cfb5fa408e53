"""Pictures drawn by matplotlib. Nothing here needs a display."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from synthmatch_jax.audio.filters import mel_frequencies
from synthmatch_jax.audio.mel import MelSettings

_DPI = 110
_RANGE_DB = 80.0  # The range that is shown below the loudest bin of the target.
_DRAWING = threading.Lock()  # Matplotlib is not made for threads.
_TICKS_HZ = (100, 500, 1000, 2000, 5000, 10_000)


def spectrogram_pair(
  target: Float[np.ndarray, "t f"],
  estimate: Float[np.ndarray, "t f"],
  settings: MelSettings,
  path: Path,
  *,
  titles: tuple[str, str] = ("target", "match"),
) -> None:
  """Draws `side_by_side` into a file. It is safe to call from several threads."""
  with _DRAWING:
    side_by_side(target, estimate, settings, titles=titles).savefig(path, dpi=_DPI)


def side_by_side(
  target: Float[np.ndarray, "t f"],
  estimate: Float[np.ndarray, "t f"],
  settings: MelSettings,
  *,
  titles: tuple[str, str] = ("target", "match"),
) -> Figure:
  """Draws two log-mel spectrograms on one scale, relative to the target's maximum."""
  figure = Figure(figsize=(9, 3.2), layout="constrained")
  axes = figure.subplots(1, 2, sharey=True)
  top = float(target.max())
  seconds = len(target) * settings.hop_length / settings.sample_rate
  hz = mel_frequencies(settings.n_mels, f_min=settings.f_min, f_max=settings.f_max)
  lowest = max(-_RANGE_DB, settings.floor_db - top)
  image = None
  for axis, mel, title in zip(axes, (target, estimate), titles, strict=True):
    image = axis.imshow(
      mel.T - top,
      origin="lower",
      aspect="auto",
      cmap="magma",
      vmin=lowest,
      vmax=0,
      extent=(0, seconds, -0.5, settings.n_mels - 0.5),
    )
    axis.set(title=title, xlabel="time (s)")
  axes[0].set_yticks(np.interp(_TICKS_HZ, hz, np.arange(len(hz))), [str(f) for f in _TICKS_HZ])
  axes[0].set_ylabel("frequency (Hz), mel scale")
  assert image is not None
  figure.colorbar(image, ax=axes, label="dB below the target's maximum")
  return figure


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


def spectrogram(
  mel: Float[np.ndarray, "t f"], settings: MelSettings, path: Path, *, top_db: float
) -> None:
  """Draws one log-mel spectrogram and nothing else, a pixel for each bin, for pages to scale.

  Time runs from left to right over the whole width, so that a page can draw a play head.

  Args:
    mel: The spectrogram, in dB.
    settings: The settings that it was made with.
    path: The file.
    top_db: The brightest level: the maximum of the target, also for all sounds beside it.
  """
  lowest = max(top_db - _RANGE_DB, settings.floor_db)
  highest = max(top_db, lowest + 1)  # A silent target lies at the floor.
  matplotlib.image.imsave(
    path, mel.T, origin="lower", cmap="magma", vmin=lowest, vmax=highest, format="png"
  )
