"""The waves and the lines of other people's presets of Vital, and the pieces that are nearest."""

import base64
import binascii
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax.synths import vital_pieces, wavetables
from synthmatch_jax.synths.wavetables import HARMONICS, LAST_PLACE, WAVE_SIZE, Spectrum

_MOST_POINTS = 1000
_FLOOR_DB = -50.0  # Partials below it, against all of a wave, are alike.
_EQUAL_DB = 0.5  # Of tables that are this near to the best, the first is taken.
_RESOLUTION = 256


def spectrum(table: Any, *, place: float) -> Spectrum | None:
  """Returns the amplitudes of a wavetable's harmonics at a place, or None if it has no wave.

  Sources that draw waves are read ("Wave Source", "Line Source"), those that cut up a recording
  are not. What shapes a source further ("Wave Warp", "Frequency Filter") is passed over.

  Args:
    table: The wavetable as a preset holds it.
    place: The place from 0 to 256.

  Raises:
    ValueError, TypeError, KeyError, AttributeError: It is no wavetable.
  """
  found = np.zeros(HARMONICS)
  for group in table["groups"]:
    for part in group["components"]:
      if (read := _WAVES.get(part["type"])) is None:
        continue
      frames = sorted(part["keyframes"], key=lambda frame: float(frame["position"]))
      places = [float(frame["position"]) for frame in frames]
      after = int(np.searchsorted(places, place))
      one, other = frames[max(after - 1, 0)], frames[min(after, len(frames) - 1)]
      share = np.interp(place, [float(f["position"]) for f in (one, other)], [0.0, 1.0])
      wave = (1.0 - share) * read(one) + share * read(other)
      found += np.abs(np.fft.rfft(wave))[1 : HARMONICS + 1]
  return found if np.isfinite(found).all() and found.any() else None


def nearest_wave(target: Spectrum) -> tuple[str, float, float]:
  """Returns the nearest of our wavetables, the place in it, and how far it is off in dB (RMS)."""
  names, places, known = _known_waves()
  apart = np.sqrt((np.square(known - _decibels(target)) * _weights()).sum(axis=1))
  table = names[int(np.argmax(apart < apart.min() + _EQUAL_DB))]
  best = min((i for i, name in enumerate(names) if name == table), key=lambda i: apart[i])
  return names[best], places[best], float(apart[best])


def nearest_shape(line: Any, *, flipped: bool = False) -> tuple[str, float]:
  """Returns the nearest of our shapes to an LFO's, at any phase, and how far it is off (RMS).

  Args:
    line: The shape as a preset holds it.
    flipped: Whether it is turned upside down.

  Raises:
    ValueError, TypeError, KeyError: It is no shape.
  """
  target = _heights(line)
  target = 1.0 - target if flipped else target
  off = {}
  for name, shape in vital_pieces.SHAPES.items():
    known = _heights(shape.as_json(name))
    turns = np.stack([np.roll(known, turn) for turn in range(0, _RESOLUTION, 4)])
    off[name] = float(np.sqrt(np.square(turns - target).mean(axis=1)).min())
  best = min(off, key=lambda name: off[name])
  return best, off[best]


def _drawn(frame: Mapping[str, Any]) -> Float[np.ndarray, " n"]:
  try:
    data = base64.b64decode(frame["wave_data"], validate=True)
  except binascii.Error:
    raise ValueError("one of its waves is not in base64") from None
  if len(data) != 4 * WAVE_SIZE:
    raise ValueError(f"one of its waves does not have {WAVE_SIZE} samples")
  wave = np.frombuffer(data, "<f4").astype(np.float64)
  if not (np.abs(wave) < 1e6).all():
    raise ValueError("one of its waves has samples that are no numbers")
  return wave


def _of_lines(frame: Mapping[str, Any]) -> Float[np.ndarray, " n"]:
  return 2.0 * _heights(frame["line"], size=WAVE_SIZE) - 1.0


_WAVES = {"Wave Source": _drawn, "Line Source": _of_lines}


def _heights(line: Mapping[str, Any], *, size: int = _RESOLUTION) -> Float[np.ndarray, " n"]:
  """Returns the heights of a line, from 0 to 1; what bends between its points is straight here."""
  points = np.asarray(line["points"], np.float64)
  if points.ndim != 1 or not 4 <= points.size <= 2 * _MOST_POINTS or points.size % 2:
    raise ValueError("one of its lines has no points")
  if not ((points >= 0.0) & (points <= 1.0)).all():
    raise ValueError("one of its lines has points outside its frame")
  at = (np.arange(size) + 0.5) / size
  heights = np.interp(at, np.maximum.accumulate(points[::2]), 1.0 - points[1::2])
  return 0.5 - 0.5 * np.cos(np.pi * heights) if line.get("smooth") is True else heights


@functools.cache
def _known_waves() -> tuple[Sequence[str], Sequence[float], Float[np.ndarray, "i k"]]:
  """Returns each place of each of our wavetables, with its spectrum in dB."""
  names, places, known = [], [], []
  for name in wavetables.NAMES:
    waves = [wavetables.wave(s) for s in wavetables.spectra(name)]
    frames = [np.abs(np.fft.rfft(wave))[1 : HARMONICS + 1] for wave in waves]
    ends = np.round(np.linspace(0.0, LAST_PLACE, len(frames)))
    at = np.arange(LAST_PLACE + 1.0)
    shares = np.stack([np.interp(at, ends, one) for one in np.eye(len(frames))], axis=1)
    names += [name] * len(at)
    places += at.tolist()
    known += [_decibels(mixed) for mixed in shares @ np.stack(frames)]
  return names, places, np.stack(known)


def _decibels(amplitudes: Spectrum) -> Spectrum:
  share = amplitudes / np.linalg.norm(amplitudes)
  return np.maximum(20.0 * np.log10(share + 1e-12), _FLOOR_DB)


def _weights() -> Spectrum:
  """Returns what each harmonic counts: as much as the others of its octave together."""
  weights = 1.0 / np.arange(1, HARMONICS + 1)
  return weights / weights.sum()
