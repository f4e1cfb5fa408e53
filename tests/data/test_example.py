import json
import re

import numpy as np
import pytest
import scipy.stats

from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.example import NotePrior
from synthmatch_jax.errors import UserError


def draws(prior, count=4000):
  rng = np.random.default_rng(0)
  return [prior.sample(rng) for _ in range(count)]


def test_notes_are_distributed_as_said():
  notes = draws(NotePrior(pitch=(40, 43), velocity=(1, 127), hold_seconds=(0.1, 2.0)))
  pitches, counts = np.unique([note.pitch for note in notes], return_counts=True)
  assert pitches.tolist() == [40, 41, 42, 43]
  assert scipy.stats.chisquare(counts).pvalue > 1e-3
  velocities = np.array([note.velocity for note in notes])
  assert (velocities.min(), velocities.max()) == (1, 127)
  holds = np.log([note.hold_seconds for note in notes])
  low, high = np.log(0.1), np.log(2.0)
  assert scipy.stats.kstest((holds - low) / (high - low), "uniform").pvalue > 1e-3


def test_one_note_is_the_simplest_case():
  note = Note(pitch=48, velocity=90, hold_seconds=0.7)
  prior = NotePrior.of(note)
  assert prior.only == note
  assert set(draws(prior, 10)) == {note}
  assert NotePrior().only is None


def test_a_distribution_survives_json_and_takes_single_values():
  prior = NotePrior(pitch=(33, 96), velocity=(40, 127))
  assert NotePrior.from_dict(json.loads(json.dumps(prior.to_dict()))) == prior
  assert NotePrior.from_dict({"pitch": 60, "hold_seconds": 1.0}).only == Note()
  assert NotePrior.from_dict({}) == NotePrior()


@pytest.mark.parametrize(
  ("data", "message"),
  [
    ({"pitch": [96, 33]}, "goes from 96 to 33"),
    ({"pitch": [33.5, 96]}, "two whole numbers"),
    ({"pitch": [33, 200]}, "note pitch 200"),
    ({"velocity": [0, 127]}, "velocity 0"),
    ({"hold_seconds": [0, 1]}, "no length"),
    ({"hold_seconds": [0.1, float("inf")]}, "to inf: no such range"),
    ({"hold_seconds": [0.1]}, "two numbers"),
    ({"pitch": True}, "two whole numbers"),
    ({"hold_seconds": ["a", None]}, "two numbers"),
    ({"hold": [0.1, 1]}, "not as {'hold'"),
    ("varied", "'varied'"),
    ([60], "[60]"),
  ],
)
def test_what_is_no_distribution_is_one_sentence(data, message):
  with pytest.raises(UserError, match=re.escape(message)):
    NotePrior.from_dict(data)
