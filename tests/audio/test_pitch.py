"""Pitch against a plain YIN, and on sounds whose pitch is known."""

from pathlib import Path

import numpy as np
import pytest

from synthmatch_jax.audio import io
from synthmatch_jax.audio.pitch import PitchSettings, PitchTrack, heard_pitch, note_of, pitch_track

RATE = 44_100
RNG = np.random.default_rng(0)
EXAMPLES = Path(__file__).parents[2] / "examples"


def tone(hz=261.63, *, seconds=1.0, rate=RATE, partials=(1.0, 0.5, 0.3, 0.2)):
  phase = 2 * np.pi * hz * np.arange(round(seconds * rate)) / rate
  return (0.1 * sum(a * np.sin((k + 1) * phase) for k, a in enumerate(partials))).astype(np.float32)


def noise(seconds=1.0):
  return RNG.normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def midi(hz):
  return 69 + 12 * np.log2(hz / 440)


def yin_of_frame(frame, window, *, rate, settings):
  """Steps 1 to 5 of de Cheveigné and Kawahara (2002), with loops: pitch, confidence."""
  lags = len(frame) - window
  d = np.array([((frame[:window] - frame[k : k + window]) ** 2).sum() for k in range(lags)])
  prime = np.array([1.0, *(d[k] * k / d[1 : k + 1].sum() for k in range(1, lags))])
  first = int(rate / settings.f_max)
  troughs = [k for k in range(first, lags - 1) if prime[k - 1] > prime[k] <= prime[k + 1]]
  under = [k for k in troughs if prime[k] < settings.threshold]
  k = under[0] if under else min(troughs, key=lambda k: prime[k])
  curve = np.polyfit([-1, 0, 1], prime[k - 1 : k + 2], 2)
  vertex = -curve[1] / (2 * curve[0])
  return rate / (k + vertex), 1 - np.polyval(curve, vertex)


@pytest.mark.parametrize("sound", [tone(), tone(1_000.5), noise(), tone(83) + noise()])
def test_agrees_with_yin_in_plain_loops(sound):
  rate, settings = 22_050, PitchSettings()
  audio = sound[:5_000].astype(np.float64)
  track = pitch_track(audio, rate, settings)
  window, lags = round(0.05 * rate), int(rate / settings.f_min) + 2
  padded = np.pad(audio, (window + lags) // 2)
  for t in (4, 11):
    start = t * round(0.01 * rate)
    frame = padded[start : start + window + lags]
    hz, confidence = yin_of_frame(frame, window, rate=rate, settings=settings)
    assert track.f0_hz[t] == pytest.approx(hz, rel=1e-6)
    assert track.confidence[t] == pytest.approx(np.clip(confidence, 0, 1), abs=1e-6)
    assert track.voiced[t] == (confidence > 0.8)


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
@pytest.mark.parametrize(
  ("hz", "cents"),
  [(41.2, 1), (55.0, 1), (110.3, 1), (261.63, 1), (440.0, 2), (987.8, 5), (2_000.0, 12)],
)
def test_pitch_of_tones(hz, cents, rate):
  partials = [a for k, a in enumerate((1.0, 0.5, 0.3)) if (k + 1) * hz < rate / 2]
  track = pitch_track(tone(hz, rate=rate, partials=partials), rate)
  assert track.voiced[10:-10].all()
  assert track.confidence[10:-10].min() > 0.95
  np.testing.assert_allclose(midi(track.f0_hz[10:-10]), midi(hz), atol=cents / 100)


def test_the_fundamental_is_found_where_it_is_missing():
  heard = heard_pitch(tone(196.0, partials=(0.0, 1.0, 0.8, 0.6)), RATE)
  assert heard is not None
  assert heard.midi == pytest.approx(midi(196.0), abs=0.02)


@pytest.mark.parametrize("gain", [1e-4, 1.0, 100.0])
def test_level_does_not_matter(gain):
  track, other = pitch_track(tone(), RATE), pitch_track(np.float32(gain) * tone(), RATE)
  np.testing.assert_array_equal(track.voiced, other.voiced)
  np.testing.assert_allclose(track.f0_hz, other.f0_hz, rtol=1e-4)


def test_a_frame_every_10_ms_and_silence_is_unvoiced():
  audio = np.concatenate([np.zeros(RATE, np.float32), tone(), np.zeros(RATE, np.float32)])
  track = pitch_track(audio, RATE)
  assert track.f0_hz.shape == track.voiced.shape == track.confidence.shape == (301,)
  assert track.voiced[105:195].all()
  for outside in (slice(None, 95), slice(205, None)):
    assert not track.voiced[outside].any()
    assert not track.confidence[outside].any()
    assert np.isnan(track.f0_hz[outside]).all()


@pytest.mark.parametrize("samples", [0, 1, 100, 3_000])
def test_short_sounds_and_silence(samples):
  track = pitch_track(np.zeros(samples, np.float32), RATE)
  assert not track.voiced.any()
  assert np.isnan(track.f0_hz).all()
  assert np.isfinite(pitch_track(tone()[:samples], RATE).confidence).all()


UNPITCHED = {
  "silence": np.zeros(RATE, np.float32),
  "noise": noise(),
  "drum": noise() * np.exp(-np.arange(RATE) / 3_000).astype(np.float32),
  "click": np.eye(1, RATE, 500, dtype=np.float32)[0],
  "offset": np.full(RATE, 0.3, np.float32),
  "siren": tone(1.0, partials=(0.0,))
  + 0.1 * np.sin(2 * np.pi * 40 / np.log(2) * 2 ** (5 * np.arange(RATE) / RATE)).astype(np.float32),
}


@pytest.mark.parametrize("name", UNPITCHED)
def test_what_has_no_pitch_is_heard_without(name):
  assert heard_pitch(UNPITCHED[name], RATE) is None


def test_a_tone_is_heard_with_its_cents():
  heard = heard_pitch(tone(261.63 * 2 ** (37 / 1_200)), RATE)
  assert heard is not None
  assert heard.midi == pytest.approx(60.37, abs=0.01)
  assert heard.share == heard.voiced_share > 0.99


@pytest.mark.parametrize(("voiced", "confidence"), [(40, 1.0), (30, 0.97), (20, 0.5), (12, 0.1)])
def test_the_confidence_is_how_often_such_a_share_is_right(voiced, confidence):
  """So many of 40 frames have one pitch; docs/ears.md has the measurement."""
  frames = np.arange(40)
  track = PitchTrack(
    f0_hz=np.full(40, 440.0),
    voiced=frames < voiced,
    confidence=np.ones(40),
    level=np.full(40, 0.1),
  )
  heard = note_of(track)
  assert heard is not None
  assert (heard.midi, heard.share) == (69, pytest.approx(voiced / 40))
  assert heard.confidence == pytest.approx(confidence)


def test_vibrato_is_heard_as_its_centre():
  time = np.arange(RATE) / RATE
  cycles = 440 * time + 2.3 * np.sin(2 * np.pi * 5.5 * time) / (2 * np.pi)  # 12.7 Hz, 50 cents.
  heard = heard_pitch((0.1 * np.sin(2 * np.pi * cycles)).astype(np.float32), RATE)
  assert heard is not None
  assert heard.midi == pytest.approx(69, abs=0.1)


def test_noise_lowers_the_confidence():
  confidence = []
  for gain in (0.0, 0.1, 0.3, 1.0):
    track = pitch_track(tone() + np.float32(gain) * noise(), RATE)
    confidence.append(track.confidence.mean())
  assert confidence == sorted(confidence, reverse=True)
  assert heard_pitch(tone() + np.float32(0.1) * noise(), RATE) is not None


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.flac")), ids=lambda p: p.stem)
def test_instruments_are_heard_at_their_note(path):
  heard = heard_pitch(io.load(path), RATE)
  assert heard is not None
  assert heard.midi == pytest.approx(60, abs=0.3)
  assert heard.confidence > 0.5


def wave(hz, shape):
  """One second; "bright" has as many partials as are below 20 kHz."""
  count = {"sine": 1, "three partials": 3, "bright": 500}[shape]
  time = np.arange(RATE) / RATE
  parts = [np.sin(2 * np.pi * k * hz * time) / k for k in range(1, count + 1) if k * hz < 20_000]
  return (0.2 * sum(parts, np.zeros(RATE))).astype(np.float32)


SHAPES = ["sine", "three partials", "bright"]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
  "note", [21, 23, 24, 26, 28, 36, 72, 84, 95, 96, 97, 100, 103, 105, 107, 108]
)
def test_every_register_of_a_keyboard(note, shape):
  for cents in (-40, 0, 35):
    heard = heard_pitch(wave(440 * 2 ** ((note + cents / 100 - 69) / 12), shape), RATE)
    assert heard is not None
    assert heard.midi == pytest.approx(note + cents / 100, abs=0.05)
    assert heard.confidence > 0.9


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
  "hz", [10, 15, 20, 24, 25.5, 4_400, 5_500, 7_000, 8_000, 9_900, 12_000, 16_000]
)
def test_beyond_a_keyboard_nothing_is_heard_an_octave_off(hz, shape):
  heard = heard_pitch(wave(hz, shape), RATE)
  assert heard is None or heard.midi == pytest.approx(midi(hz), abs=0.25)
  assert heard or not 25 < hz < 9_000


@pytest.mark.parametrize("note", [24, 36])
def test_a_bass_that_falls_to_its_note(note):
  """An 808: two octaves down within a few hundredths of a second, then dying away."""
  time = np.arange(2 * RATE) / RATE
  hz = 440 * 2 ** ((note - 69) / 12) * (1 + 3 * np.exp(-time / 0.015))
  sound = 0.9 * np.tanh(2 * np.sin(2 * np.pi * np.cumsum(hz) / RATE)) * np.exp(-time)
  heard = heard_pitch(sound.astype(np.float32), RATE)
  assert heard is not None
  assert heard.midi == pytest.approx(note, abs=0.1)
  assert heard.confidence > 0.8


@pytest.mark.parametrize("level", [0.01, 0.03])
def test_what_goes_on_softly_behind_a_note_does_not_outvote_it(level):
  sound = np.concatenate([tone(seconds=0.5), level * tone(98.0, seconds=3.0)])
  heard = heard_pitch(sound, RATE)
  assert heard is not None
  assert heard.midi == pytest.approx(60, abs=0.02)
