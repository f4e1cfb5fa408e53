"""The table of sound metrics, and how silence and NaN are dealt with.

Policy, the same for all metrics:

* Two equal sounds score the metric's `floor`, exactly; also if both are silent, unless the
  metric has no meaning there.
* NaN says that a metric has no meaning for a pair, nothing else does: spectral convergence,
  mel spectral convergence and envelope cosine for a silent target (they are relative to it),
  and the f0 error where no frame is voiced in both sounds. Who averages leaves NaNs out and
  says how many there were.
* A silent estimate of a target that sounds is an answer, and a bad one; only the f0 error has
  none for it. It scores 1 in both spectral convergences, 0 in the envelope cosine; MSS, wMFCC,
  SOT, log-spectral distance and loudness difference have floors that give silence a distance.
* No metric is ever infinite. A sound that holds NaN or infinity, that is empty, or that differs
  in length from the other is a mistake of the caller: ValueError.

A sound is silent, and taken as zeros, if it nowhere exceeds -120 dB of full scale.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax.metrics.cepstral import WarpedMfcc
from synthmatch_jax.metrics.level import EnvelopeCosine, LoudnessDifference
from synthmatch_jax.metrics.metric import SoundMetric, check_lengths, prepare
from synthmatch_jax.metrics.pitch import PitchError
from synthmatch_jax.metrics.spectral import (
  LogSpectralDistance,
  MelSpectralConvergence,
  MultiScaleSpectral,
  SpectralConvergence,
  SpectralTransport,
)


def sound_metrics(sample_rate: int = 44_100) -> dict[str, SoundMetric]:
  """Name -> metric, for sounds of a sample rate in Hz; a new metric is a line here."""
  return {
    "spectral_convergence": SpectralConvergence(sample_rate=sample_rate),
    "mel_spectral_convergence": MelSpectralConvergence(sample_rate=sample_rate),
    "mss": MultiScaleSpectral(sample_rate=sample_rate),
    "wmfcc": WarpedMfcc(sample_rate=sample_rate),
    "sot": SpectralTransport(sample_rate=sample_rate),
    "rms_cosine": EnvelopeCosine(sample_rate=sample_rate),
    "log_spectral_distance": LogSpectralDistance(sample_rate=sample_rate),
    "f0_cents": PitchError(sample_rate=sample_rate),
    "loudness_lu": LoudnessDifference(sample_rate=sample_rate),
  }


SOUND_METRICS = sound_metrics()
"""The metrics at 44.1 kHz."""


@dataclass(frozen=True, kw_only=True)
class Analysis:
  """What the metrics know of a sound.

  Attributes:
    num_samples: its length.
    features: name of a metric -> what it knows.
  """

  num_samples: int
  features: Mapping[str, Any]


def analyse(
  audio: Float[np.ndarray, " n"], metrics: Mapping[str, SoundMetric] = SOUND_METRICS
) -> Analysis:
  """Analyses a mono sound once, to be compared with any number of others.

  Raises:
    ValueError: the sound is empty or holds NaN or infinity.
  """
  prepared = prepare(audio)
  features = {name: metric.analyse(prepared) for name, metric in metrics.items()}
  return Analysis(num_samples=audio.size, features=features)


def compare(
  target: Analysis, estimate: Analysis, metrics: Mapping[str, SoundMetric] = SOUND_METRICS
) -> dict[str, float]:
  """Every metric of two analysed sounds.

  Raises:
    ValueError: they differ in length.
  """
  check_lengths(target.num_samples, estimate.num_samples)
  return {
    name: metric.distance(target.features[name], estimate.features[name])
    for name, metric in metrics.items()
  }


def measure(
  target: Float[np.ndarray, " n"],
  estimate: Float[np.ndarray, " n"],
  metrics: Mapping[str, SoundMetric] = SOUND_METRICS,
) -> dict[str, float]:
  """Every metric of a pair of mono sounds of equal length.

  Raises:
    ValueError: a sound is empty or holds NaN or infinity, or they differ in length.
  """
  return compare(analyse(target, metrics), analyse(estimate, metrics), metrics)
