"""Makes the base preset of the paper's space: `python -m study.base_preset`.

The preset is everything that the 16 parameters leave fixed: the paper's signal path (section 3.1:
two oscillators, the first at fixed pitch, noise, low pass then high pass, two envelopes,
reverb), two wavetables and a noise sample of our own. The file is shipped and hashed; this
module documents how it was made, and is needed again only to make another one.
"""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax.synths import vital

WAVE_SIZE = 2048  # The number of samples in a frame of Vital's wavetables.
HARMONICS = 512  # Half of what fits, so that no frame comes near its own Nyquist frequency.

# Vital refuses presets of a newer version than itself; vita calls itself 99999.9.9.
SYNTH_VERSION = "1.5.5"

# These make every render sound the same: no random phases, no free-running chorus in the reverb.
_REPEATABLE = {
  "osc_1_random_phase": 0,
  "osc_2_random_phase": 0,
  "sample_random_phase": 0,
  "reverb_chorus_amount": 0,
}

_SIGNAL_PATH = {
  "polyphony": 1,
  "oversampling": 0,  # None takes a third less time a sound than Vital's own twofold one.
  "volume": 6400,  # 0 dB, 6 more than in the init patch: one oscillator peaks near 1/4.
  "osc_1_on": 1,
  "osc_2_on": 1,
  "sample_on": 1,
  "osc_1_destination": 0,  # Filter 1.
  "osc_2_destination": 0,
  "sample_destination": 0,
  "filter_1_on": 1,
  "filter_2_on": 1,
  "filter_2_filter_input": 1,  # Filter 1 feeds filter 2.
  "filter_1_style": 1,  # 24 dB an octave.
  "filter_2_style": 1,
  "filter_1_blend": 0,  # Low pass.
  "filter_2_blend": 2,  # High pass.
  "reverb_on": 1,
  "env_1_sustain": 0.4,  # The amplitude's, low enough that its decay is heard.
  "env_1_release": 0.15**0.25,  # Vital's times are fourth powers, in seconds.
  "env_2_sustain": 0,
  "env_2_release": 0.15**0.25,
}

Spectrum = Float[np.ndarray, " k"]
"""The amplitudes of the harmonics 1 to HARMONICS, all in sine phase."""


def base_preset() -> dict[str, Any]:
  """Returns the base preset as Vital's JSON."""
  synth = vital.load_vita().Synth()
  if not synth.connect_modulation("env_2", "filter_1_cutoff"):
    raise RuntimeError("vita did not connect env_2 to filter_1_cutoff")
  preset = json.loads(synth.to_json())
  preset |= {
    "synth_version": SYNTH_VERSION,
    "preset_name": "synthmatch base",
    "author": "synthmatch_jax",
    "comments": "Base preset of synthmatch_jax, Apache-2.0.",
  }
  settings = preset["settings"]
  settings |= _REPEATABLE | _SIGNAL_PATH
  settings["wavetables"][0] = _wavetable("synthmatch analogue", _analogue())
  settings["wavetables"][1] = _wavetable("synthmatch spectral", _spectral())
  settings["sample"] = _noise()
  return preset


def _analogue() -> list[Spectrum]:
  """Returns the shapes of subtractive synths: sine, triangle, saw, square, pulse of 12 %."""
  k = np.arange(1, HARMONICS + 1)
  odd = k % 2 == 1
  return [
    (k == 1) * 1.0,
    odd * np.sin(np.pi * k / 2) / k**2,
    1 / k,
    odd / k,
    np.sin(np.pi * k * 0.12) / k,
  ]


def _spectral() -> list[Spectrum]:
  """Returns shapes made by their spectrum: sine, organ, reed, the vowels ah and ee, bell."""
  k = np.arange(1, HARMONICS + 1)
  organ = np.isin(k, [1, 2, 3, 4, 6, 8]) / np.sqrt(k)
  reed = (1 + (k % 2)) / k**0.7 * np.exp(-k / 24)
  bell = np.isin(k, [1, 4, 7, 11, 16, 22, 29]) / k**0.4
  return [
    (k == 1) * 1.0,
    organ,
    reed,
    _vowel(k, [(730.0, 1.0), (1090.0, 0.6), (2440.0, 0.2)]),
    _vowel(k, [(270.0, 1.0), (2290.0, 0.5), (3010.0, 0.3)]),
    bell,
  ]


def _vowel(k: np.ndarray, formants: list[tuple[float, float]]) -> Spectrum:
  """Returns the harmonics of C4 under formants (Hz, amplitude) of Peterson and Barney (1952)."""
  frequency = 261.63 * k
  width = 130.0
  return sum(a / (1 + ((frequency - f) / width) ** 2) for f, a in formants) + 0.02 / k


def _wavetable(name: str, spectra: list[Spectrum]) -> dict[str, Any]:
  """Returns a wavetable with a key frame for each spectrum, evenly spaced over its positions."""
  keyframes = [
    {"position": round(i * 256 / (len(spectra) - 1)), "wave_data": _base64(_wave(s), "<f4")}
    for i, s in enumerate(spectra)
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


def _wave(spectrum: Spectrum) -> Float[np.ndarray, " n"]:
  """Returns one period with peak 1; Lanczos' sigma factors keep the band limit from ringing."""
  bins = np.zeros(WAVE_SIZE // 2 + 1, complex)
  sigma = np.sinc(np.arange(1, HARMONICS + 1) / (HARMONICS + 1))
  bins[1 : HARMONICS + 1] = -1j * spectrum * sigma
  wave = np.fft.irfft(bins, WAVE_SIZE)
  return wave / np.abs(wave).max()


def _noise() -> dict[str, Any]:
  """Returns one second of white noise, which Vital plays in a loop."""
  rate = 44_100
  samples = np.random.default_rng(0).uniform(-1, 1, rate) * 32767
  return {
    "name": "synthmatch white noise",
    "length": rate,
    "sample_rate": rate,
    "samples": _base64(samples, "<i2"),
  }


def _base64(values: np.ndarray, dtype: str) -> str:
  return base64.b64encode(values.astype(dtype).tobytes()).decode()


if __name__ == "__main__":
  target = Path(vital.__file__).parent / "presets" / "vital16.vital"
  target.write_text(json.dumps(base_preset(), sort_keys=True) + "\n")
  print(f"wrote {target}")
