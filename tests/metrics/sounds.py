"""Sounds that every metric has to cope with, one second at 44.1 kHz or shorter."""

import itertools

import numpy as np

RATE = 44_100
TIME = np.arange(RATE) / RATE


def tone(*, hz=261.63, cents=0.0, gain=0.1, decay=2.0, slope=1.0):
  """Eight partials whose amplitudes fall as k^-slope, under an exponential decay."""
  phase = 2 * np.pi * hz * 2 ** (cents / 1_200) * TIME
  wave = sum(np.sin(k * phase) / k**slope for k in range(1, 9))
  return (gain * wave * np.exp(-decay * TIME)).astype(np.float32)


def impulse(place=500):
  return np.eye(1, RATE, place, dtype=np.float32)[0]


NOISE = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
SILENCE = np.zeros(RATE, np.float32)
TONE = tone()

SOUNDS = {
  "noise": NOISE,
  "tone": TONE,
  "other tone": tone(cents=300, decay=5.0),
  "silence": SILENCE,
  "offset": np.full(RATE, 0.3, np.float32),
  "impulse": impulse(),
  "sine": np.sin(2 * np.pi * 440 * TIME).astype(np.float32),
  "faint": 1e-5 * TONE,
}

SHORT = {
  "one sample": np.ones(1, np.float32),
  "short noise": NOISE[:300],
  "short silence": SILENCE[:300],
}

# Each sound with the next, and some more.
PAIRS = [
  *itertools.pairwise([*SOUNDS, "noise"]),
  ("tone", "noise"),
  ("tone", "silence"),
  ("faint", "tone"),
  ("silence", "silence"),
]
