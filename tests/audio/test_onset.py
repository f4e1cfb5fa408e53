"""Recorded sounds are laid as the synth's: from the first sample on, four seconds long."""

import numpy as np
import pytest

from synthmatch_jax.audio.floor import clear, without_offset
from synthmatch_jax.audio.onset import cut, find_note

RATE = 44_100
PRE_ROLL = 0.005


def tone(seconds=1.0, *, attack=0.0, hz=261.63, gain=0.5):
  time = np.arange(round(seconds * RATE)) / RATE
  rise = np.minimum(1, time / attack) if attack else 1.0
  return (gain * rise * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def placed(audio, *, sample_rate=RATE, seconds=4.0):
  """Clip and start of the note, found as `hear` finds it."""
  start = find_note(clear(audio, sample_rate)[0], sample_rate).start_seconds
  return cut(audio, start, sample_rate=sample_rate, seconds=seconds), start


def behind(lead, sound):
  return np.concatenate([lead, sound]).astype(np.float32)


def silence(seconds):
  return np.zeros(round(seconds * RATE), np.float32)


def noise(seconds, level_db):
  rng = np.random.default_rng(0)
  return rng.normal(0, 10 ** (level_db / 20), round(seconds * RATE)).astype(np.float32)


@pytest.mark.parametrize("lead", [0.0, 0.003, 0.1, 0.75, 5.0])
def test_leading_silence(lead):
  sound = tone()
  clip, start = placed(behind(silence(lead), sound))
  assert clip.shape == (4 * RATE,)
  assert clip.dtype == np.float32
  assert start == pytest.approx(max(0.0, lead - PRE_ROLL), abs=2e-4)
  first = round(lead * RATE) - round(start * RATE)
  np.testing.assert_array_equal(clip[first : first + RATE], sound)
  assert not clip[:first].any()
  assert not clip[first + RATE :].any()


@pytest.mark.parametrize("attack", [0.01, 0.1, 1.0])
def test_slow_attacks(attack):
  """A linear rise passes -40 dB after a hundredth of it."""
  _, start = placed(behind(silence(0.5), tone(2.0, attack=attack)))
  assert 0.5 - PRE_ROLL - 1e-4 <= start <= 0.5 + 0.01 * attack


@pytest.mark.parametrize("level_db", [-80, -60, -52])
def test_leading_noise_under_the_sound(level_db):
  recording = behind(silence(0.5), tone(2.0)) + noise(2.5, level_db)
  _, start = placed(recording)
  assert start == pytest.approx(0.5 - PRE_ROLL, abs=5e-4)


@pytest.mark.parametrize("level", [1.0, 0.3])
@pytest.mark.parametrize("samples", [1, 40, 200])
@pytest.mark.parametrize("quiet", [1.0, 0.1])
def test_a_click_before_the_sound_is_passed_over(level, samples, quiet):
  recording = behind(silence(0.8), quiet * tone())
  recording[8_000 : 8_000 + samples] = level
  _, start = placed(recording)
  assert start == pytest.approx(0.8 - PRE_ROLL, abs=1e-3)


def test_a_click_on_the_first_sample_is_passed_over():
  recording = behind(silence(0.8), tone())
  recording[0] = 1.0
  _, start = placed(recording)
  assert start == pytest.approx(0.8 - PRE_ROLL, abs=1e-3)


@pytest.mark.parametrize("place", [0, 3, 30_000])
def test_a_click_alone_is_the_sound(place):
  recording = silence(1.0)
  recording[place] = 0.7
  clip, start = placed(recording)
  assert start == pytest.approx(max(0.0, place / RATE - PRE_ROLL), abs=2e-4)
  assert clip.max() == np.float32(0.7)


def test_a_pluck_that_dies_at_once_is_kept():
  pluck = tone(0.5) * np.exp(-np.arange(RATE // 2) / (0.01 * RATE))
  clip, start = placed(behind(silence(0.3), pluck))
  assert start == pytest.approx(0.3 - PRE_ROLL, abs=5e-4)
  assert np.abs(clip).max() == np.abs(pluck).max().astype(np.float32)


def test_an_offset_is_no_sound():
  recording = behind(silence(0.5), tone(2.0)) + np.float32(0.2)
  _, start = placed(recording)
  assert start == pytest.approx(0.5 - PRE_ROLL, abs=1e-3)


def test_a_one_sided_sound_behind_digital_silence():
  pulse = (tone(2.0) > 0.4).astype(np.float32)
  _, start = placed(behind(silence(0.5), pulse))
  assert start == pytest.approx(0.5 - PRE_ROLL, abs=2e-3)


def test_the_first_note_counts_if_a_later_one_is_louder():
  recording = np.concatenate([silence(0.2), tone(gain=0.05), silence(0.5), tone(gain=0.9)])
  assert placed(recording)[1] == pytest.approx(0.2 - PRE_ROLL, abs=1e-3)


@pytest.mark.parametrize("seconds", [0.08, 0.1, 0.15, 0.24])
@pytest.mark.parametrize("gain", [0.05, 0.9])
def test_the_beeps_of_a_count_in_are_passed_over(seconds, gain):
  beep = np.concatenate([tone(seconds, hz=1_000, gain=0.5), silence(0.5 - seconds)])
  found = find_note(behind(np.tile(beep, 4), tone(gain=gain)), RATE)
  assert found.start_seconds == pytest.approx(2 - PRE_ROLL, abs=3e-3)
  assert found.end_seconds == pytest.approx(3, abs=0.02)
  assert found.passed_over


@pytest.mark.parametrize("tau", [0.02, 0.04, 0.08])
def test_a_thump_is_passed_over(tau):
  thump = tone(0.6, hz=45) * np.exp(-np.arange(round(0.6 * RATE)) / (tau * RATE))
  found = find_note(behind(thump, tone()), RATE)
  assert found.start_seconds == pytest.approx(0.6 - PRE_ROLL, abs=3e-3)
  assert found.passed_over


@pytest.mark.parametrize("gap", [0.0, 0.03, 0.1])
@pytest.mark.parametrize("seconds", [0.3, 0.6])
def test_a_breath_is_passed_over(seconds, gap):
  breath = noise(seconds, -26) * np.hanning(round(seconds * RATE))
  found = find_note(np.concatenate([silence(0.3), breath, silence(gap), tone()]), RATE)
  assert found.start_seconds == pytest.approx(0.3 + seconds + gap - PRE_ROLL, abs=5e-3)
  assert found.passed_over


@pytest.mark.parametrize("before", ["soft tone", "noise"])
def test_what_belongs_to_a_sound_is_not_passed_over(before):
  """A note that swells, and noise that gets louder: there is no note with a pitch to wait for."""
  sound = tone(2.0) if before == "soft tone" else noise(2.0, -12)
  sound[: RATE // 2] *= 0.05
  found = find_note(behind(silence(0.3), sound), RATE)
  assert found.start_seconds == pytest.approx(0.3 - PRE_ROLL, abs=5e-3)
  assert not found.passed_over


def test_equal_beats_are_all_of_the_sound():
  beat = np.concatenate([tone(0.1), silence(0.15)])
  found = find_note(behind(silence(0.3), np.tile(beat, 6)), RATE)
  assert found.start_seconds == pytest.approx(0.3 - PRE_ROLL, abs=1e-3)
  assert found.end_seconds == pytest.approx(0.3 + 5 * 0.25 + 0.1, abs=0.02)


@pytest.mark.parametrize("seconds", [1 / RATE, 0.01, 0.04, 0.1])
@pytest.mark.parametrize("gain", [0.1, 0.5])
def test_a_click_behind_the_note_is_no_part_of_it(seconds, gain):
  click = np.full(round(seconds * RATE), 0.9)
  found = find_note(np.concatenate([tone(gain=gain), silence(0.3), click, silence(0.5)]), RATE)
  assert found.start_seconds == 0
  assert found.end_seconds == pytest.approx(1, abs=0.02)


def test_the_first_of_two_takes_ends_with_itself():
  found = find_note(np.concatenate([tone(), silence(0.8), tone()]), RATE)
  assert (found.start_seconds, found.passed_over) == (0, False)
  assert found.end_seconds == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("hz", [27.5, 41.2, 49.0, 65.4])
@pytest.mark.parametrize("width", [0.05, 0.25, 0.5])
def test_a_low_pulse_from_the_first_sample_on(hz, width):
  """No quarter of a period is taken for an offset, and no gap between pulses for silence."""
  phase = hz * np.arange(RATE) / RATE % 1
  found = find_note(without_offset(np.where(phase < width, 1 - width, -width), RATE), RATE)
  assert found.start_seconds == 0
  assert found.end_seconds == pytest.approx(1, abs=0.05)


def test_long_sounds_are_cut_and_silence_is_padded():
  sound = tone(10.0)
  np.testing.assert_array_equal(placed(sound)[0], sound[: 4 * RATE])
  for audio in (silence(0.0), silence(0.001), silence(9.0)):
    clip, start = placed(audio, sample_rate=RATE, seconds=1.5)
    assert (clip.shape, start) == ((66_150,), 0.0)


@pytest.mark.parametrize("rate", [8_000, 48_000])
def test_other_rates(rate):
  sound = np.sin(2 * np.pi * 261.63 * np.arange(rate) / rate)
  clip, start = placed(np.concatenate([np.zeros(rate), sound]), sample_rate=rate, seconds=0.5)
  assert clip.shape == (rate // 2,)
  assert start == pytest.approx(1 - PRE_ROLL, abs=1e-3)
