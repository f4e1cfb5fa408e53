"""The recipe of a data set: everything that shapes its records."""

import dataclasses
import hashlib
import json
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from synthmatch_jax.audio.loudness import THRESHOLD_DB
from synthmatch_jax.audio.mel import MelSettings
from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.example import NotePrior
from synthmatch_jax.errors import UserError, brief
from synthmatch_jax.spaces import prior
from synthmatch_jax.spaces.parameters import SOUNDLESS, require_text
from synthmatch_jax.spaces.prior import Prior
from synthmatch_jax.spaces.scales import Layout
from synthmatch_jax.spaces.space import ParameterSpace, parameter_from_dict

# Raised when the same settings give other records: a build depends on it.
REVISION = 2

# Raised when the same controls give another sound, or a sound another mel, by what is not the
# engine's own: a match depends on it. Recipes that name one revision were made when both were one.
RENDER_REVISION = 2

Bounds = tuple[type, int | float, int | float]
"""The kind of a number (int or float), its least and its greatest value."""

# They bound what a stranger's recipe can cost; a sound file of over a minute is refused, too.
BOUNDS: Mapping[str, Bounds] = {
  "seed": (int, 0, 2**63 - 1),
  "seconds": (float, 0.1, 60.0),
  "threshold_db": (float, -1000.0, 1000.0),
  "shard_size": (int, 1, 10**7),
  "revision": (int, 0, 10**6),
  "render_revision": (int, 0, 10**6),
  "note.pitch": (int, 0, 127),
  "note.velocity": (int, 1, 127),
  "note.hold_seconds": (float, 1e-6, 60.0),
  "mel.sample_rate": (int, 4_000, 768_000),
  "mel.n_fft": (int, 2, 1 << 17),
  "mel.hop_length": (int, 1, 1 << 17),
  "mel.n_mels": (int, 1, 1 << 12),
  "mel.f_min": (float, 0.0, 384_000.0),
  "mel.f_max": (float, 1.0, 384_000.0),
  "mel.floor_db": (float, -1000.0, 1000.0),
}
# The most samples of a sound: a minute at 96 kHz.
_MOST_SAMPLES = 60 * 96_000
# Values of a spectrogram before and after the mel filters; the paper's has 178,000 and 5,568.
_MOST_VALUES, _MOST_MELS = 1 << 26, 1 << 20


class Sizes(TypedDict):
  """The sizes of what a model takes and gives; see `models.create`."""

  num_frames: int
  num_bins: int
  centres: tuple[float, ...]
  num_controls: int
  seconds: float
  layout: Layout


@dataclass(frozen=True, kw_only=True)
class Recipe:
  """What a record is made of; two data sets of equal recipes hold the same records.

  It is stored with the data set and travels with every model trained on it, so that whoever
  renders or analyses a sound later does it in the same way.

  Attributes:
    engine: The synth's name in `synths.registry`.
    fingerprint: What identifies the engine, with its version and the hash of its base preset.
    space: The parameters that the controls stand for.
    prior: The distribution of the controls.
    seed: The seed of all that is random.
    note: The note that is played; where notes vary, the one that an answer plays by default.
    notes: The distribution of notes; None where every record plays `note`.
    seconds: Length of a sound.
    mel: The spectrogram; its sample rate is the rate of the rendering.
    threshold_db: A sound of less loudness (LUFS) is drawn again.
    shard_size: Records that one engine renders in a row, from new to discarded. It belongs to
      the recipe since an engine's last bits depend on what it played before.
    revision: The revision of the code that makes records.
    render_revision: The revision of the code between controls, sound and mel.
    plugin: The description of the plugin (`synths.description`), where the engine is one.

  Raises:
    UserError: A number is out of its bounds, or the spectrograms would be too large.
  """

  engine: str
  fingerprint: str
  space: ParameterSpace
  prior: Prior
  seed: int = 0
  note: Note = dataclasses.field(default_factory=Note)
  notes: NotePrior | None = None
  seconds: float = 4.0
  mel: MelSettings = dataclasses.field(default_factory=MelSettings)
  threshold_db: float = THRESHOLD_DB
  shard_size: int = 256
  revision: int = REVISION
  render_revision: int = RENDER_REVISION
  plugin: Mapping[str, Any] | None = None

  def __post_init__(self):
    for name, bounds in BOUNDS.items():
      require_bounded(f"a recipe's {name}", operator.attrgetter(name)(self), bounds)
    if not self.mel.f_min < self.mel.f_max:
      raise UserError(f"a recipe's mel.f_max is above its mel.f_min, {self.mel.f_min:g} Hz")
    if self.num_samples > _MOST_SAMPLES:
      raise UserError(
        f"{self.seconds:g} s at {self.mel.sample_rate:,} Hz are {self.num_samples:,} samples, more"
        f" than the {_MOST_SAMPLES:,} allowed: take fewer seconds or a lower mel.sample_rate"
      )
    values = self.num_frames * (self.mel.n_fft // 2 + 1)
    if values > _MOST_VALUES or self.num_frames * self.mel.n_mels > _MOST_MELS:
      raise UserError(
        f"spectrograms of {self.num_frames:,} frames, {self.mel.n_fft:,} samples each, and"
        f" {self.mel.n_mels} mel bins are too large: take fewer seconds or a longer mel.hop_length"
      )

  @property
  def num_samples(self) -> int:
    """Number of samples of a sound."""
    return round(self.seconds * self.mel.sample_rate)

  @property
  def num_frames(self) -> int:
    """Number of frames of a spectrogram."""
    return self.mel.num_frames(self.num_samples)

  @property
  def sizes(self) -> Sizes:
    """The sizes of what a model of these records takes and gives."""
    return {
      "num_frames": self.num_frames,
      "num_bins": self.mel.n_mels,
      "centres": self.mel.centres,
      "num_controls": self.space.width,
      "seconds": self.seconds,
      "layout": self.space.layout,
    }

  def to_dict(self) -> dict[str, Any]:
    """The recipe as JSON-ready data."""
    plain = {
      field.name: getattr(self, field.name)
      for field in dataclasses.fields(self)
      if field.name not in ("space", "prior", "note", "notes", "mel")
    }
    if self.render_revision == self.revision:
      del plain["render_revision"]  # As before there were two: earlier versions can read it.
    return plain | {
      "space": self.space.to_dict(),
      "prior": self.prior.to_dict(),
      "note": self.note.to_dict(),
      "mel": dataclasses.asdict(self.mel),
      # Left out for one note: earlier versions can read such a recipe, and its digest stays.
      **({} if self.notes is None else {"notes": self.notes.to_dict()}),
    }

  @classmethod
  def from_dict(cls, data: Any) -> "Recipe":
    """Reads what `to_dict` gives.

    Raises:
      UserError: The data is no recipe; the sentence names what is wrong.
    """
    try:
      plain = dict(data)
      plain.setdefault("render_revision", plain.get("revision", RENDER_REVISION))
      for name in ("engine", "fingerprint"):
        require_text(name, plain[name])
      if plain.get("plugin") is not None:  # Its description is read where it is used.
        tuple(parameter_from_dict(c) for c in plain["plugin"]["controls"])
      space = ParameterSpace.from_dict(data["space"])
      made = {
        "space": space,
        "prior": prior.checked(data["prior"], space, origin="its"),
        "note": Note.from_dict(data["note"]),
        "notes": NotePrior.from_dict(data["notes"]) if "notes" in data else None,
        "mel": MelSettings(**data["mel"]),
      }
      return cls(**plain | made)
    except KeyError as error:
      raise UserError(f"the recipe is damaged: it has no {error}") from None
    except (UserError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
      raise UserError(f"the recipe is damaged: {brief(error)}") from None

  def essentials(self) -> dict[str, Any]:
    """Returns what shapes a record: `to_dict` without what serves people or the farm only.

    Left out are the words of parameters and what they are heard with; the words of the prior and of
    its distributions; and how the plugin is found and looked after, or the voices are found.
    """
    kept = self.to_dict()
    kept["space"] |= {"parameters": _bare_parameters(kept["space"]["parameters"])}
    kept["prior"] = _without(kept["prior"], "source") | {
      "controls": {n: _bare_distribution(d) for n, d in kept["prior"]["controls"].items()}
    }
    if "voices" in kept["prior"]:
      kept["prior"]["voices"] = _without(kept["prior"]["voices"], "folder", "advice")
    plugin = kept.pop("plugin")
    if plugin is not None:
      plugin = _without(plugin, "files", "care")
      kept["plugin"] = plugin | {"controls": _bare_parameters(plugin["controls"])}
    return kept

  def unlike(self, other: "Recipe") -> list[str]:
    """Names what makes the same patch and note sound otherwise under another recipe.

    How patches and notes are drawn is not among it, unless this recipe has one note only: who has
    learnt from it knows no other.
    """
    one, two = self.essentials(), other.essentials()
    drawn = {"prior", "seed", "shard_size", "threshold_db", "revision"}
    drawn |= set() if self.notes is None else {"note", "notes"}
    return [key for key in sorted({*one, *two} - drawn) if one.get(key) != two.get(key)]

  def digest(self) -> str:
    """Returns 16 hexadecimal digits of the essentials, which a better wording does not change."""
    text = json.dumps(self.essentials(), sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def require_bounded(name: str, value: Any, bounds: Bounds) -> None:
  """Raises a UserError that names a value unless it is a number of the kind within the bounds."""
  kind, least, most = bounds
  number = isinstance(value, int if kind is int else int | float)
  if not number or isinstance(value, bool) or not least <= value <= most:
    whole = "a whole number" if kind is int else "a number"
    raise UserError(f"{name} is {whole} from {least:g} to {most:g}, not {value!r:.50}")


def _without(data: Mapping[str, Any], *keys: str) -> dict[str, Any]:
  return {key: value for key, value in data.items() if key not in keys}


def _bare_parameters(parameters: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
  return [_without(parameter, *SOUNDLESS) for parameter in parameters]


def _bare_distribution(distribution: Mapping[str, Any]) -> dict[str, Any]:
  kept = _without(distribution, "why")
  if "components" in kept:
    kept["components"] = [_bare_distribution(part) for part in kept["components"]]
  return kept
