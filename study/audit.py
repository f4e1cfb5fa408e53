"""Audits the metrics: what do they make of changes that nobody hears, and that everybody hears?

    python -m study.audit [--patches=16]

The sounds are patches of Vital, drawn with another seed than the released model's training, and a
few synthetic tones. Each change makes a target and an estimate of a sound. The medians over the
sounds are written to study/logs/audit.json, from which `study.report` makes the table of
docs/evaluation.md. A metric is as good as the ratio of the least that it says of an audible change
to the most that it says of an inaudible one.
"""

import argparse
import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.signal
import soxr
from jaxtyping import Float

from study.reach import sound
from study.runs import LOGS
from synthmatch_jax.audio.stft import StftSettings, stft_magnitude
from synthmatch_jax.matching import ensemble
from synthmatch_jax.metrics.metric import SoundMetric
from synthmatch_jax.metrics.spectral import SpectralTransport
from synthmatch_jax.metrics.suite import sound_metrics
from synthmatch_jax.synths.play import engine, hosting

LOG = LOGS / "audit.json"
RATE = 44_100
_SECONDS = 4.0
_UNDER_DB = -70.0

Sound = Float[np.ndarray, " n"]
Pair = tuple[Sound, Sound]


@dataclass(frozen=True, kw_only=True)
class TransportByLevel(SpectralTransport):
  """SOT in which a frame counts by the magnitudes of both sounds in it, to the power of 0.6.

  A candidate for a sound definition of SOT: a frame in which one sound is digitally silent and the
  other nearly so counts in full in Hayes'.
  """

  def analyse(self, audio: Sound) -> Float[np.ndarray, "t f"]:
    """Computes cumulative shares, with the loudness of the frame in a last column."""
    stft = StftSettings.of_ms(self.window_ms, self.hop_ms, sample_rate=self.sample_rate)
    loudness = stft_magnitude(audio, stft).sum(1, dtype=np.float64, keepdims=True) ** 0.6
    return np.concatenate([super().analyse(audio), loudness / max(loudness.max(), 1e-9)], axis=1)

  def distance(self, target: Float[np.ndarray, "t f"], estimate: Float[np.ndarray, "t f"]) -> float:
    """Returns the distance, from 0 to 1."""
    weights = target[:, -1] + estimate[:, -1]
    frames = np.abs(target[:, :-1] - estimate[:, :-1]).mean(1)
    return float((weights * frames).sum() / max(weights.sum(), 1e-9))


def noise_under(audio: Sound) -> Sound:
  """Adds white noise at -70 dB under the loudest 50 ms."""
  noise = np.random.default_rng(0).standard_normal(audio.size)
  return audio + noise * _under(audio, noise)


def tail(audio: Sound) -> Sound:
  """Lets the loudest quarter of a second sound again and again, at -70 dB, in the second half."""
  length = RATE // 4
  first = int(np.clip(_level(audio).argmax() - length // 2, 0, audio.size - length))
  again = np.resize(audio[first : first + length] * np.hanning(length), audio.size)
  return audio + np.where(np.arange(audio.size) < audio.size // 2, 0, again) * _under(audio, again)


def cut(audio: Sound) -> Sound:
  """Replaces the end, from where all is 70 dB under the loudest 50 ms, with zeros."""
  level = _level(audio)
  over = np.flatnonzero(level > level.max() * 10 ** (_UNDER_DB / 20))
  return np.where(np.arange(audio.size) <= over[-1], audio, 0)


def turned(audio: Sound) -> Sound:
  """Turns the phase of every partial by a quarter of a period."""
  spectrum = np.fft.rfft(np.pad(audio, (0, audio.size)))
  return np.fft.irfft(-1j * spectrum)[: audio.size]


def later(audio: Sound) -> Sound:
  """Delays by 5 ms."""
  delay = int(0.005 * RATE)
  return np.pad(audio, (delay, 0))[: audio.size]


def moved(cents: float) -> Callable[[Sound], Sound]:
  """Makes a change that plays faster, as a tape is."""

  def change(audio: Sound) -> Sound:
    played = soxr.resample(audio, RATE * 2 ** (cents / 1_200), RATE, quality="VHQ")
    return np.pad(played, (0, max(0, audio.size - played.size)))[: audio.size]

  return change


def faded(seconds: float) -> Callable[[Sound], Sound]:
  """Makes a change that fades in."""
  return lambda audio: audio * np.minimum(1, np.arange(audio.size) / (seconds * RATE))


def without_a_partial(audio: Sound) -> Sound:
  """Takes out the strongest part of the spectrum, with 40 Hz on both sides."""
  spectrum = np.fft.rfft(audio)
  hz = np.fft.rfftfreq(audio.size, 1 / RATE)
  strongest = hz[np.abs(spectrum).argmax()]
  return np.fft.irfft(np.where(np.abs(hz - strongest) < 40, 0, spectrum), audio.size)


def low_passed(share: float) -> Callable[[Sound], Sound]:
  """Makes a change that is a low pass of 24 dB an octave at a share of the spectral centroid."""

  def change(audio: Sound) -> Sound:
    magnitudes = np.abs(np.fft.rfft(audio))
    hz = np.fft.rfftfreq(audio.size, 1 / RATE)
    centroid = float((magnitudes * hz).sum() / magnitudes.sum())
    low_pass = scipy.signal.butter(4, share * centroid, fs=RATE, output="sos")
    return np.asarray(scipy.signal.sosfilt(low_pass, audio))

  return change


def _same(audio: Sound) -> Sound:
  return audio


Change = tuple[Callable[[Sound], Sound], Callable[[Sound], Sound]]

INAUDIBLE: dict[str, Change] = {
  "tail, -70 dB": (_same, tail),
  "noise, -70 dB": (_same, noise_under),
  "end cut": (_same, cut),
  "phases": (_same, turned),
  "5 ms": (_same, later),
  "1 cent": (_same, moved(1)),
  "0.5 dB": (_same, lambda audio: audio * 10 ** (-0.5 / 20)),
}
"""What nobody hears: name -> what is done to the target, and to the estimate."""

AUDIBLE: dict[str, Change] = {
  "20 cents": (_same, moved(20)),
  "octave": (_same, moved(1_200)),
  "attack 80, 160 ms": (faded(0.08), faded(0.16)),
  "a partial": (_same, without_a_partial),
  "half the cutoff": (low_passed(1), low_passed(0.5)),
}
"""What everybody hears."""

SILENCE = "silence after both"
"""What half the cutoff becomes, as a multiple, if the sound is followed by as much silence."""

_BEFORE_SILENCE = "half the cutoff"


def tones() -> list[Sound]:
  """Makes four tones of many partials: low and high, held and plucked, dull and bright."""
  time = np.arange(int(RATE * _SECONDS)) / RATE
  made = []
  for hz, decay, slope in ((110, 1, 1), (220, 4, 1.5), (440, 0.2, 1), (880, 2, 2)):
    wave = sum(np.sin(2 * np.pi * hz * k * time + k * k) / k**slope for k in range(1, 13))
    gate = np.clip((1.5 - time) / 0.1, 0, 1)  # Held for 1.4 s.
    made.append((0.1 * wave * np.exp(-decay * time) * gate).astype(np.float32))
  return made


def measured(sounds: list[Sound]) -> dict[str, dict[str, float]]:
  """Returns metric -> change -> the median distance over the sounds."""
  metrics = sound_metrics(RATE) | {"sot by level": TransportByLevel()}
  found: dict[str, dict[str, float]] = {name: {} for name in metrics}
  for change in INAUDIBLE | AUDIBLE:
    pairs = [changed(audio, change) for audio in sounds]
    for name, metric in metrics.items():
      found[name][change] = _median(metric, pairs)
  longer = [np.pad(audio, (0, audio.size)) for audio in sounds]
  pairs = [changed(audio, _BEFORE_SILENCE) for audio in longer]
  for name, metric in metrics.items():
    found[name][SILENCE] = round(_median(metric, pairs) / found[name][_BEFORE_SILENCE], 2)
  return found


def changed(audio: Sound, change: str) -> Pair:
  """Returns the target and the estimate that a change makes of a sound."""
  target, estimate = (INAUDIBLE | AUDIBLE)[change]
  return target(audio).astype(np.float32), estimate(audio).astype(np.float32)


def _median(metric: SoundMetric, pairs: Sequence[Pair]) -> float:
  values = [abs(metric(*pair) - metric.floor) for pair in pairs]
  return float(f"{np.nanmedian(values):.3g}")


def ratio(distances: dict[str, float]) -> float:
  """Returns the least that a metric says of an audible change, over the most of an inaudible."""
  return min(distances[c] for c in AUDIBLE) / max(distances[c] for c in INAUDIBLE)


def _under(audio: Sound, added: Sound) -> float:
  """Returns the gain that brings what is added to -70 dB under the loudest 50 ms of a sound."""
  return float(_level(audio).max() / _level(added).max()) * 10 ** (_UNDER_DB / 20)


def _level(audio: Sound) -> Sound:
  """Returns the root mean square of 50 ms around each sample."""
  window = int(0.05 * RATE)
  power = scipy.signal.fftconvolve(np.square(audio, dtype=np.float64), np.ones(window), "same")
  return np.sqrt(np.maximum(power, 0) / window)


def main() -> None:
  """Measures and writes the log."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--patches", type=int, default=16, help="number of patches of Vital")
  options = parser.parse_args()
  (model,) = ensemble.load([])
  recipe = dataclasses.replace(model.predictor.recipe, seed=model.predictor.recipe.seed + 1)
  with hosting(engine(recipe)) as host:
    patches = [sound(recipe, index, host)[1] for index in range(options.patches)]
  found = {"patches": len(patches), "tones": len(tones()), "median": measured(patches + tones())}
  LOG.write_text(json.dumps(found, indent=1) + "\n")
  for name, distances in found["median"].items():
    print(f"{name:25} {ratio(distances):7.3f}  {distances}")


if __name__ == "__main__":
  main()
