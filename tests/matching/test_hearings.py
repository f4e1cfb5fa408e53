"""The ways of listening, and which answers are distinct."""

import numpy as np
import pytest

from synthmatch_jax.audio.hearing import Assume, hear
from synthmatch_jax.audio.pitch import heard_pitch
from synthmatch_jax.matching.hearings import AS_RECORDED, HEARINGS, Recording, listen

WAYS = {way.name: way for way in HEARINGS}
LEVEL = -25.0


@pytest.fixture(scope="module")
def recipe(matcher):
  return matcher.recipe


@pytest.fixture(scope="module")
def recording(recipe):
  """Two harmonics at A4 with an attack of 30 ms, after a quarter of a second of nothing."""
  return recorded(69.0, recipe)


def recorded(midi, recipe, **told):
  rate = recipe.mel.sample_rate
  time = np.arange(2 * rate) / rate
  hz = 440 * 2 ** ((midi - 69) / 12)
  sound = np.sin(2 * np.pi * hz * time) + np.sin(4 * np.pi * hz * time) / 2
  sound *= 0.2 * np.minimum(1, time / 0.03) * np.exp(-time)
  audio = np.concatenate([np.zeros(rate // 4), sound]).astype(np.float32)
  heard = hear(
    audio,
    sample_rate=rate,
    seconds=recipe.seconds,
    level_db=LEVEL,
    assume=Assume(**told),
  )
  return Recording(source="a4", audio=audio, heard=heard)


def test_as_recorded_is_what_was_heard(recording, recipe):
  heard = listen(recording, AS_RECORDED, recipe=recipe, level_db=LEVEL)
  np.testing.assert_array_equal(heard, recording.heard.audio)


def test_louder_and_softer(recording, recipe):
  for name, gain_db in (("6 dB softer", -6), ("6 dB louder", 6)):
    heard = listen(recording, WAYS[name], recipe=recipe, level_db=LEVEL)
    np.testing.assert_allclose(
      heard, recording.heard.audio * 10 ** (gain_db / 20), rtol=1e-5, atol=1e-7
    )


def test_earlier_and_later(recording, recipe):
  samples = round(0.01 * recipe.mel.sample_rate)
  plain = recording.heard.audio
  early = listen(recording, WAYS["10 ms earlier"], recipe=recipe, level_db=LEVEL)
  late = listen(recording, WAYS["10 ms later"], recipe=recipe, level_db=LEVEL)
  assert early.shape == late.shape == plain.shape
  for moved, still in ((early[samples:], plain[:-samples]), (late[:-samples], plain[samples:])):
    # But for a gain: the loudness is that of what is heard.
    gain = (moved @ still) / (still @ still)
    assert gain == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(moved, gain * still, atol=1e-5)


@pytest.mark.parametrize("midi", [45.0, 69.0, 60.4])
def test_moved_to_the_trained_note(midi, recipe):
  moved = listen(
    recorded(midi, recipe),
    WAYS["moved to the trained note"],
    recipe=recipe,
    level_db=LEVEL,
  )
  assert moved.shape == (recipe.num_samples,)
  assert heard_pitch(moved, recipe.mel.sample_rate).midi == pytest.approx(60, abs=0.15)


def test_what_is_at_the_note_is_not_moved(recipe):
  way = WAYS["moved to the trained note"]
  assert listen(recorded(60.1, recipe), way, recipe=recipe, level_db=LEVEL) is None
  told = recorded(69.0, recipe, note=60)
  assert listen(told, way, recipe=recipe, level_db=LEVEL) is None
  far = recorded(69.0, recipe, note=100)
  assert listen(far, way, recipe=recipe, level_db=LEVEL) is None
