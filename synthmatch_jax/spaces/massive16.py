"""The 16 continuous parameters of the paper's Table 1, and their counterparts on Vital."""

from typing import Any

from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.spaces.space import ParameterSpace

TABLE_1 = {
  "osc1_position": "wavetable start position of oscillator 1",
  "osc1_amp": "output gain of oscillator 1",
  "osc2_pitch": "detune pitch of oscillator 2",
  "osc2_position": "wavetable start position of oscillator 2",
  "osc2_amp": "output gain of oscillator 2",
  "noise_amp": "output gain of the noise generator",
  "filter1_cut_prm_1": "low-pass filter cutoff",
  "filter1_res_prm_3": "low-pass filter resonance",
  "filter2_cut_prm_1": "high-pass filter cutoff",
  "filter2_res_prm_3": "high-pass filter resonance",
  "envelope4_att_tme": "attack time of the output amplitude",
  "envelope4_dec_tme": "decay time of the output amplitude",
  "envelope1_att_tme": "attack time of the low-pass cutoff envelope",
  "envelope1_att_lev": "level of the low-pass cutoff envelope",
  "envelope1_dec_tme": "decay time of the low-pass cutoff envelope",
  "master_fx2_dry_wet": "reverb dry/wet",
}
"""Massive's parameter names as pedalboard shows them, with the paper's descriptions."""

HEARD_WITH = {
  "osc1_position": "osc1_amp",
  "osc2_pitch": "osc2_amp",
  "osc2_position": "osc2_amp",
  "envelope1_att_tme": "envelope1_att_lev",
  "envelope1_dec_tme": "envelope1_att_lev",
}
"""What cannot be heard while another is at zero: all of an oscillator that is turned down, the
times of an envelope without depth."""

_LEVEL: dict[str, Any] = {"unit": "level; gain is its square"}
_POSITION: dict[str, Any] = {"unit": "wavetable frames", "high": 256.0}
_CUTOFF: dict[str, Any] = {"unit": "MIDI semitones", "low": 8.0, "high": 136.0}
_ATTACK: dict[str, Any] = {"unit": "s", "high": 2.0, "curve": "quartic"}
_DECAY: dict[str, Any] = {"unit": "s", "high": 8.0, "curve": "quartic"}

# Vital's own ranges where they are musical; its envelope times (0 to 32 s) are cut to what a
# one-second note can show, its transposition (four octaves each way) to one octave.
_VITAL: dict[str, dict[str, Any]] = {
  "osc1_position": _POSITION,
  "osc1_amp": _LEVEL,
  "osc2_pitch": {"unit": "semitones", "low": -12.0, "high": 12.0},
  "osc2_position": _POSITION,
  "osc2_amp": _LEVEL,
  "noise_amp": _LEVEL,
  "filter1_cut_prm_1": _CUTOFF,
  "filter1_res_prm_3": {"unit": "of its range"},
  "filter2_cut_prm_1": _CUTOFF,
  "filter2_res_prm_3": {"unit": "of its range"},
  "envelope4_att_tme": _ATTACK,
  "envelope4_dec_tme": _DECAY,
  "envelope1_att_tme": _ATTACK,
  "envelope1_att_lev": {"unit": "of the cutoff's range"},
  "envelope1_dec_tme": _DECAY,
  "master_fx2_dry_wet": {"unit": "wet"},
}

VITAL = ParameterSpace(
  "massive16/vital",
  tuple(
    Continuous(name=n, meaning=m, heard_with=HEARD_WITH.get(n, ""), **_VITAL[n])
    for n, m in TABLE_1.items()
  ),
)
"""The paper's controls on Vital, in Vital's units."""
