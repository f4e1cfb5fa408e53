"""The table of sound metrics, and the policy for silence and NaN.

The policy is the same for all metrics:

* Two equal sounds score exactly the metric's `floor`, even if both are silent, unless the metric
  has no meaning there.
* NaN means that a metric has no meaning for a pair, and nothing else does. This holds for spectral
  convergence, mel spectral convergence and envelope cosine if the target is silent (they are
  relative to it), and for the f0 error if no frame is voiced in both sounds. Averages omit NaNs
  and state how many values they cover.
* A silent estimate of an audible target is a bad answer and is scored as one, except by the f0
  error, which is NaN. It scores 1 in both spectral convergences and in loudness pattern and
  spectrum, and 0 in the envelope cosine; MSS, wMFCC, SOT, log-spectral distance and loudness
  difference have floors that give silence a finite distance.
* No metric is ever infinite. A sound that holds NaN or infinity, is empty, or differs in length
  from the other raises a ValueError.

A sound that never exceeds -120 dB of full scale counts as silent, and is replaced by zeros.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax.metrics.cepstral import WarpedMfcc
from synthmatch_jax.metrics.f0 import PitchError
from synthmatch_jax.metrics.level import EnvelopeCosine, LoudnessDifference
from synthmatch_jax.metrics.loudness_pattern import LoudnessPattern, LoudnessSpectrum
from synthmatch_jax.metrics.metric import SoundMetric, check_lengths, prepare
from synthmatch_jax.metrics.spectral import (
  LogSpectralDistance,
  MelSpectralConvergence,
  MultiScaleSpectral,
  SpectralConvergence,
  SpectralTransport,
)


def sound_metrics(sample_rate: int = 44_100) -> dict[str, SoundMetric]:
  """Returns the metrics by name, for sounds of a sample rate in Hz; a new one is a line here."""
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
    "loudness_pattern": LoudnessPattern(sample_rate=sample_rate),
    "loudness_spectrum": LoudnessSpectrum(sample_rate=sample_rate),
  }


SOUND_METRICS = sound_metrics()
"""The metrics at 44.1 kHz."""


@dataclass(frozen=True, kw_only=True)
class Analysis:
  """A sound as analysed by the metrics.

  Attributes:
    num_samples: The length of the sound.
    features: The name of each metric -> result of its `analyse`.
  """

  num_samples: int
  features: Mapping[str, Any]


def analyse(
  audio: Float[np.ndarray, " n"], metrics: Mapping[str, SoundMetric] = SOUND_METRICS
) -> Analysis:
  """Analyses a mono sound once, to be compared with any number of others.

  Raises:
    ValueError: The sound is empty or holds NaN or infinity.
  """
  prepared = prepare(audio)
  features = {name: metric.analyse(prepared) for name, metric in metrics.items()}
  return Analysis(num_samples=audio.size, features=features)


def compare(
  target: Analysis, estimate: Analysis, metrics: Mapping[str, SoundMetric] = SOUND_METRICS
) -> dict[str, float]:
  """Computes every metric of two analysed sounds.

  Raises:
    ValueError: The sounds differ in length.
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
  """Computes every metric of a pair of mono sounds of equal length.

  Raises:
    ValueError: A sound is empty or holds NaN or infinity, or the sounds differ in length.
  """
  return compare(analyse(target, metrics), analyse(estimate, metrics), metrics)
