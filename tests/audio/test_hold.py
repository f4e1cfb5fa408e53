"""How long a note was held, on sounds of which it is known."""

import numpy as np
import pytest

from synthmatch_jax.audio.note import Note
from synthmatch_jax.audio.onset import hold_seconds
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths.registry import Engine

RATE = 44_100


@pytest.mark.parametrize("held", [0.4, 1.0, 2.0])
def test_on_patches_of_the_synth(held):
  """Nine of ten were within 0.2 s, of 150; of ten that is seven at least, in 99 draws of 100."""
  synth = Engine(name="vital").make()
  presets = prior.load("presets", synth.space)
  rng = np.random.default_rng(5)
  errors = []
  for _ in range(10):
    patch = synth.space.decode(prior.sample(presets, synth.space, rng))
    sound = synth.render(patch, note=Note(hold_seconds=held), seconds=4.0, sample_rate=RATE)
    errors.append(abs(hold_seconds(sound, RATE) - held))
  assert np.median(errors) < 0.1
  assert sorted(errors)[6] < 0.2


def test_a_decay_is_as_long_as_its_first_20_db():
  time = np.arange(4 * RATE) / RATE
  sound = 0.5 * 10 ** (-time) * np.sin(2 * np.pi * 220 * time)  # 20 dB a second.
  assert hold_seconds(sound.astype(np.float32), RATE) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("held", [0.12, 0.5, 1.5])
@pytest.mark.parametrize(("fall", "release"), [(0, 30), (0, 150), (8, 60)])
def test_a_release_is_where_the_level_bends(held, fall, release):
  """The levels fall by so many dB a second before and behind the release."""
  time = np.arange(4 * RATE) / RATE
  level = -fall * np.minimum(time, held) - release * np.maximum(time - held, 0)
  sound = 0.5 * 10 ** (level / 20) * np.sin(2 * np.pi * 220 * time)
  assert hold_seconds(sound.astype(np.float32), RATE) == pytest.approx(held, abs=0.03)


def test_steady_and_silent_sounds_last_to_their_end():
  steady = np.sin(np.arange(RATE) / 10).astype(np.float32)
  assert hold_seconds(steady, RATE) == 1.0
  assert hold_seconds(np.zeros(RATE, np.float32), RATE) == 1.0


@pytest.mark.parametrize("samples", [1, 100, 882])
def test_a_click_has_the_least_length(samples):
  click = np.zeros(RATE, np.float32)
  click[:samples] = 0.5
  assert hold_seconds(click, RATE) == 0.05
  assert hold_seconds(click[:samples], RATE) == 0.05
