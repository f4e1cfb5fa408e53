"""What a model hears, in all ways of listening."""

import numpy as np
import pytest

from synthmatch_jax.audio.hearing import Assume, hear
from synthmatch_jax.audio.listen import AS_RECORDED, HEARINGS, listen
from synthmatch_jax.audio.loudness import loudness_db
from synthmatch_jax.audio.pitch import heard_pitch

WAYS = {way.name: way for way in HEARINGS}
LEVEL = -25.0
RATE = 44_100


@pytest.fixture(scope="module")
def recording():
  """Two harmonics at A4 with an attack of 30 ms, after a quarter of a second of nothing."""
  return recorded(69.0)


def recorded(midi, **told):
  time = np.arange(2 * RATE) / RATE
  hz = 440 * 2 ** ((midi - 69) / 12)
  sound = np.sin(2 * np.pi * hz * time) + np.sin(4 * np.pi * hz * time) / 2
  sound *= 0.2 * np.minimum(1, time / 0.03) * np.exp(-time)
  audio = np.concatenate([np.zeros(RATE // 4), sound]).astype(np.float32)
  return hear(audio, source="a4", sample_rate=RATE, seconds=4.0, assume=Assume(**told))


def listened(recording, name="as recorded"):
  """The sound in one way of listening; None where it cannot be heard in that way."""
  return listen(recording, [WAYS[name]], pitch=60, level_db=LEVEL).get(WAYS[name])


def test_as_recorded_is_the_recording_from_its_onset_on_at_the_level_of_the_training(recording):
  (way, found), *others = listen(recording, pitch=60, level_db=LEVEL).items()
  assert way is AS_RECORDED
  assert not others
  assert found.dtype == np.float32
  assert loudness_db(found, RATE) == pytest.approx(LEVEL, abs=0.01)
  start = round(recording.heard.onset_seconds * RATE)
  clip = recording.audio[start:]
  gain = np.abs(found).max() / recording.heard.peak
  np.testing.assert_allclose(found[: clip.size], gain * clip, atol=1e-6)
  assert not found[clip.size :].any()
  assert found.size == 4 * RATE


def test_a_level_that_is_told_is_kept(recording):
  told = listened(recorded(69.0, level_db=-31.0))
  np.testing.assert_allclose(told, listened(recording) * 10 ** (-6 / 20), rtol=1e-4, atol=1e-7)


def test_louder_and_softer(recording):
  for name, gain_db in (("6 dB softer", -6), ("6 dB louder", 6)):
    wanted = listened(recording) * 10 ** (gain_db / 20)
    np.testing.assert_allclose(listened(recording, name), wanted, rtol=1e-5, atol=1e-7)


def test_earlier_and_later(recording):
  samples = round(0.01 * RATE)
  plain = listened(recording)
  early, late = listened(recording, "10 ms earlier"), listened(recording, "10 ms later")
  assert early.shape == late.shape == plain.shape
  for moved, still in ((early[samples:], plain[:-samples]), (late[:-samples], plain[samples:])):
    # But for a gain: the loudness is that of what is heard.
    gain = (moved @ still) / (still @ still)
    assert gain == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(moved, gain * still, atol=1e-5)


@pytest.mark.parametrize("midi", [45.0, 69.0, 60.4])
def test_moved_to_the_trained_note(midi):
  moved = listened(recorded(midi), "moved to the trained note")
  assert moved.shape == (4 * RATE,)
  assert heard_pitch(moved, RATE).midi == pytest.approx(60, abs=0.15)


@pytest.mark.parametrize("told", [{}, {"pitch": 60}, {"pitch": 100}])
def test_what_is_at_the_note_or_too_far_from_it_is_not_moved(told):
  recording = recorded(69.0 if told else 60.1, **told)
  assert listened(recording, "moved to the trained note") is None
  heard = listen(recording, HEARINGS, pitch=60, level_db=LEVEL)
  assert list(heard) == [way for way in HEARINGS if way.pitch == "as recorded"]


def test_a_click_of_which_nothing_is_left_is_not_listened_to_later():
  click = np.zeros(RATE, np.float32)
  click[100] = 0.5
  recording = hear(click, source="a", sample_rate=RATE, seconds=4.0)
  assert listened(recording, "10 ms later") is None
  assert listened(recording).any()
