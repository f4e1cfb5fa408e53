"""Wavetables of our own, by their spectra, as the JSON of Vital's presets.

Every frame is a spectrum of 512 harmonics, half of what fits, so that no frame comes near its own
Nyquist frequency. All harmonics are in sine phase.
"""

import base64
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import special

WAVE_SIZE = 2048  # The number of samples in a frame of Vital's wavetables.
HARMONICS = 512

# The version of Vital in what is written here. Vital refuses presets of a newer version than
# itself; vita calls itself 99999.9.9.
SYNTH_VERSION = "1.5.5"

# The place of the last frame of a table below; Vital's own have up to 256. It computes every place
# when a table is loaded, which takes a third of the time so.
LAST_PLACE = 64

Spectrum = Float[np.ndarray, " k"]
"""The amplitudes of the harmonics 1 to HARMONICS, all in sine phase."""

_K = np.arange(1, HARMONICS + 1)


def analogue() -> list[Spectrum]:
  """Returns the shapes of subtractive synths: sine, triangle, saw, square, pulse of 12 %."""
  odd = _K % 2 == 1
  return [
    (_K == 1) * 1.0,
    odd * np.sin(np.pi * _K / 2) / _K**2,
    1 / _K,
    odd / _K,
    np.sin(np.pi * _K * 0.12) / _K,
  ]


def spectral() -> list[Spectrum]:
  """Returns shapes made by their spectrum: sine, organ, reed, the vowels ah and ee, bell."""
  organ = np.isin(_K, [1, 2, 3, 4, 6, 8]) / np.sqrt(_K)
  reed = (1 + (_K % 2)) / _K**0.7 * np.exp(-_K / 24)
  bell = np.isin(_K, [1, 4, 7, 11, 16, 22, 29]) / _K**0.4
  return [
    (_K == 1) * 1.0,
    organ,
    reed,
    _vowel([(730.0, 1.0), (1090.0, 0.6), (2440.0, 0.2)]),
    _vowel([(270.0, 1.0), (2290.0, 0.5), (3010.0, 0.3)]),
    bell,
  ]


def _vowel(formants: Sequence[tuple[float, float]]) -> Spectrum:
  """Returns the harmonics of C4 under formants (Hz, amplitude) of Peterson and Barney (1952)."""
  frequency = 261.63 * _K
  width = 130.0
  return sum(a / (1 + ((frequency - f) / width) ** 2) for f, a in formants) + 0.02 / _K


def _pulses() -> list[Spectrum]:
  """Returns pulses that become narrower: 50, 37.5, 25, 18, 12.5 and 6 % of the period."""
  return [np.sin(np.pi * _K * share) / _K for share in (0.5, 0.375, 0.25, 0.18, 0.125, 0.06)]


def _saws() -> list[Spectrum]:
  """Returns saws that become brighter, from 12 dB an octave to nearly white."""
  return [_K**-slope for slope in (2.5, 2.0, 1.5, 1.0, 0.7, 0.4)]


def _vowels() -> list[Spectrum]:
  """Returns the vowels oo, oh, ah, eh, ee of Peterson and Barney's men (1952, table II)."""
  vowels = ((300, 870, 2240), (570, 840, 2410), (730, 1090, 2440), (530, 1840, 2480))
  frequencies = np.array([*vowels, (270, 2290, 3010)], np.float64)
  return [_vowel(list(zip(row.tolist(), (1.0, 0.5, 0.25), strict=True))) for row in frequencies]


def _organs() -> list[Spectrum]:
  """Returns drawbars, from the first alone to all of them, and without the key's own."""
  drawbars = [(1,), (1, 2), (1, 2, 3), (1, 2, 4), (1, 2, 3, 4, 6, 8), (2, 4, 6, 8, 12)]
  return [np.isin(_K, bars) / np.sqrt(_K) for bars in drawbars]


def _reeds() -> list[Spectrum]:
  """Returns winds: flute, clarinet, saxophone, oboe, bassoon, brass."""
  odd = np.where(_K % 2 == 1, 1.0, 0.15)
  return [
    _K**-2.2 * (1 + (_K == 2)),
    odd * _K**-1.0 * np.exp(-_K / 14),
    _hill(3.0, 3.0) + 0.1 * np.exp(-_K / 20),
    _hill(5.0, 2.5) + 0.3 * _hill(11.0, 3.0) + 0.03 * np.exp(-_K / 30),
    _hill(8.0, 4.0) + 0.1 * (_K == 1),
    _K**-0.5 * np.exp(-_K / 9),
  ]


def _hill(middle: float, width: float) -> Spectrum:
  return np.exp(-(((_K - middle) / width) ** 2))


def _bells() -> list[Spectrum]:
  """Returns sparse partials, as of struck bars, plates and glasses, ever higher."""
  partials = [(1, 4), (1, 3, 10), (1, 5, 9, 14), (2, 5, 8, 11, 17), (3, 8, 13, 19, 26, 34)]
  return [np.isin(_K, part) / _K**0.5 for part in partials]


def _fm() -> list[Spectrum]:
  """Returns a sine whose phase a sine of the same pitch moves, by 0 to 6 rad (Chowning, 1973)."""
  return [_modulated(index) for index in (0.0, 0.7, 1.5, 2.5, 4.0, 6.0)]


def _modulated(index: float) -> Spectrum:
  """Returns sin(x + index sin x): J(k - 1) without (-1)^(k + 1) J(k + 1) at harmonic k."""
  folded = (-1.0) ** (_K + 1) * special.jv(_K + 1, index)
  return special.jv(_K - 1, index) - folded


def _syncs() -> list[Spectrum]:
  """Returns a saw that another one of 1 to 4 times its period starts anew."""
  return [_synced(ratio) for ratio in (1.0, 1.3, 1.7, 2.2, 3.0, 4.0)]


def _synced(ratio: float) -> Spectrum:
  phase = ratio * (np.arange(8 * WAVE_SIZE) + 0.5) / (8 * WAVE_SIZE)
  return np.abs(np.fft.rfft(2 * (phase % 1.0) - 1))[1 : HARMONICS + 1]


def _harmonics() -> list[Spectrum]:
  """Returns single harmonics: 1, 2, 3, 4, 5, 6, 8, 12, each over a trace of the first."""
  return [np.isin(_K, [one]) + 0.1 * (_K == 1) for one in (1, 2, 3, 4, 5, 6, 8, 12)]


def _hollows() -> list[Spectrum]:
  """Returns odd harmonics that become brighter, from a soft triangle to beyond a square."""
  return [(_K % 2 == 1) * _K**-slope for slope in (2.0, 1.5, 1.0, 0.7, 0.4)]


def _metals() -> list[Spectrum]:
  """Returns dense spectra with the gaps and hills of random numbers."""
  rng = np.random.default_rng(0)
  return [rng.gamma(0.3, size=HARMONICS) / _K**slope for slope in (1.2, 0.9, 0.7, 0.5, 0.3)]


_TABLES: dict[str, Callable[[], list[Spectrum]]] = {
  "analogue": analogue,
  "pulse": _pulses,
  "saw": _saws,
  "hollow": _hollows,
  "sync": _syncs,
  "fm": _fm,
  "harmonic": _harmonics,
  "organ": _organs,
  "wind": _reeds,
  "vowel": _vowels,
  "bell": _bells,
  "metal": _metals,
}

NAMES = tuple(_TABLES)
"""The names of the wavetables."""

REVISION = 1
"""Raised when a table is another than before, since engines are compared by it."""


def spectra(name: str) -> list[Spectrum]:
  """Returns the frames of a wavetable, evenly spaced over its positions, each with peak 1."""
  return [spectrum / np.abs(spectrum).max() for spectrum in _TABLES[name]()]


@functools.cache
def table(name: str) -> dict[str, Any]:
  """Returns a wavetable as it stands in a preset of Vital."""
  return as_json(f"synthmatch {name}", spectra(name), last_place=LAST_PLACE)


def as_json(name: str, frames: Sequence[Spectrum], *, last_place: int) -> dict[str, Any]:
  """Returns frames as a wavetable of Vital, evenly spaced from position 0 to the last place."""
  step = last_place / (len(frames) - 1)
  keyframes = [
    {"position": round(i * step), "wave_data": encoded(wave(s), "<f4")}
    for i, s in enumerate(frames)
  ]
  source = {
    "type": "Wave Source",
    "interpolation": 1,
    "interpolation_style": 1,
    "keyframes": keyframes,
  }
  return {
    "author": "synthmatch_jax",
    "name": name,
    "full_normalize": True,
    "remove_all_dc": True,
    "version": SYNTH_VERSION,
    "groups": [{"components": [source]}],
  }


def wave(spectrum: Spectrum) -> Float[np.ndarray, " n"]:
  """Returns one period with peak 1; Lanczos' sigma factors keep the band limit from ringing."""
  bins = np.zeros(WAVE_SIZE // 2 + 1, complex)
  sigma = np.sinc(np.arange(1, HARMONICS + 1) / (HARMONICS + 1))
  bins[1 : HARMONICS + 1] = -1j * spectrum * sigma
  period = np.fft.irfft(bins, WAVE_SIZE)
  return period / np.abs(period).max()


def encoded(values: np.ndarray, dtype: str) -> str:
  """Returns numbers in base64, as Vital's presets hold them."""
  return base64.b64encode(values.astype(dtype).tobytes()).decode()
