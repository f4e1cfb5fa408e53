"""What a sound metric is."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float

_SILENCE = 1e-6  # Under the last bit of 20, and of all that is heard.


@dataclass(frozen=True, kw_only=True)
class SoundMetric(ABC):
  """A distance of two sounds; its fields are its settings.

  A sound is analysed once, however many it is compared with; `distance` is cheap. Called with
  two sounds a metric does both. For silence see `suite`.

  Attributes:
    sample_rate: of the sounds, in Hz.
    unit: of the distance; empty for a ratio.
    better: the direction of a better estimate.
    floor: what two equal sounds score, exactly.
  """

  sample_rate: int = 44_100
  unit: ClassVar[str] = ""
  better: ClassVar[Literal["lower", "higher"]] = "lower"
  floor: ClassVar[float] = 0.0

  @property
  @abstractmethod
  def definition(self) -> str:
    """What it measures and how, in a sentence, with its settings and source."""

  @abstractmethod
  def analyse(self, audio: Float[np.ndarray, " n"]) -> Any:
    """All of a mono sound that `distance` needs to know."""

  @abstractmethod
  def distance(self, target: Any, estimate: Any) -> float:
    """The distance of two analysed sounds of equal length; NaN where it has no meaning."""

  def __call__(self, target: Float[np.ndarray, " n"], estimate: Float[np.ndarray, " n"]) -> float:
    """The distance of two mono sounds.

    Raises:
      ValueError: they differ in length, are empty or hold NaN or infinity.
    """
    check_lengths(target.size, estimate.size)
    return self.distance(self.analyse(prepare(target)), self.analyse(prepare(estimate)))


def prepare(audio: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
  """A sound as metrics take it: one that never exceeds -120 dB of full scale becomes zeros.

  Raises:
    ValueError: it is empty or holds NaN or infinity.
  """
  if not audio.size:
    raise ValueError("a sound without samples cannot be measured")
  if not np.isfinite(audio).all():
    raise ValueError("a sound with NaN or infinity cannot be measured")
  return audio if np.abs(audio).max() > _SILENCE else np.zeros_like(audio)


def check_lengths(target: int, estimate: int) -> None:
  """Refuses (ValueError) sounds that differ in their number of samples."""
  if target != estimate:
    raise ValueError(f"the target has {target} samples, the estimate {estimate}")
