"""The test instrument does what tests of hosts rely on, well-behaved and misbehaving."""

import signal

import numpy as np
import pytest

from synthmatch_jax.audio.note import Note
from synthmatch_jax.spaces.massive16 import TABLE_1
from tests.plugin import build, playing
from tests.plugin.playing import MIDDLE, OTHER, SECONDS
from tests.plugin.process import Died


@pytest.fixture(scope="session")
def native(testbed):
  """The sound of `playing.play` without a host, to be equalled to the last bit."""
  render = build.native(testbed)
  return lambda values: render(
    values, note=Note(hold_seconds=SECONDS / 2), seconds=SECONDS, sample_rate=44100
  )


def test_it_shows_the_papers_parameters(testbed, aside):
  names, *about = aside(playing.identity, testbed)
  assert names == list(TABLE_1)
  assert about == ["Testbed", "synthmatch", "1.0.0", True]


@pytest.mark.parametrize("policy", ["reload", "clear"])
def test_its_sound_is_the_native_one_in_any_order(testbed, native, aside, policy):
  patches = np.random.default_rng(0).uniform(0, 1, (10, 16)).astype(np.float32)
  order = np.random.default_rng(1).permutation(20) % 10
  for index, sound in zip(
    order, aside(playing.sounds, testbed, patches[order].tolist(), policy), strict=True
  ):
    np.testing.assert_array_equal(sound, native(patches[index]))
    assert sound.dtype == np.float32
    assert np.isfinite(sound).all()


def test_every_parameter_is_heard(native):
  middle = native(MIDDLE)
  for index, name in enumerate(TABLE_1):
    values = [*MIDDLE]
    values[index] = 0.6
    change = np.sum((native(values) - middle) ** 2) / np.sum(middle**2)
    assert change > 1e-4, name


def test_the_sound_is_stereo_and_loud_enough_to_hear(native):
  left, right = native(MIDDLE)
  assert np.abs(left - right).max() > 0.01
  assert 0.05 < np.abs(left).max() < 1


def test_blocks_may_have_any_size(testbed, native, aside):
  for sound in aside(playing.blocks, testbed, [1, 37, 441, 8192, 100_000]):
    np.testing.assert_array_equal(sound, native(OTHER))


def test_other_notes_and_sample_rates_agree_with_the_native_sound(testbed, aside):
  render = build.native(testbed)
  high, low = aside(playing.other_notes, testbed)
  note = Note(pitch=84, velocity=40, hold_seconds=0.25)
  expected = render(OTHER, note=note, seconds=0.5, sample_rate=48000)
  np.testing.assert_array_equal(high, expected)
  note = Note(pitch=36, hold_seconds=0.125)
  expected = render(OTHER, note=note, seconds=0.375, sample_rate=48000)
  np.testing.assert_array_equal(low[:, 6000:], expected)
  assert not low[:, :6000].any()


@pytest.mark.parametrize(
  ("variant", "expected"), [("", True), ("no-state", False), ("ignore-state", False)]
)
def test_a_state_carries_values_and_sound(testbed, aside, variant, expected):
  assert aside(playing.round_trips, testbed, variant) == [(expected,) * 3] * 2


@pytest.mark.parametrize(
  ("variant", "stay"),
  [
    ("", {"reload": True, "clear": True}),
    ("revert", {"reload": False, "clear": True}),
    ("stuck", {"reload": False, "clear": False}),
  ],
)
def test_the_pitch_of_oscillator_2_may_not_stay(testbed, aside, variant, stay):
  for policy, values in aside(playing.read_back, testbed, variant).items():
    expected = [*OTHER]
    if not stay[policy]:
      expected[2] = 0.5
    np.testing.assert_allclose(values, expected, atol=1e-7)


def test_values_may_snap(testbed, aside):
  expected = [round(value, 2) for value in OTHER]
  assert expected != OTHER
  for values in aside(playing.read_back, testbed, "snap").values():
    np.testing.assert_allclose(values, expected, atol=1e-7)


@pytest.mark.parametrize("variant", ["lfo", "tail"])
@pytest.mark.parametrize(("policy", "repeats"), [("clear", False), ("reload", True)])
def test_an_instance_may_have_a_memory(testbed, aside, variant, policy, repeats):
  patches = [MIDDLE, OTHER, MIDDLE]
  first, _, last = aside(playing.sounds, testbed, patches, policy, variant)
  assert np.array_equal(first, last) == repeats


def test_a_process_may_have_a_memory(testbed, alone):
  patches = [MIDDLE, OTHER, MIDDLE]
  first, _, last = alone(playing.sounds, testbed, patches, "reload", "lfo-global")
  assert not np.array_equal(first, last)
  (fresh,) = alone(playing.sounds, testbed, [MIDDLE], "reload", "lfo-global")
  np.testing.assert_array_equal(first, fresh)


def test_a_drift_lasts_until_the_process_ends(testbed, native, alone):
  first, *others = alone(playing.sounds, testbed, [MIDDLE] * 3, "reload", "drift@2")
  np.testing.assert_array_equal(first, native(MIDDLE))
  assert not np.array_equal(others[0], first)
  np.testing.assert_array_equal(others[0], others[1])


def test_one_note_may_be_nan(testbed, native, alone):
  first, second, third = alone(playing.sounds, testbed, [MIDDLE] * 3, "reload", "nan@2")
  assert np.isnan(second).all()
  for sound in (first, third):
    np.testing.assert_array_equal(sound, native(MIDDLE))


def test_it_may_be_silent(testbed, aside):
  (sound,) = aside(playing.sounds, testbed, [MIDDLE], "clear", "silence")
  assert not sound.any()


@pytest.mark.parametrize(
  ("variant", "code", "played"),
  [
    ("crash@3", -signal.SIGSEGV, 2),
    ("hang@2", -signal.SIGALRM, 1),
    ("crash>osc1_amp=0.4", -signal.SIGSEGV, 0),
  ],
)
def test_it_may_take_the_process_with_it(testbed, alone, tmp_path, variant, code, played):
  log = tmp_path / "played"
  log.write_text("0")
  with pytest.raises(Died) as death:
    values = [0.45] * 16
    alone(playing.count_notes, testbed, variant, values, 5, log)
  assert (death.value.code, int(log.read_text())) == (code, played)


def test_other_patches_do_not_crash(testbed, aside, tmp_path):
  aside(playing.count_notes, testbed, "crash>osc2_amp=0.5", MIDDLE, 3, tmp_path / "played")


def test_a_storm_takes_its_tokens(testbed, native, alone, tmp_path):
  for name in ("nan-1", "nan-2", "nan-3", "drift-1"):
    (tmp_path / name).touch()
  spoilt, after = alone(playing.storm, testbed, tmp_path)
  assert spoilt == 3
  assert not list(tmp_path.iterdir())
  assert not np.array_equal(after, native(MIDDLE))


def test_a_storm_crashes_once_for_every_token(testbed, alone, tmp_path):
  (tmp_path / "crash-1").touch()
  with pytest.raises(Died) as death:
    alone(playing.storm, testbed, tmp_path)
  assert death.value.code == -signal.SIGSEGV
  assert not list(tmp_path.iterdir())


def test_it_may_leak(testbed, aside):
  assert aside(playing.megabytes_grown, testbed, "", 5) < 15
  assert 90 < aside(playing.megabytes_grown, testbed, "leak", 5) < 130


@pytest.mark.parametrize(
  ("variant", "first", "last"),
  [
    ("midi-cc", "MIDI CC 0|0", "MIDI CC 15|124"),
    ("midi-cc-dpf", "MIDI Ch. 1 CC 0", "MIDI Ch. 16 CC 124"),
  ],
)
def test_it_may_have_parameters_for_midi(testbed, aside, variant, first, last):
  everything, left = aside(playing.host_parameters, testbed, variant)
  assert len(everything) >= 2016
  assert {first, last} < set(everything)
  assert left == list(TABLE_1)


@pytest.mark.slow
def test_it_may_load_slowly(testbed, aside):
  assert aside(playing.seconds_to_load, testbed, "slow-load") > 2


def test_it_may_be_an_effect(testbed, aside):
  assert not aside(playing.is_instrument, testbed, "effect")


def test_a_misspelt_variant_does_not_load(testbed, aside):
  for variant in ("silense", "crash>osc_amp=1"):
    assert "Testbed.vst3" in aside(playing.error_of_load, testbed, variant)
