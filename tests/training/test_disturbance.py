"""Each disturbance of a mel against what it does to the sound itself, or against a closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from synthmatch_jax.audio.mel import MelSettings, log_mel
from synthmatch_jax.errors import UserError
from synthmatch_jax.training.disturbance import Disturbance

MEL = MelSettings(n_mels=128)
RATE, HOP = MEL.sample_rate, MEL.hop_length / MEL.sample_rate
SECONDS, COUNT = 1.5, 12
TIME = np.arange(round(SECONDS * RATE)) / RATE
KEY = jax.random.key(0)


def tone(hz=440.0, harmonics=20):
  """A sound with harmonics that ends after a second; they fall by 6 dB an octave."""
  waves = [np.sin(2 * np.pi * k * hz * TIME) / k for k in range(1, harmonics + 1)]
  return 0.3 * np.sum(waves, axis=0) * (TIME < 1)


def disturbed(sound, key=KEY, **how):
  """The mels of a sound, disturbed in many ways, and its pitch thereafter if it was 69."""
  mel = jnp.asarray(np.tile(log_mel(sound, MEL), (COUNT, 1, 1)))
  note = jnp.tile(jnp.array([[69.0, 127.0, 1.0]]), (COUNT, 1))
  found = Disturbance(mel=MEL, **how)({"mel": mel, "note": note}, key)
  np.testing.assert_array_equal(found["note"][:, 1:], note[:, 1:])
  return np.asarray(found["mel"], np.float64), np.asarray(found["note"])[:, 0]


def power(mel):
  return np.where(mel > MEL.floor_db, 10 ** (mel / 10), 0)


def test_nothing_happens_by_default_and_to_those_that_are_not_chosen():
  batch = {"mel": jnp.asarray(log_mel(tone(), MEL)[None])}
  assert Disturbance(mel=MEL)(batch, KEY) is batch
  kinds = ("detune", "onset", "room", "tilt", "noise", "hum", "band", "gain")
  mel, pitch = disturbed(tone(), **dict.fromkeys(kinds, 1e-6))
  np.testing.assert_allclose(mel, np.tile(batch["mel"], (COUNT, 1, 1)), atol=1e-3)
  assert (pitch == 69).all()
  half, _ = disturbed(tone(), gain=0.5)
  changed = np.abs(half - mel).max(axis=(1, 2)) > 1e-3
  assert 0 < changed.sum() < COUNT
  for share in (-0.1, 1.5):
    with pytest.raises(UserError, match=r"disturbance\.room is a share, from 0 to 1"):
      Disturbance(mel=MEL, room=share)


def test_gain_moves_all_levels_and_no_silence():
  mel, _ = disturbed(tone(), gain=1.0, gain_db=9.0)
  plain = log_mel(tone(), MEL)
  loud = plain > -30
  moved = (mel - plain)[:, loud]
  np.testing.assert_allclose(moved, np.tile(moved[:, :1], moved.shape[1]), atol=1e-3)
  assert 9 >= np.abs(moved).max() > 6 and np.ptp(moved[:, 0]) > 6
  assert (mel[:, plain == MEL.floor_db] == MEL.floor_db).all()


def test_detune_is_what_a_detuned_tone_looks_like_and_is_told():
  mel, pitch = disturbed(tone(), detune=1.0, detune_cents=80.0)
  cents = 100 * (pitch - 69)
  assert 80 >= np.abs(cents).max() > 50 and cents.min() < 0 < cents.max()
  plain = log_mel(tone(), MEL)
  for found, by in zip(mel, cents, strict=True):
    wanted = log_mel(tone(440 * 2 ** (by / 1200)), MEL)
    loud = wanted > wanted.max() - 30
    error, unmoved = (np.abs(one - wanted)[loud].mean() for one in (found, plain))
    assert error < 3
    assert error < 0.5 * unmoved or abs(by) < 25


def test_onset_moves_the_sound_and_leaves_silence_before_it():
  gap = np.where(TIME < 10.5 * HOP, 0, tone())
  mel, _ = disturbed(gap, onset=1.0, onset_frames=3.0)
  plain = power(log_mel(gap, MEL)).sum(axis=1)
  time = np.arange(plain.size)
  found = power(mel).sum(axis=2)
  # The end of this sound is silent, so nothing is lost and the centre of its energy moves.
  late = (found * time).sum(axis=1) / found.sum(axis=1) - (plain * time).sum() / plain.sum()
  assert 3 >= np.abs(late).max() > 1.5 and late.min() < -0.5 and late.max() > 0.5
  whole, _ = disturbed(np.sin(2 * np.pi * 440 * TIME), onset=1.0, onset_frames=3.0)
  starts = power(whole).sum(axis=2)
  assert (starts[late > 1.01, 0] == 0).all()
  np.testing.assert_allclose(starts[:, -5], starts[0, -5], rtol=0.01)


def test_room_lets_a_sound_decay_and_keeps_its_energy():
  click = np.zeros_like(TIME)
  click[round(5 * HOP * RATE)] = 1e4  # So that no tail falls under the floor.
  mel, _ = disturbed(click, room=1.0, room_seconds=0.8)
  energy = power(mel).sum(axis=2)
  plain = power(log_mel(click, MEL)).sum()
  assert (energy[:, :4] == 0).all()
  decay = 10 * np.log10(energy[:, 8] / energy[:, 7]) / HOP  # In dB a second.
  assert 0.099 < (-60 / decay).min() < 0.25 < 0.6 < (-60 / decay).max() < 0.801
  np.testing.assert_allclose(energy.sum(axis=1), plain, rtol=0.02)


def test_tilt_turns_the_spectrum_about_a_kilohertz():
  noise = np.random.default_rng(0).normal(0, 0.1, TIME.size)
  mel, _ = disturbed(noise, tilt=1.0, tilt_db=3.0)
  centres = Disturbance(mel=MEL)._centres
  moved = (mel - log_mel(noise, MEL)).mean(axis=1)
  octaves = np.log2(centres / 1000)
  slopes = np.array([np.polyfit(octaves, one, 1) for one in moved])
  np.testing.assert_allclose(slopes[:, 1], 0, atol=1e-3)
  assert 3 >= np.abs(slopes[:, 0]).max() > 2 and slopes[:, 0].min() < 0 < slopes[:, 0].max()


def test_noise_is_distributed_as_the_mel_of_noise():
  sound = np.where(TIME < 0.3, 100 * tone(), 0)  # So that no noise falls under the floor.
  mel, _ = disturbed(sound, noise=1.0, noise_db=-20.0)
  widths = Disturbance(mel=MEL)._widths
  after = power(mel)[:, 12:]  # The sound is over.
  loudest = (power(log_mel(sound, MEL)) * widths).sum(axis=1).max()
  level = 10 * np.log10((after * widths).sum(axis=2).mean(axis=1) / loudest)
  assert -71 < level.min() < -50 and -30 < level.max() < -18
  # As real white noise: the same mean in all bins, and the same spread in each.
  white = power(log_mel(np.random.default_rng(0).normal(0, 0.1, 40 * RATE), MEL))
  wanted = white.std(axis=0) / white.mean(axis=0)
  found = np.concatenate(after / after.mean(axis=1, keepdims=True)).std(axis=0)
  np.testing.assert_allclose(found[40:], wanted[40:], rtol=0.35)
  assert found[:20].mean() == pytest.approx(wanted[:20].mean(), rel=0.2)
  slopes = [np.polyfit(np.log2(Disturbance(mel=MEL)._centres), 10 * np.log10(one), 1)[0]
            for one in after.mean(axis=1)[level > -40]]  # fmt: skip
  assert -6.5 < min(slopes) < max(slopes) < 0.3


def test_hum_has_the_spectrum_of_mains():
  sound = np.where(TIME < 0.3, tone(2000.0, 1), 0)
  mel, _ = disturbed(sound, hum=1.0, hum_db=-10.0)
  shapes = []
  for mains in (50, 60):
    wave = sum(np.sin(2 * np.pi * k * mains * TIME) / k for k in range(1, 13))
    one = power(log_mel(wave, MEL))[12]
    shapes.append(one / one.sum())
  for found in power(mel)[:, 12]:
    strong = found / found.sum()
    assert min(np.abs(strong - shape).max() for shape in shapes) < 0.12


def test_band_limits_cut_low_and_high():
  noise = np.random.default_rng(0).normal(0, 0.1, TIME.size)
  mel, _ = disturbed(noise, band=1.0, band_hz=4_000.0)
  moved = (mel - log_mel(noise, MEL)).mean(axis=1)
  centres = Disturbance(mel=MEL)._centres
  inside = (centres > 300) & (centres < 4_000)
  np.testing.assert_allclose(moved[:, inside], 0, atol=1e-3)
  assert moved[:, centres > 16_000].min() < -40 and moved[:, centres < 60].min() < -20
  assert (moved < 1e-3).all()


def test_all_at_once_compile_and_stay_numbers():
  kinds = ("detune", "onset", "room", "tilt", "noise", "hum", "band", "gain")
  disturb = jax.jit(Disturbance(mel=MelSettings(), **dict.fromkeys(kinds, 1.0)).__call__)
  silence = jnp.full((4, 20, 64), MelSettings().floor_db)
  found = disturb({"mel": silence}, KEY)["mel"]
  np.testing.assert_array_equal(found, silence)
  again = disturb({"mel": silence + 60}, KEY)["mel"]
  assert np.isfinite(again).all() and np.std(again) > 3
