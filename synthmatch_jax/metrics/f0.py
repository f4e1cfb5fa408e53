"""A distance of pitch."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.pitch import DEFAULT_PITCH, PitchSettings, PitchTrack, pitch_track
from synthmatch_jax.metrics.metric import SoundMetric


@dataclass(frozen=True, kw_only=True)
class PitchError(SoundMetric):
  """Mean absolute difference of fundamental frequency over the frames voiced in both sounds.

  An octave is 1,200 cents. Frames that are voiced in only one of the sounds do not count.

  Attributes:
    pitch: The settings of the estimator (YIN, see `audio.pitch`).
  """

  unit: ClassVar[str] = "cents"
  pitch: PitchSettings = DEFAULT_PITCH

  @property
  def definition(self) -> str:
    """See `SoundMetric`."""
    return (
      "mean absolute difference of fundamental frequency over frames voiced in both sounds; YIN,"
      f" {self.pitch.window_ms:g}/{self.pitch.hop_ms:g} ms (de Cheveigné and Kawahara 2002)"
    )

  def analyse(self, audio: Float[np.ndarray, " n"]) -> PitchTrack:
    """Estimates the pitch of each frame."""
    return pitch_track(audio, self.sample_rate, self.pitch)

  def distance(self, target: PitchTrack, estimate: PitchTrack) -> float:
    """Returns the error, which is at least 0; NaN where no frame is voiced in both sounds."""
    both = target.voiced & estimate.voiced
    if not both.any():
      return math.nan
    octaves = np.log2(estimate.f0_hz[both]) - np.log2(target.f0_hz[both])
    return float(1_200 * np.abs(octaves).mean())
