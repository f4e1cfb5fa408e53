"""Distances of level: of its course over time, and of loudness."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.loudness import loudness_db
from synthmatch_jax.metrics.metric import SoundMetric

Envelope = Float[np.ndarray, " t"]


@dataclass(frozen=True, kw_only=True)
class EnvelopeCosine(SoundMetric):
  """Cosine similarity of RMS envelopes: 1 if they have the same shape, whatever the level.

  Source: Hayes, Saitis and Fazekas, ISMIR 2025 (see `spectral.MultiScaleSpectral`), and its
  evaluation code.

  Attributes:
    window_ms: The length of a frame, in ms; frames are centred, edges padded with zeros.
    hop_ms: The distance between frames, in ms.
  """

  better: ClassVar[Literal["lower", "higher"]] = "higher"
  floor: ClassVar[float] = 1.0
  window_ms: float = 50.0
  hop_ms: float = 25.0

  @property
  def definition(self) -> str:
    """See `SoundMetric`."""
    return (
      f"cosine similarity of RMS envelopes, {self.window_ms:g}/{self.hop_ms:g} ms"
      " (Hayes et al. 2025)"
    )

  def analyse(self, audio: Float[np.ndarray, " n"]) -> Envelope:
    """Computes the RMS of each frame, equal to librosa's (held by a test)."""
    window = int(self.window_ms * self.sample_rate / 1_000)
    hop = int(self.hop_ms * self.sample_rate / 1_000)
    squares = np.square(np.pad(audio.astype(np.float64), window // 2))
    return np.sqrt(np.lib.stride_tricks.sliding_window_view(squares, window)[::hop].mean(1))

  def distance(self, target: Envelope, estimate: Envelope) -> float:
    """Returns the similarity, from 0 to 1; 0 for a silent estimate, NaN for a silent target."""
    squares, other_squares = (target**2).sum(), (estimate**2).sum()
    if squares == 0:
      return math.nan
    if other_squares == 0:
      return 0.0
    # Rounding may bring it to just over 1.
    return min(1.0, float((target * estimate).sum() / np.sqrt(squares * other_squares)))


@dataclass(frozen=True, kw_only=True)
class LoudnessDifference(SoundMetric):
  """Absolute difference of integrated loudness (ITU-R BS.1770-4, see `audio.loudness`).

  A sound that is softer than the standard's absolute gate counts as having the level of the gate.

  Attributes:
    gate_db: The absolute gate, in LUFS.
  """

  unit: ClassVar[str] = "LU"
  gate_db: float = -70.0

  @property
  def definition(self) -> str:
    """See `SoundMetric`."""
    return (
      "absolute difference of integrated loudness; below"
      f" {self.gate_db:g} LUFS counts as {self.gate_db:g} (ITU-R BS.1770-4)"
    )

  def analyse(self, audio: Float[np.ndarray, " n"]) -> float:
    """Measures the loudness, in LUFS."""
    return max(self.gate_db, loudness_db(audio, self.sample_rate))

  def distance(self, target: float, estimate: float) -> float:
    """Returns the distance, which is at least 0."""
    return abs(estimate - target)
