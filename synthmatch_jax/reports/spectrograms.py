"""Pictures of spectrograms, drawn by Pillow, which is there in a tenth of matplotlib's time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from synthmatch_jax import files
from synthmatch_jax.audio.filters import mel_frequencies
from synthmatch_jax.audio.mel import MelSettings

Anchor = Literal["ma", "mb", "ms", "rm", "lm"]
Mel = Float[np.ndarray, "t f"]

# Matplotlib's magma (by Nathaniel Smith and Stefan van der Walt, CC0) at 17 places; a colour
# between two of them is off by 3 of 255 at most.
_MAGMA = np.frombuffer(
  bytes.fromhex(
    "0000040a08221d114736106b51127c6a1c818326819c2e7fb73779d0416fe75263f56b5cfc8961fea772fec488"
    "fde2a3fcfdbf"
  ),
  np.uint8,
).reshape(-1, 3)
_RANGE_DB = 80.0  # The range that is shown below the loudest bin of the target.
_TICKS_HZ = (100, 500, 1000, 2000, 5000, 10_000)

# In pixels: the whole picture, the upper left corner and the size of each part, and letters.
_SIZE, _PLOT, _LEFTS, _TOP = (990, 352), (378, 268), (76, 476), 30
_BAR, _TICK, _SMALL, _LARGE = (878, 18), 5, 14, 17
_INK = (0, 0, 0)


def pair(
  target: Mel,
  estimate: Mel,
  settings: MelSettings,
  path: Path,
  *,
  titles: tuple[str, str] = ("target", "match"),
) -> None:
  """Draws `side_by_side` into a file (PNG)."""
  _save(side_by_side(target, estimate, settings, titles=titles), path)


def side_by_side(
  target: Mel,
  estimate: Mel,
  settings: MelSettings,
  *,
  titles: tuple[str, str] = ("target", "match"),
) -> UInt8[np.ndarray, "y x 3"]:
  """Draws two log-mel spectrograms on one scale, relative to the target's maximum."""
  top = float(target.max())
  lowest = min(max(-_RANGE_DB, settings.floor_db - top), -1.0)  # A silent target is at the floor.
  picture = Image.new("RGB", _SIZE, (255, 255, 255))
  draw = ImageDraw.Draw(picture)
  hz = mel_frequencies(settings.n_mels, f_min=settings.f_min, f_max=settings.f_max)
  places = (np.interp(_TICKS_HZ, hz, np.arange(len(hz))) + 0.5) / len(hz)
  for left, mel, title in zip(_LEFTS, (target, estimate), titles, strict=True):
    _plot(picture, _colours(mel - top, lowest, 0.0), (left, *_PLOT))
    _write(draw, (left + _PLOT[0] / 2, _TOP - 10), title, anchor="ms", size=_LARGE)
    seconds = len(mel) * settings.hop_length / settings.sample_rate
    for value in _round_steps(seconds):
      x, y = left + _PLOT[0] * value / seconds, _TOP + _PLOT[1]
      draw.line((x, y, x, y + _TICK), _INK)
      _write(draw, (x, y + _TICK + 3), f"{value:g}", anchor="ma")
    _write(draw, (left + _PLOT[0] / 2, _SIZE[1] - 5), "time (s)", anchor="mb")
  for frequency, place in zip(_TICKS_HZ, places, strict=True):
    y = _TOP + _PLOT[1] * (1 - place)
    for left in _LEFTS:
      draw.line((left - _TICK, y, left, y), _INK)
    _write(draw, (_LEFTS[0] - _TICK - 4, y), str(frequency), anchor="rm")
  _upright(picture, 11, "frequency (Hz), mel scale")
  scale = np.linspace(lowest, 0.0, _PLOT[1])[None]
  _plot(picture, _colours(scale, lowest, 0.0), (*_BAR, _PLOT[1]))
  for value in _round_steps(-lowest):
    x, y = _BAR[0] + _BAR[1], _TOP + _PLOT[1] * value / -lowest
    draw.line((x, y, x + _TICK, y), _INK)
    _write(draw, (x + _TICK + 4, y), f"{0 - value:g}", anchor="lm")
  _upright(picture, _SIZE[0] - 22, "dB below the target's maximum")
  return np.asarray(picture)


def alone(mel: Mel, settings: MelSettings, path: Path, *, top_db: float) -> None:
  """Draws one log-mel spectrogram and nothing else, a pixel for each bin, for pages to scale.

  Time runs from left to right over the whole width, so that a page can draw a play head.

  Args:
    mel: The spectrogram, in dB.
    settings: The settings that it was made with.
    path: The file (PNG).
    top_db: The brightest level: the maximum of the target, also for all sounds beside it.
  """
  lowest = max(top_db - _RANGE_DB, settings.floor_db)
  highest = max(top_db, lowest + 1)  # A silent target lies at the floor.
  _save(_colours(mel, lowest, highest), path)


def _colours(mel: Mel, lowest: float, highest: float) -> UInt8[np.ndarray, "f t 3"]:
  """Returns the colour of each bin, low frequencies at the bottom."""
  place = np.clip((mel.T[::-1] - lowest) / (highest - lowest), 0, 1)
  anchors = np.linspace(0, 1, len(_MAGMA))
  parts = [np.interp(place, anchors, _MAGMA[:, part]) for part in range(3)]
  return np.stack(parts, -1).round().astype(np.uint8)


def _plot(picture: Image.Image, colours: np.ndarray, box: tuple[int, int, int]) -> None:
  """Puts bins of colour into a frame, whose left edge, width and height are given."""
  left, width, height = box
  inside = Image.fromarray(colours).resize((width, height), Image.Resampling.NEAREST)
  picture.paste(inside, (left, _TOP))
  ImageDraw.Draw(picture).rectangle((left - 1, _TOP - 1, left + width, _TOP + height), outline=_INK)


def _write(
  draw: ImageDraw.ImageDraw,
  place: tuple[float | int, float | int],
  text: str,
  *,
  anchor: Anchor,
  size: int = _SMALL,
) -> None:
  draw.text(place, text, _INK, font=ImageFont.load_default(size), anchor=anchor)


def _upright(picture: Image.Image, left: int, text: str) -> None:
  """Writes from the bottom to the top, beside the middle of the plots."""
  strip = Image.new("RGB", (_PLOT[1], 2 + _SMALL + 4), (255, 255, 255))
  _write(ImageDraw.Draw(strip), (_PLOT[1] / 2, 1), text, anchor="ma")
  picture.paste(strip.rotate(90, expand=True), (left - 9, _TOP))


def _round_steps(end: float) -> Iterator[float]:
  """Yields from 0 to an end in four to nine steps of 1, 2 or 5 of some power of ten."""
  power = 10.0 ** np.floor(np.log10(end / 4))
  step = max(part * power for part in (1, 2, 5) if 4 * part * power <= end * (1 + 1e-9))
  yield from (float(step * k) for k in range(int(end / step + 1e-9) + 1))


def _save(pixels: UInt8[np.ndarray, "y x 3"], path: Path) -> None:
  with files.writing(path) as partial:
    Image.fromarray(pixels).save(partial, format="PNG")
