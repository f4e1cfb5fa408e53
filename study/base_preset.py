"""Makes the base preset of the paper's space: `python -m study.base_preset`.

The preset is everything that the 16 parameters leave fixed: the paper's signal path (section 3.1:
two oscillators, the first at fixed pitch, noise, low pass then high pass, two envelopes,
reverb), two wavetables and a noise sample of our own. The file is shipped and hashed; this
module documents how it was made, and is needed again only to make another one.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from synthmatch_jax.synths import vital, wavetables

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


def base_preset() -> dict[str, Any]:
  """Returns the base preset as Vital's JSON."""
  synth = vital.load_vita().Synth()
  if not synth.connect_modulation("env_2", "filter_1_cutoff"):
    raise RuntimeError("vita did not connect env_2 to filter_1_cutoff")
  preset = json.loads(synth.to_json())
  preset |= {
    "synth_version": wavetables.SYNTH_VERSION,
    "preset_name": "synthmatch base",
    "author": "synthmatch_jax",
    "comments": "Base preset of synthmatch_jax, Apache-2.0.",
  }
  settings = preset["settings"]
  settings |= _REPEATABLE | _SIGNAL_PATH
  tables = {"analogue": wavetables.analogue(), "spectral": wavetables.spectral()}
  for i, (name, frames) in enumerate(tables.items()):
    made = wavetables.as_json(f"synthmatch {name}", frames, last_place=256)
    settings["wavetables"][i] = made
  settings["sample"] = _noise()
  return preset


def _noise() -> dict[str, Any]:
  """Returns one second of white noise, which Vital plays in a loop."""
  rate = 44_100
  samples = np.random.default_rng(0).uniform(-1, 1, rate) * 32767
  return {
    "name": "synthmatch white noise",
    "length": rate,
    "sample_rate": rate,
    "samples": wavetables.encoded(samples, "<i2"),
  }


if __name__ == "__main__":
  target = Path(vital.__file__).parent / "presets" / "vital16.vital"
  target.write_text(json.dumps(base_preset(), sort_keys=True) + "\n")
  print(f"wrote {target}")
