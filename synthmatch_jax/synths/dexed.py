"""Dexed, Yamaha's DX7 in software, through the package `dexed-py`."""

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from synthmatch_jax import files
from synthmatch_jax.audio.note import Note
from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces import dx7
from synthmatch_jax.spaces.space import ParameterSpace, Patch
from synthmatch_jax.synths.base import Parallelism, RenderError

# Raised when the same patch sounds different from before, and the reason is not dexed-py's version.
REVISION = 1

_NO_DEXED = "the Dexed engine needs the package dexed-py; `pip install dexed-py` (GPL-3) brings it"


@dataclass(frozen=True)
class DexedDescription:
  """What is known of the engine before it is made."""

  name: ClassVar[str] = "dexed"
  prior: ClassVar[str] = "voices"
  parallelism: ClassVar[Parallelism] = "thread"

  @property
  def space(self) -> ParameterSpace:
    """The parameters of a voice."""
    return dx7.space()

  def fingerprint(self) -> str:
    """Returns the fingerprint of the engine (see `Synth`), without making one.

    Raises:
      UserError: Dexed-py is not installed.
    """
    effective = json.dumps([(p.name, *p.effective) for p in self.space.parameters])
    digest = hashlib.sha256(effective.encode()).hexdigest()[:16]
    return f"{self.name}/{REVISION} dexed-py/{version()} space/{digest}"

  def make(self) -> "Dexed":
    """Makes the engine."""
    return Dexed()


class _Rate:
  """The sample rate of all engines of the process that render: dexed-py has one table for all."""

  def __init__(self):
    self._changed = threading.Condition()
    self._rate, self._users = 0, 0

  @contextlib.contextmanager
  def held(self, rate: int) -> Iterator[None]:
    """Waits until no engine renders at another rate, and keeps the rate as it is."""
    with self._changed:
      self._changed.wait_for(lambda: rate == self._rate or not self._users)
      self._rate, self._users = rate, self._users + 1
    try:
      yield
    finally:
      with self._changed:
        self._users -= 1
        self._changed.notify_all()


_RATE = _Rate()


class Dexed:
  """The engine (see `Synth` for the methods).

  Every sound is made by a new instance of Dexed, which takes less than 0.1 ms: nothing can be left
  of the sounds before, and sounds of the same controls are equal to the last bit.
  """

  name = DexedDescription.name
  parallelism: Parallelism = DexedDescription.parallelism
  preset_suffix = ".syx"

  def __init__(self):
    self.space = dx7.space()
    self._make, self._voice = _library()
    self._instance = self._make()

  def render(
    self, patch: Patch, *, note: Note, seconds: float, sample_rate: int
  ) -> Float[np.ndarray, " n"]:
    """See `Synth`."""
    self._load(patch, sample_rate)
    # dexed-py rounds halves of a sample up.
    asked = round(seconds * sample_rate) / sample_rate
    with _RATE.held(sample_rate):
      audio = self._instance.render(note.pitch, note.velocity, note.hold_seconds, asked)
    return np.asarray(audio, np.float32)

  def read_back(self) -> Patch:
    """See `Synth`. Dexed tells the voice that it has only as part of what is pickled of it."""
    (voice,) = (part for part in self._instance.__getstate__() if isinstance(part, bytes))
    return dx7.of_bytes(voice[: dx7.VALUES])

  def save_preset(self, patch: Patch, path: Path) -> Path:
    """See `Synth`. The preset is a dump of a single voice, which is named as the file is."""
    self._load(patch)
    with files.writing(path) as partial:
      partial.write_bytes(dx7.dump(self.read_back(), path.stem))
    return path

  def read_preset(self, path: Path) -> Patch:
    """See `Synth`. Of a bank, BANK.syx#5 is the fifth voice.

    Raises:
      UserError: The file cannot be read, holds no voices, or holds several and none is chosen.
    """
    file, chosen = dx7.chosen(path)
    try:
      voices = dx7.read(file)
    except OSError as error:
      reason = (error.strerror or str(error)).lower()
      raise UserError(f"{file} cannot be read ({reason}): check the path") from None
    except ValueError as error:
      raise UserError(f"{file} is no preset of Dexed: {error}; give a .syx of a DX7") from None
    if not 1 <= (chosen or len(voices)) <= len(voices) or (len(voices) > 1 and not chosen):
      raise UserError(
        f"{file} holds {len(voices)} voices: choose one as {file.name}#1 to #{len(voices)}"
      )
    return voices[(chosen or 1) - 1].patch

  def fingerprint(self) -> str:
    """See `Synth`."""
    return DexedDescription().fingerprint()

  def _load(self, patch: Patch, sample_rate: int = 44_100) -> None:
    """Loads a patch into a new instance.

    Raises:
      RenderError: Dexed has another patch than it was given.
    """
    voice = self._voice.from_sysex(dx7.dump(patch, "")[6:-2])
    self._instance = self._make(sample_rate=sample_rate)
    self._instance.load_patch(voice)
    wanted, found = dx7.of_bytes(dx7.to_bytes(patch)), self.read_back()
    if found != wanted:
      wrong = next(name for name in wanted if wanted[name] != found[name])
      raise RenderError(f"{wrong} was set to {wanted[wrong]} and reads back as {found[wrong]}")


def version() -> str:
  """Returns the version of dexed-py.

  Raises:
    UserError: It is not installed.
  """
  try:
    return metadata.version("dexed-py")
  except metadata.PackageNotFoundError:
    raise UserError(_NO_DEXED) from None


def _library() -> tuple[Any, Any]:
  """Returns the classes of a synth and of a voice."""
  try:
    from dexed import DexedSynth, Patch
  except ImportError:
    raise UserError(_NO_DEXED) from None
  return DexedSynth, Patch
