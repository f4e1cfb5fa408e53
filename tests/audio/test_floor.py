"""Offsets and noise floors are taken away, and nothing else."""

import numpy as np
import pytest

from synthmatch_jax.audio.floor import clear, without_noise, without_offset

RATE = 44_100


def tone(hz=233.1, *, seconds=1.0, gain=0.3):
  time = np.arange(round(seconds * RATE)) / RATE
  return gain * sum(np.sin(2 * np.pi * k * hz * time) / k for k in (1, 2, 3, 4, 5))


def silence(seconds):
  return np.zeros(round(seconds * RATE))


def noise(samples, *, level_db, slope=0.0):
  """Noise whose power falls as frequency to the power of `slope`; level_db below full scale."""
  white = np.fft.rfft(np.random.default_rng(0).normal(size=samples))
  hz = np.fft.rfftfreq(samples, 1 / RATE)
  coloured = np.fft.irfft(white / np.maximum(hz, 20) ** (slope / 2), samples)
  return coloured * 10 ** (level_db / 20) / np.sqrt(np.mean(coloured**2))


def faded(*points):
  """Levels between points in time (s, gain), up to the last one."""
  times, gains = np.transpose(points)
  return np.interp(np.arange(round(times[-1] * RATE)) / RATE, times, gains)


def hiss(seconds, *, gain=0.1):
  return np.random.default_rng(3).normal(0, gain, round(seconds * RATE))


SUSTAIN = faded((0, 0), (0.01, 1), (0.2, 0.1), (2, 0.1))  # 20 dB under the attack.
CHORD = sum(tone(hz, seconds=2) for hz in (130.8, 155.6, 196.0, 233.1, 293.7))
BELL = sum(np.sin(2 * np.pi * hz * np.arange(2 * RATE) / RATE) for hz in (310, 437, 711, 1193))
PLUCK = tone(220, seconds=2) * faded((0, 0), (0.005, 1), (0.3, 0), (2, 0))
SUSTAINED = {
  "a note": tone(220, seconds=2) * SUSTAIN,
  "a chord": CHORD * SUSTAIN,
  "a bell": BELL * SUSTAIN,
  "noise": hiss(2) * SUSTAIN,
  "a pluck over an oscillator of noise": PLUCK + hiss(2, gain=0.03),
}
DYING = np.exp(-np.arange(2 * RATE) / (0.6 * RATE))
CLEAN = {
  "behind silence": np.concatenate([silence(0.5), tone(), silence(0.5)]),
  "from the first sample to the last": tone(),
  "cut off while it dies away": tone(seconds=2) * DYING,
  "cut off while it swells": (tone(seconds=2) * DYING)[::-1],
  "low square": np.sign(tone(27.5, seconds=2)),
  "one-sided pulse": np.concatenate([silence(0.5), (tone(65.4) > 0.2).astype(float)]),
  "soft noise": np.concatenate([silence(0.5), tone()]) + noise(66_150, level_db=-66),
  "noise that is the sound": noise(RATE, level_db=-20),
  "shorter than a block": tone(seconds=0.01),
  **{f"{name}, cut": sound for name, sound in SUSTAINED.items()},
  **{f"{name}, gated": np.concatenate([sound, silence(1)]) for name, sound in SUSTAINED.items()},
  "gated reverb": np.concatenate([hiss(0.04), hiss(0.35, gain=0.015), silence(1)]),
  "noise that rises to a hit": np.concatenate([hiss(1, gain=0.01), hiss(0.2), silence(1)]),
  "loud and soft noise": np.concatenate([hiss(1), hiss(1, gain=0.005), hiss(1)]),
  "an s before an a": np.concatenate([np.diff(hiss(0.3, gain=0.01)), tone(220), silence(1)]),
  "an s before an a, cut": np.concatenate([np.diff(hiss(0.3, gain=0.01)), tone(220)]),
  "nothing": silence(0.0),
  "silent": silence(1.0),
}


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_sound_comes_back_as_it_is(name):
  assert without_offset(CLEAN[name], RATE) is CLEAN[name]
  assert without_noise(CLEAN[name], RATE) is CLEAN[name]


@pytest.mark.parametrize("offset", [-0.3, 0.02, 0.3, 128.0])
@pytest.mark.parametrize("lead", [0.0, 0.5])
def test_a_constant_offset_is_gone(offset, lead):
  clean = np.concatenate([silence(lead), tone(), silence(0.5)])
  centred = without_offset(clean + offset, RATE)
  np.testing.assert_allclose(centred[-RATE // 4 :], 0, atol=1e-3)
  if lead:
    np.testing.assert_allclose(centred[: round(lead * RATE)], 0, atol=1e-6)
    assert np.corrcoef(centred, clean)[0, 1] > 0.99


def test_an_offset_of_the_note_makes_no_thump_before_it():
  """As of a one-sided swell behind digital silence."""
  swell = faded((0, 0), (0.12, 0), (0.4, 1), (1.2, 1), (1.5, 0)) * 0.2
  audio = swell + faded((0, 0), (0.12, 0), (0.4, 1), (1.2, 1), (1.5, 0)) * tone(seconds=1.5) / 20
  centred = without_offset(audio, RATE)
  assert centred is not audio
  np.testing.assert_allclose(centred[: round(0.1 * RATE)], 0, atol=1e-6)


@pytest.mark.parametrize("offset", [0.0, 0.2])
@pytest.mark.parametrize("level_db", [None, -50.0, -40.0])
def test_what_was_taken_away_is_told(offset, level_db):
  audio = np.concatenate([silence(1.0), tone(), silence(1.0)]) + offset
  if level_db is not None:
    audio = audio + noise(audio.size, level_db=level_db)
  clean, cleared = clear(audio, RATE)
  assert (clean is audio) == (not offset and level_db is None)
  assert cleared.offset == bool(offset)
  assert cleared.noise_db == (None if level_db is None else pytest.approx(level_db, abs=1))
  kept, cleared = clear(audio, RATE, noise=False)
  np.testing.assert_array_equal(kept, without_offset(audio, RATE))
  assert cleared.noise_db is None


@pytest.mark.parametrize("tau", [0.1, 0.5, 2.0])
def test_an_offset_that_settles_is_gone(tau):
  clean = np.concatenate([silence(0.5), tone(), silence(0.5)])
  settling = 0.3 * np.exp(-np.arange(clean.size) / (tau * RATE))
  rest = without_offset(clean + settling, RATE) - without_offset(clean + 0.3, RATE)
  assert np.abs(rest[RATE // 4 :]).max() < 0.01


@pytest.mark.parametrize("slope", [0, 1, 2])
@pytest.mark.parametrize("snr", [20, 30])
def test_noise_is_silenced_and_the_note_is_not(slope, snr):
  clean = np.concatenate([silence(1.0), tone(), silence(1.0)])
  level_db = 10 * np.log10(np.mean(tone() ** 2)) - snr
  clear = without_noise(clean + noise(clean.size, level_db=level_db, slope=slope), RATE)
  quiet = np.concatenate([clear[: round(0.95 * RATE)], clear[round(2.05 * RATE) :]])
  assert np.mean(quiet**2) < 1e-5 * np.mean(tone() ** 2)
  held = slice(round(1.1 * RATE), round(1.9 * RATE))
  assert np.corrcoef(clear[held], clean[held])[0, 1] > 0.99
