"""What every sound engine offers."""

from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.note import Note
from synthmatch_jax.spaces.space import ParameterSpace, Patch

Parallelism = Literal["process", "thread"]
"""Whether several engines of a kind live in threads of one process, or one in each process."""


class RenderError(Exception):
  """An engine did not render a patch as it should; the sentence says what was wrong."""


class Closed(Exception):  # noqa: N818 - not an error: it ends work that was called off.
  """The host of an engine was closed."""


@runtime_checkable
class Synth(Protocol):
  """One sound engine. It is not thread-safe: every worker has its own.

  Attributes:
    name: The name of the engine in the registry.
    space: The parameters that patches set; the base preset holds the rest.
    parallelism: See `Parallelism`.
    preset_suffix: The suffix of the files that `save_preset` writes, e.g. ".vital".
  """

  name: str
  space: ParameterSpace
  parallelism: Parallelism
  preset_suffix: str

  def render(
    self, patch: Patch, *, note: Note, seconds: float, sample_rate: int
  ) -> Float[np.ndarray, " n"]:
    """Plays the note with the patch: float32, mono, `round(seconds * sample_rate)` samples.

    The note starts at the first sample. Full scale is 1 and may be exceeded. `sound` checks that
    the samples are finite, and is how everybody else asks for sounds.

    Raises:
      RenderError: The settings were not applied.
    """
    ...

  def read_back(self) -> Patch:
    """Returns the patch as the engine has it: the proof that the settings were applied."""
    ...

  def save_preset(self, patch: Patch, path: Path) -> Path:
    """Writes the patch in the engine's own format, to be loaded in a DAW; returns the path.

    Raises:
      RenderError: The settings were not applied.
      UserError: The file cannot be written.
    """
    ...

  def read_preset(self, path: Path) -> Patch:
    """Returns the patch in a file of the engine's own format, as far as the space goes.

    The engine may not be as it was thereafter: it is to be discarded.

    Raises:
      OSError: The file cannot be read.
      ValueError, UserError: It is no such file.
    """
    ...

  def fingerprint(self) -> str:
    """Returns what a sound depends on: the engine, its version, the hash of its base preset."""
    ...


def sound(
  synth: Synth, patch: Patch, *, note: Note, seconds: float, sample_rate: int
) -> Float[np.ndarray, " n"]:
  """Returns the sound that an engine gives; every sound of every engine is checked here.

  Args:
    synth: The engine.
    patch: The patch to be played.
    note: The note to be played.
    seconds: The length of the sound.
    sample_rate: The sample rate in Hz.

  Raises:
    RenderError: The settings were not applied, or samples are NaN, infinite or missing.
  """
  audio = synth.render(patch, note=note, seconds=seconds, sample_rate=sample_rate)
  if audio.shape != (round(seconds * sample_rate),):
    raise RenderError(f"{audio.shape} samples instead of {round(seconds * sample_rate)}")
  if not np.isfinite(audio).all():
    raise RenderError("NaN or infinite samples")
  return audio
