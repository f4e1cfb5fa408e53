"""The wide space of Vital: what it says of itself, and that its sounds depend on nothing else."""

import json

import numpy as np
import pytest

from synthmatch_jax.audio.loudness import loudness_db
from synthmatch_jax.audio.note import Note
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths import registry, vital, vital_reading, wavetables
from synthmatch_jax.synths.vital_pieces import SHAPES, Piece

WIDE = registry.engine("vital_wide")
NOTE = Note(hold_seconds=0.3)


def draws(count, seed=0):
  space, rng = WIDE.space, np.random.default_rng(seed)
  chosen = prior.load("presets", space)
  return [space.decode(prior.sample(chosen, space, rng)) for _ in range(count)]


def render(synth, patch, seconds=0.6):
  return synth.render(patch, note=NOTE, seconds=seconds, sample_rate=44_100)


def test_it_has_parameters_of_every_kind():
  kinds = [p.kind for p in WIDE.space.parameters]
  assert len(kinds) == 120
  assert {kind: kinds.count(kind) for kind in set(kinds)} == {
    "continuous": 77,
    "choice": 26,
    "switch": 13,
    "integer": 4,
  }


def test_what_is_off_is_not_heard():
  space = WIDE.space
  patch = space.decode(np.full(space.width, 0.6)) | {
    "osc_2_on": 0,
    "filter_1_on": 0,
    "env_1_sustain": 1.0,
  }
  heard = dict(zip(space.names, space.heard(space.encode(patch)[None])[0], strict=True))
  assert heard["osc_1_unison_detune"]
  assert not heard["osc_1_spectral_morph_amount"]  # Of the first type, which is none.
  silent = {name for name in space.names if name.startswith(("osc_2_", "filter_1_"))}
  assert not any(heard[name] for name in silent - {"osc_2_on", "filter_1_on"})
  assert not heard["env_2_to_filter_1"]
  assert not heard["env_1_decay"]
  assert heard["reverb_size"]


def test_a_sound_is_the_same_to_the_last_bit_whatever_was_played_before():
  first, second = draws(2, seed=3)
  used, fresh = WIDE.make(), WIDE.make()
  render(used, second)
  np.testing.assert_array_equal(render(used, first), render(fresh, first))
  assert np.abs(render(used, first)).max() > 1e-3
  assert used.read_back()["osc_1_wavetable"] == first["osc_1_wavetable"]
  read = WIDE.space.encode(used.read_back())
  np.testing.assert_allclose(read, WIDE.space.encode(first), atol=1e-5)


def test_a_saved_preset_sounds_the_same_in_vital(tmp_path):
  (patch,) = draws(1, seed=3)
  synth = WIDE.make()
  text = synth.save_preset(patch, tmp_path / "mine.vital").read_text()
  plain = vital.load_vita().Synth()
  plain.set_sample_rate(44_100)
  assert plain.load_json(text)
  plain.render(NOTE.pitch, 0.0, 0.175, 0.35)
  again = np.asarray(plain.render(NOTE.pitch, 1.0, NOTE.hold_seconds, 0.6)).mean(0)
  sound = render(synth, patch)
  assert np.abs(again - sound).max() < 1e-3 * np.abs(sound).max()
  assert json.loads(text)["settings"]["modulations"][3]["source"] == "lfo_1"


@pytest.mark.parametrize("name", wavetables.NAMES)
def test_every_frame_of_a_wavetable_is_found_again(name):
  table = wavetables.table(name)
  count = len(wavetables.spectra(name))
  for i, frame in enumerate(table["groups"][0]["components"][0]["keyframes"]):
    assert frame["position"] == round(i * wavetables.LAST_PLACE / (count - 1))
    spectrum = vital_reading.spectrum(table, place=float(frame["position"]))
    assert spectrum is not None
    assert vital_reading.nearest_wave(spectrum)[2] < 0.6


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_of_an_lfo_is_found_again(name):
  upside_down = {"saw up": "saw down", "saw down": "saw up"}.get(name, name)
  assert vital_reading.nearest_shape(SHAPES[name].as_json(name)) == (name, 0.0)
  if name != "steps":
    assert vital_reading.nearest_shape(SHAPES[name].as_json(name), flipped=True)[0] == upside_down


@pytest.mark.parametrize(
  ("entries", "says"),
  [
    ({"piece": "waves/0", "options": ["saw", "fm"]}, "known: wavetables, lfos"),
    ({"piece": "wavetables/0", "options": ["saw", "sow"]}, "no 'sow' among the wavetables"),
    ({"piece": "lfos", "options": ["sine", "square"]}, "unpack"),
  ],
)
def test_a_piece_that_cannot_be_is_refused(entries, says):
  with pytest.raises(ValueError, match=says):
    Piece.from_dict({"name": "x", "meaning": "", "kind": "choice"} | entries)


@pytest.mark.slow
def test_nine_draws_of_ten_are_audible_and_all_are_finite():
  synth = WIDE.make()
  sounds = [render(synth, patch, seconds=1.5) for patch in draws(100)]
  assert all(np.isfinite(sound).all() for sound in sounds)
  assert np.mean([loudness_db(sound, 44_100) > -60 for sound in sounds]) >= 0.9
