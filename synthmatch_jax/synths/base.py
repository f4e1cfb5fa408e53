"""What every sound engine offers."""

from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.note import Note
from synthmatch_jax.spaces.space import ParameterSpace, Patch


class RenderError(Exception):
  """The engine did not render a patch as it should; the sentence says what was wrong."""


class Closed(Exception):  # noqa: N818 - no error: it ends work that was called off.
  """The host of an engine was closed."""


@runtime_checkable
class Synth(Protocol):
  """One sound engine. Not thread-safe: one per worker.

  Attributes:
    name: as in the registry.
    space: the parameters that patches set; the rest is the base preset's.
    parallelism: whether several live in threads of one process, or one in each process.
    preset_suffix: of the files that `save_preset` writes, e.g. ".vital".
  """

  name: str
  space: ParameterSpace
  parallelism: Literal["process", "thread"]
  preset_suffix: str

  def render(
    self, patch: Patch, *, note: Note, seconds: float, sample_rate: int
  ) -> Float[np.ndarray, " n"]:
    """Plays the note with the patch: float32, mono, `round(seconds * sample_rate)` samples.

    The note starts at the first sample. Full scale is 1 and may be exceeded.

    Whether the samples are finite is looked at by `sound`, which is how sounds are asked for.

    Raises:
      RenderError: the settings were not applied.
    """
    ...

  def read_back(self) -> Patch:
    """What the engine says it has: proof that the settings were applied."""
    ...

  def save_preset(self, patch: Patch, path: Path) -> Path:
    """Writes the patch in the engine's own format, to be loaded in a DAW; returns the path."""
    ...

  def read_preset(self, path: Path) -> Patch:
    """The patch in a file of the engine's own format, as far as the space goes.

    The engine may not be as it was thereafter: it is to be discarded.

    Raises:
      OSError: The file cannot be read.
      ValueError, UserError: It is no such file.
    """
    ...

  def fingerprint(self) -> str:
    """Engine, version and hash of the base preset: what the sound depends on."""
    ...


def sound(
  synth: Synth, patch: Patch, *, note: Note, seconds: float, sample_rate: int
) -> Float[np.ndarray, " n"]:
  """The sound that an engine gives, if it is one: the one place where all of them are checked.

  Args:
    synth: the engine.
    patch: to be played.
    note: to be played.
    seconds: length of the sound.
    sample_rate: in Hz.

  Raises:
    RenderError: the settings were not applied, or samples are NaN, infinite or missing.
  """
  audio = synth.render(patch, note=note, seconds=seconds, sample_rate=sample_rate)
  if audio.shape != (round(seconds * sample_rate),):
    raise RenderError(f"{audio.shape} samples instead of {round(seconds * sample_rate)}")
  if not np.isfinite(audio).all():
    raise RenderError("NaN or infinite samples")
  return audio
