import librosa
import pytest

from synthmatch_jax.audio.note import Note, name_of, pitch_of
from synthmatch_jax.errors import UserError


@pytest.mark.parametrize("name", ["C4", "c4", "A4", "F#3", "Bb2", "C-1", "G9", "B3", "Cb4", "B#3"])
def test_names_are_those_that_librosa_knows(name):
  assert pitch_of(name) == librosa.note_to_midi(name)


@pytest.mark.parametrize("number", [0, 60, 127])
def test_numbers(number):
  assert pitch_of(str(number)) == number


@pytest.mark.parametrize("text", ["", "128", "-1", "60.5", "H4", "A", "G#9", "Cb-1", "1" * 99, "²"])
def test_what_is_no_note_is_refused(text):
  with pytest.raises(UserError, match="is no note: give a MIDI note number"):
    pitch_of(text)


def test_a_name_leads_back_to_its_number():
  assert [pitch_of(name_of(number)) for number in range(128)] == list(range(128))
  assert [name_of(number) for number in (0, 21, 60, 61, 127)] == ["C-1", "A0", "C4", "C#4", "G9"]


def test_a_note_is_read_and_written_as_it_always_has_been():
  data = {"pitch": 48, "velocity": 90, "seconds": 0.5}
  note = Note(pitch=48, velocity=90, hold_seconds=0.5)
  assert note.to_dict() == data
  assert Note.from_dict(data) == note
  assert Note.from_dict({}) == Note()
