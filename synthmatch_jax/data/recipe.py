"""The recipe of a data set: everything that shapes its records."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from synthmatch_jax.audio.mel import MelSettings
from synthmatch_jax.audio.note import Note
from synthmatch_jax.spaces.prior import Prior
from synthmatch_jax.spaces.space import ParameterSpace

# Keys that shape no sound: text for people in spaces and priors, and what evaluations look at;
# how a plugin is found and looked after.
_IDLE = {"meaning", "unit", "source", "why", "heard_with", "files", "care"}

# Raised when records come out differently from the same settings.
REVISION = 2


class Sizes(TypedDict):
  """Of what a model of a recipe's records takes and gives; see `models.create`."""

  num_frames: int
  num_bins: int
  num_controls: int


@dataclass(frozen=True, kw_only=True)
class Recipe:
  """What a record is made of; two data sets of equal recipes hold the same records.

  It is stored with the data set and travels with every model trained on it, so that whoever
  renders or analyses a sound later does it in the same way.

  Attributes:
    engine: the synth's name in `synths.registry`.
    fingerprint: of the engine, with its version and the hash of its base preset.
    space: the parameters that the controls stand for.
    prior: the distribution of the controls.
    seed: of everything random.
    note: what is played.
    seconds: length of a sound.
    mel: the spectrogram; its sample rate is the rate of the rendering.
    threshold_db: a sound of less loudness (LUFS) is drawn again; -60 in the paper (section 3.1).
    shard_size: records that one engine renders in a row, from new to discarded. It belongs to
      the recipe since an engine's last bits depend on what it played before.
    revision: of the code that makes records.
    plugin: the description of the plugin (`synths.description`), where the engine is one.
  """

  engine: str
  fingerprint: str
  space: ParameterSpace
  prior: Prior
  seed: int = 0
  note: Note = dataclasses.field(default_factory=Note)
  seconds: float = 4.0
  mel: MelSettings = dataclasses.field(default_factory=MelSettings)
  threshold_db: float = -60.0
  shard_size: int = 256
  revision: int = REVISION
  plugin: Mapping[str, Any] | None = None

  @property
  def num_samples(self) -> int:
    """Samples of a sound."""
    return round(self.seconds * self.mel.sample_rate)

  @property
  def num_frames(self) -> int:
    """Frames of a spectrogram."""
    return self.mel.num_frames(self.num_samples)

  @property
  def sizes(self) -> Sizes:
    """Of what a model of these records takes and gives; see `models.create`."""
    return {
      "num_frames": self.num_frames,
      "num_bins": self.mel.n_mels,
      "num_controls": self.space.dim,
    }

  def to_dict(self) -> dict[str, Any]:
    """The recipe as JSON-ready data."""
    plain = {
      field.name: getattr(self, field.name)
      for field in dataclasses.fields(self)
      if field.name not in ("space", "prior", "note", "mel")
    }
    return plain | {
      "space": self.space.to_dict(),
      "prior": self.prior.to_dict(),
      "note": dataclasses.asdict(self.note),
      "mel": dataclasses.asdict(self.mel),
    }

  @classmethod
  def from_dict(cls, data: Mapping[str, Any]) -> "Recipe":
    """Inverse of `to_dict`."""
    return cls(
      **dict(data)
      | {
        "space": ParameterSpace.from_dict(data["space"]),
        "prior": Prior(**data["prior"]),
        "note": Note(**data["note"]),
        "mel": MelSettings(**data["mel"]),
      }
    )

  def essentials(self) -> dict[str, Any]:
    """What shapes a record: `to_dict` without what is there for people or for the farm only."""
    essentials = _without_idle(self.to_dict())
    if self.plugin is None:
      del essentials["plugin"]
    return essentials

  def digest(self) -> str:
    """16 hexadecimal digits of the essentials: a better wording renders nothing anew."""
    text = json.dumps(self.essentials(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _without_idle(tree: Any) -> Any:
  if isinstance(tree, Mapping):
    return {key: _without_idle(value) for key, value in tree.items() if key not in _IDLE}
  return [_without_idle(value) for value in tree] if isinstance(tree, list | tuple) else tree
