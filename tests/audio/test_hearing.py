"""What is heard in a sound, and what may be told instead."""

import numpy as np
import pytest

from synthmatch_jax.audio.hearing import Assume, hear
from synthmatch_jax.audio.listen import listen
from synthmatch_jax.audio.note import Note
from synthmatch_jax.errors import UserError

RATE = 44_100


def tone(midi, *, lead=0.5, seconds=1.5, gain=0.1):
  time = np.arange(round(seconds * RATE)) / RATE
  hz = 440 * 2 ** ((midi - 69) / 12)
  sound = gain * sum(np.sin(2 * np.pi * k * hz * time) / k for k in (1, 2, 3))
  return np.concatenate([np.zeros(round(lead * RATE)), sound]).astype(np.float32)


def recorded(audio, **told):
  return hear(audio, source="a.wav", sample_rate=RATE, seconds=4.0, assume=Assume(**told))


def heard(audio, **told):
  return recorded(audio, **told).heard


def listened(audio, **told):
  (clip,) = listen(recorded(audio, **told), pitch=60, level_db=-20.0).values()
  return clip


def test_all_is_heard_where_nothing_is_told():
  found = heard(tone(57.2))
  assert found.onset_seconds == pytest.approx(0.495, abs=2e-3)
  assert found.pitch.midi == pytest.approx(57.2, abs=0.05)
  assert found.midi == found.pitch.midi
  assert found.hold_seconds == pytest.approx(1.5, abs=0.05)
  assert found.note(Note()) == Note(pitch=57)
  assert found.held_note(Note()) == Note(pitch=57, hold_seconds=found.hold_seconds)


def test_a_length_near_the_trained_one_is_that():
  assert heard(tone(60, seconds=1.15)).held_note(Note()).hold_seconds == 1.0
  assert heard(tone(60, seconds=0.3)).held_note(Note()).hold_seconds == pytest.approx(0.3, abs=0.05)


def test_what_is_told_is_taken_and_remembered():
  found = heard(tone(57), pitch=60, onset_seconds=0.7, hold_seconds=0.25, level_db=-30.0)
  assert found.told == Assume(pitch=60, onset_seconds=0.7, hold_seconds=0.25, level_db=-30.0)
  assert found.onset_seconds == 0.7
  assert found.pitch.midi == pytest.approx(57, abs=0.05)  # Still heard, to be shown.
  assert found.midi == 60
  assert found.note(Note()) == found.held_note(Note()) == Note(pitch=60, hold_seconds=0.25)
  soft = listened(tone(57), onset_seconds=0.7, level_db=-30.0)
  loud = listened(tone(57), onset_seconds=0.7, level_db=-24.0)
  assert 20 * np.log10(loud.max() / soft.max()) == pytest.approx(6, abs=0.1)


def test_nothing_is_guessed_of_a_plain_note():
  found = heard(np.concatenate([tone(57), np.zeros(RATE // 2, np.float32)]))
  assert found.guesses(found.held_note(Note())) == {}


def test_what_is_not_heard_is_a_guess_until_it_is_told():
  noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
  found = heard(noise)
  assert found.guesses(found.held_note(Note())) == {
    "note": "no pitch was heard: C4 is assumed",
    "hold": "no end of the note was heard: 1.00 s are assumed",
  }
  told = heard(noise, pitch=62, hold_seconds=0.5)
  assert told.guesses(told.held_note(Note())) == {}


def test_an_unsure_pitch_is_a_guess():
  """A third of a sound has a pitch, the rest is noise of the same loudness."""
  noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
  found = heard(np.concatenate([tone(57, lead=0.0, seconds=0.6), noise]))
  assert 0.3 < found.pitch.share < 0.5
  assert found.pitch.confidence < 0.5
  share = f"{100 * found.pitch.share:.0f} %"
  guess = found.guesses(found.note(Note()))["note"]
  assert guess == f"the pitch is unsure: A3 is heard in {share} of the sound"
  assert "note" not in heard(noise, pitch=57).guesses(Note(pitch=57))


def test_what_is_passed_over_is_said():
  beep = tone(84, lead=0.0, seconds=0.1)
  found = heard(np.concatenate([beep, tone(57), np.zeros(RATE, np.float32)]))
  assert found.onset_seconds == pytest.approx(0.595, abs=2e-3)
  assert found.hold_seconds == pytest.approx(1.5, abs=0.05)
  assert found.pitch.midi == pytest.approx(57, abs=0.05)
  assert found.guesses(found.held_note(Note())) == {
    "onset": "what sounds before 0.60 s is taken for no part of it"
  }
  told = heard(np.concatenate([beep, tone(57), np.zeros(RATE, np.float32)]), onset_seconds=0.6)
  assert told.guesses(told.held_note(Note())) == {}


@pytest.mark.parametrize("offset", [-0.1, 0.02, 0.3])
def test_an_offset_changes_nothing_that_is_heard(offset):
  clean = np.concatenate([tone(57), np.zeros(RATE, np.float32)])
  plain, found = heard(clean), heard(clean + np.float32(offset))
  assert found.onset_seconds == pytest.approx(plain.onset_seconds, abs=2e-3)
  assert found.hold_seconds == pytest.approx(plain.hold_seconds, abs=0.02)
  assert found.pitch.midi == pytest.approx(57.0, abs=0.02)
  assert found.peak == pytest.approx(plain.peak, rel=0.06)
  audio = listened(clean + np.float32(offset))
  assert np.corrcoef(audio, listened(clean))[0, 1] > 0.99
  assert audio[-RATE // 2 :].max() < 1e-3


@pytest.mark.parametrize("onset", [0.0, 0.25])
def test_a_told_onset_may_lie_in_silence_before_the_sound(onset):
  audio = listened(tone(60), onset_seconds=onset)
  assert not audio[: round((0.5 - onset) * RATE) - 1].any()
  assert audio.any()


@pytest.mark.parametrize("onset", [2.5, 1e9])
def test_an_onset_after_the_sound_is_refused(onset):
  with pytest.raises(UserError, match="nothing sounds after the onset"):
    heard(tone(60), onset_seconds=onset)


def test_an_onset_long_before_the_sound_is_refused():
  late = np.concatenate([np.zeros(5 * RATE, np.float32), tone(60)])
  with pytest.raises(UserError, match=r"nothing sounds in the 4 s after 0 s"):
    heard(late, onset_seconds=0.0)


def test_a_note_longer_than_its_answer_is_refused():
  with pytest.raises(UserError, match="give up to 4"):
    heard(tone(60), hold_seconds=4.5)


@pytest.mark.parametrize(
  "told",
  [
    {"pitch": -1},
    {"pitch": 128},
    {"onset_seconds": -0.1},
    {"onset_seconds": np.nan},
    {"hold_seconds": 0.0},
    {"hold_seconds": np.inf},
    {"level_db": 0.5},
    {"level_db": np.nan},
  ],
)
def test_what_cannot_be_meant_is_refused(told):
  with pytest.raises(UserError, match="give"):
    Assume(**told)
