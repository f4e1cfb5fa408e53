"""The 16 continuous parameters of the paper's Table 1."""

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
