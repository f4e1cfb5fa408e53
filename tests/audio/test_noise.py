"""A note is heard in the noise of its recording: pitch, onset and length, down to 12 dB."""

import numpy as np
import pytest

from synthmatch_jax.audio.hearing import hear

RATE = 44_100
LENGTH = 1.2  # Of the note, in seconds: held for 1, and then let go.


def note(midi, *, decay=1.5):
  """A plucked or blown sound with the partials of a saw, from its first sample on."""
  time = np.arange(round(LENGTH * RATE)) / RATE
  hz = 440 * 2 ** ((midi - 69) / 12)
  partials = [k for k in range(1, 30) if k * hz < 16_000]
  wave = sum((np.sin(2 * np.pi * k * hz * time) / k for k in partials), np.zeros(time.size))
  rise, fall = np.minimum(1, time / 0.01), np.where(time < 1, 1, np.exp(-(time - 1) / 0.03))
  return wave * rise * fall * np.exp(-time / decay)


def floor(kind, samples):
  time, rng = np.arange(samples) / RATE, np.random.default_rng(7)
  if kind.startswith("hum"):
    return sum(np.sin(2 * np.pi * float(kind[3:]) * k * time + k) / k for k in (1, 2, 3, 5))
  white, hz = np.fft.rfft(rng.normal(size=samples)), np.fft.rfftfreq(samples, 1 / RATE)
  shapes = {
    "white": 1.0,
    "pink": np.maximum(hz, 20) ** -0.5,
    "brown": np.maximum(hz, 20) ** -1.0,
    "telephone": (hz > 300) & (hz < 3_400),
  }
  return np.fft.irfft(white * shapes[kind], samples)


def recorded(midi, *, kind, snr, lead, tail=1.0, offset=0.0, decay=1.5):
  """A note in noise, `snr` dB under the loudest 10 ms of the note."""
  sound = note(midi, decay=decay)
  clean = np.concatenate([np.zeros(round(lead * RATE)), sound, np.zeros(round(tail * RATE))])
  background = floor(kind, clean.size)
  window = round(0.01 * RATE)
  loudest = np.convolve(sound**2, np.ones(window) / window, "same").max()
  background *= np.sqrt(loudest / np.mean(background**2)) * 10 ** (-snr / 20)
  return (0.2 * (clean + background) + offset).astype(np.float32)


def check(audio, midi, lead, *, hold=1.0):
  heard = hear(audio, source="a.wav", sample_rate=RATE, seconds=4.0).heard
  assert heard.pitch is not None
  assert heard.pitch.midi == pytest.approx(midi, abs=0.15)
  assert heard.pitch.confidence > 0.7
  assert heard.onset_seconds == pytest.approx(lead, abs=0.03)
  assert heard.hold_seconds == pytest.approx(hold, abs=0.15)
  assert not heard.endless


KINDS = ["white", "pink", "brown", "hum50", "hum60", "telephone"]


@pytest.mark.parametrize("lead", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("snr", [20, 30, 37, 45])
@pytest.mark.parametrize("kind", KINDS)
def test_a_note_is_heard_in_noise(kind, snr, lead):
  if lead == 0 and snr == 20 and not kind.startswith("hum"):
    snr = 26  # Louder noise that is only behind the note may be its own (see `test_floor`).
  check(recorded(58, kind=kind, snr=snr, lead=lead), 58, lead)


@pytest.mark.parametrize("snr", [12, 20])
@pytest.mark.parametrize("kind", ["white", "pink", "hum60"])
def test_an_onset_in_loud_noise_is_no_earlier(kind, snr):
  audio = recorded(58, kind=kind, snr=snr, lead=0.7)
  check(audio, 58, 0.7)
  heard = hear(audio, source="a.wav", sample_rate=RATE, seconds=4.0).heard
  assert heard.onset_seconds == pytest.approx(0.7, abs=0.015)


@pytest.mark.parametrize("midi", [28, 40, 77, 96])
@pytest.mark.parametrize("kind", KINDS)
def test_in_every_register(kind, midi):
  check(recorded(midi, kind=kind, snr=26, lead=0.5), midi, 0.5)


@pytest.mark.parametrize("kind", ["white", "brown", "hum50"])
def test_noise_in_front_only(kind):
  check(recorded(58, kind=kind, snr=26, lead=0.5, tail=0.0), 58, 0.5, hold=1.05)


def faded(audio, *, seconds, at_end):
  """Faded in or out; to zeros where that takes no time."""
  ramp = np.linspace(0, 1, round(seconds * RATE), dtype=np.float32)
  gain = np.concatenate([ramp, np.ones(audio.size - ramp.size, np.float32)])
  return audio * (gain[::-1] if at_end else gain)


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("seconds", [0.005, 0.02, 0.2])
@pytest.mark.parametrize("kind", ["white", "pink", "hum50"])
def test_with_a_fade(kind, seconds, at_end):
  audio = recorded(58, kind=kind, snr=26, lead=1.0)
  check(faded(audio, seconds=seconds, at_end=at_end), 58, 1.0)


@pytest.mark.parametrize(("before", "behind"), [(0.013, 0), (0, 0.013), (0, 0.1), (0.5, 0.5)])
@pytest.mark.parametrize("snr", [26, 35])
@pytest.mark.parametrize("kind", ["white", "pink", "hum60"])
def test_padded_with_zeros(kind, snr, before, behind):
  audio = recorded(58, kind=kind, snr=snr, lead=0.8)
  padding = round(before * RATE), round(behind * RATE)
  check(np.pad(audio, padding), 58, 0.8 + before)


@pytest.mark.parametrize(("seconds", "gain"), [(0.005, 0.0), (0.02, 0.3), (0.12, 0.7)])
@pytest.mark.parametrize("kind", ["white", "pink"])
def test_with_a_dropout(kind, seconds, gain):
  audio = recorded(58, kind=kind, snr=30, lead=1.0)
  audio[RATE // 4 : RATE // 4 + round(seconds * RATE)] *= gain
  check(audio, 58, 1.0)


@pytest.mark.parametrize("offset", [-0.1, 0.3])
@pytest.mark.parametrize("kind", ["white", "brown"])
def test_with_an_offset_as_well(kind, offset):
  check(recorded(58, kind=kind, snr=26, lead=0.5, offset=offset), 58, 0.5)


@pytest.mark.parametrize("kind", ["white", "hum50"])
def test_a_pluck_that_dies_into_the_noise(kind):
  audio = recorded(52, kind=kind, snr=26, lead=0.5, decay=0.2)
  check(audio, 52, 0.5, hold=0.2 * np.log(10))


@pytest.mark.parametrize("kind", ["white", "pink", "brown", "telephone"])
def test_noise_alone_has_no_note(kind):
  audio = (0.1 * floor(kind, 2 * RATE) / np.abs(floor(kind, 2 * RATE)).max()).astype(np.float32)
  assert hear(audio, source="a.wav", sample_rate=RATE, seconds=4.0).heard.pitch is None
