import base64
import json
import sys
from importlib import resources

import numpy as np
import pytest

from study import base_preset
from synthmatch_jax.audio.loudness import loudness_db
from synthmatch_jax.audio.note import Note
from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths import registry, wavetables
from synthmatch_jax.synths.base import sound

PRESET = resources.files("synthmatch_jax.synths") / "presets" / "vital16.vital"
VITAL = registry.engine("vital")


def test_the_shipped_base_preset_is_what_its_module_makes():
  shipped, made = json.loads(PRESET.read_text()), base_preset.base_preset()
  for preset in (shipped, made):
    preset["waves"] = [
      np.frombuffer(base64.b64decode(k["wave_data"]), "<f4")
      for table in preset["settings"].pop("wavetables")[:2]
      for k in table["groups"][0]["components"][0]["keyframes"]
    ]
  np.testing.assert_allclose(shipped.pop("waves"), made.pop("waves"), atol=1e-6)
  assert shipped == made


def test_the_wavetables_are_band_limited_and_at_full_scale():
  preset = json.loads(PRESET.read_text())
  frames = 0
  for table in preset["settings"]["wavetables"][:2]:
    for frame in table["groups"][0]["components"][0]["keyframes"]:
      wave = np.frombuffer(base64.b64decode(frame["wave_data"]), "<f4")
      spectrum = np.abs(np.fft.rfft(wave)) / len(wave)
      assert np.abs(wave).max() == pytest.approx(1.0)
      assert spectrum[0] < 1e-6
      assert spectrum[wavetables.HARMONICS + 1 :].max() < 1e-6
      frames += 1
  assert frames == 11


def test_a_preset_opens_in_vitals_that_people_have(tmp_path):
  # Vital refuses presets of a version newer than itself, and vita calls itself 99999.9.9.
  synth = VITAL.make()
  path = synth.save_preset(synth.space.decode(np.full(16, 0.5)), tmp_path / "half.vital")
  preset = json.loads(path.read_text())
  assert preset["synth_version"] == wavetables.SYNTH_VERSION == "1.5.5"
  assert preset["preset_name"] == "half"
  # Set as a person would: whole semitones on one knob, the rest on the fine one.
  patch = synth.space.decode(np.full(16, 0.5)) | {"osc2_pitch": -3.7}
  settings = json.loads(synth.save_preset(patch, path).read_text())["settings"]
  assert settings["osc_2_transpose"] == -4.0
  assert settings["osc_2_tune"] == pytest.approx(0.3, abs=1e-6)


@pytest.mark.parametrize("rate", [44_100, 48_000, 16_000])
@pytest.mark.parametrize("seconds", [0.53, 1.3, 2.1, 4.0, 1 / 3])
def test_a_sound_has_all_its_samples(seconds, rate):
  """Vita alone gives one less for some lengths, as the first three at 44.1 kHz."""
  synth = VITAL.make()
  patch, note = synth.space.decode(np.full(16, 0.5)), Note(hold_seconds=0.2)
  made = sound(synth, patch, note=note, seconds=seconds, sample_rate=rate)
  assert made.shape == (round(seconds * rate),)


@pytest.mark.parametrize(("seconds", "missing", "room"), [(1.3, 1, 1e-5), (4.0, 0, 0.0)])
def test_the_samples_are_those_that_vita_gives(seconds, missing, room):
  """To the last bit; where one was missing, but for the end, which vita fades out."""
  ours, theirs, note = VITAL.make(), VITAL.make(), Note(hold_seconds=0.2)
  patch = ours.space.decode(np.full(16, 0.5))
  made = ours.render(patch, note=note, seconds=seconds, sample_rate=44_100)
  vita = theirs._synth
  vita.set_sample_rate(44_100)
  theirs._apply(patch)
  vita.render(note.pitch, 0.0, 0.175, 0.35)
  plain = vita.render(note.pitch, note.velocity / 127, note.hold_seconds, seconds)
  plain = np.asarray(plain, np.float32).mean(0)
  assert made.size - plain.size == missing
  np.testing.assert_array_equal(made[: plain.size - 4096], plain[:-4096])
  np.testing.assert_allclose(made[: plain.size], plain, rtol=0, atol=room)


def test_detune_is_in_semitones():
  synth, rate = VITAL.make(), 44_100
  sine = {"osc1_amp": 0.0, "osc2_amp": 1.0, "noise_amp": 0.0, "osc2_position": 0.0}
  sine |= {"filter1_cut_prm_1": 136.0, "filter2_cut_prm_1": 8.0, "master_fx2_dry_wet": 0.0}
  patch = synth.space.decode(np.zeros(16)) | sine | {"envelope4_dec_tme": 8.0}
  for detune in (-12.0, -3.7, 0.0, 0.05, 7.0, 12.0):
    patch["osc2_pitch"] = detune
    audio = synth.render(patch, note=Note(hold_seconds=2.0), seconds=2.0, sample_rate=rate)
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 2**20))
    heard = spectrum.argmax() * rate / 2**20
    assert 12 * np.log2(heard / 261.6256) == pytest.approx(detune, abs=0.01)


@pytest.mark.slow
def test_presets_are_audible_where_uniform_is_often_silent():
  synth, rate, count = VITAL.make(), 44_100, 50
  silent = {}
  for name in ("presets", "uniform"):
    chosen, rng = prior.load(name, synth.space), np.random.default_rng(0)
    sounds = (
      synth.render(
        synth.space.decode(prior.sample(chosen, synth.space, rng)),
        note=Note(),
        seconds=1.2,
        sample_rate=rate,
      )
      for _ in range(count)
    )
    silent[name] = sum(loudness_db(s, rate) < -60 for s in sounds) / count
  assert silent["presets"] <= 0.07
  assert silent["uniform"] > silent["presets"]


def test_without_vita_a_sentence_says_what_to_install(monkeypatch):
  monkeypatch.setitem(sys.modules, "vita", None)
  with pytest.raises(UserError, match="pip install vita"):
    VITAL.make()
