"""The interface of sound metrics."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float

_SILENCE = 1e-6  # Below the last bit of 20-bit audio, and inaudible.


@dataclass(frozen=True, kw_only=True)
class SoundMetric(ABC):
  """A distance of two sounds; the fields of a metric are its settings.

  A sound is analysed once, however many others it is compared with; `distance` is cheap. Calling
  a metric with two sounds does both. For silence see `suite`.

  Attributes:
    sample_rate: The sample rate of the sounds, in Hz.
    unit: The unit of the distance; empty for a ratio.
    better: Whether a lower or a higher value is better.
    floor: The exact score of two equal sounds.
  """

  sample_rate: int = 44_100
  unit: ClassVar[str] = ""
  better: ClassVar[Literal["lower", "higher"]] = "lower"
  floor: ClassVar[float] = 0.0

  @property
  @abstractmethod
  def definition(self) -> str:
    """What the metric measures and how, in one sentence, with its settings and source."""

  @abstractmethod
  def analyse(self, audio: Float[np.ndarray, " n"]) -> Any:
    """Computes all that `distance` needs to know about a mono sound."""

  @abstractmethod
  def distance(self, target: Any, estimate: Any) -> float:
    """Returns the distance of two analysed sounds of equal length; NaN where it has no meaning."""

  def __call__(self, target: Float[np.ndarray, " n"], estimate: Float[np.ndarray, " n"]) -> float:
    """Returns the distance of two mono sounds.

    Raises:
      ValueError: The sounds differ in length, are empty or hold NaN or infinity.
    """
    check_lengths(target.size, estimate.size)
    return self.distance(self.analyse(prepare(target)), self.analyse(prepare(estimate)))


def prepare(audio: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
  """Prepares a sound for analysis: one that never exceeds -120 dB of full scale becomes zeros.

  Raises:
    ValueError: The sound is empty or holds NaN or infinity.
  """
  if not audio.size:
    raise ValueError("a sound without samples cannot be measured")
  if not np.isfinite(audio).all():
    raise ValueError("a sound with NaN or infinity cannot be measured")
  return audio if np.abs(audio).max() > _SILENCE else np.zeros_like(audio)


def check_lengths(target: int, estimate: int) -> None:
  """Raises a ValueError if two sounds differ in their number of samples."""
  if target != estimate:
    raise ValueError(f"the target has {target} samples, the estimate {estimate}")
